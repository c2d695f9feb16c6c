//! Checks the segments of a JPEG file before it is decoded.
//!
//! The decoder of the crate `image` accepts a file that ends early and fills the rest of the picture with grey. A network
//! would classify that. Source: ITU-T T.81, annex B.

use anyhow::{Context, Result, bail, ensure};

/// An honest file has a few dozen segments. The decoder's time grows with their square.
const MAX_SEGMENTS: usize = 1000;
/// A progressive file has about ten scans. The decoder's time grows with their number.
const MAX_SCANS: usize = 64;

/// Start of scan: compressed pixels follow its segment.
const SOS: u8 = 0xda;
/// End of image.
const EOI: u8 = 0xd9;

/// Checks that the segments lead to the end-of-image marker. Bytes after it, such as a second picture, are allowed.
///
/// # Errors
/// If the marker is missing, or there are far too many segments.
pub fn check(file: &[u8]) -> Result<()> {
    let mut rest = file.get(2..).unwrap_or_default(); // after the start-of-image marker
    let (mut segments, mut scans) = (0, 0);
    loop {
        let marker = next_marker(&mut rest, scans > 0).context("the JPEG file is not complete: its end is missing")?;
        match marker {
            EOI if scans == 0 => bail!("the JPEG file has no pixels"),
            EOI => return Ok(()),
            0x00 | 0xd0..=0xd7 => bail!("the JPEG file has the marker {marker:#04x} before its first scan"),
            SOS => scans += 1,
            _ => {}
        }
        segments += 1;
        ensure!(
            scans <= MAX_SCANS && segments <= MAX_SEGMENTS,
            "the JPEG file has more than {MAX_SEGMENTS} segments or more than {MAX_SCANS} scans: save it again with another program"
        );
        // The length of a segment includes its own two bytes. A segment that is longer than the file has no end marker.
        let length = rest.first_chunk().map_or(0, |&bytes| usize::from(u16::from_be_bytes(bytes)));
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// The next marker; `rest` are then the bytes after it. Skips compressed pixels with their restart markers, which are possible
/// after the first start of scan. `None` at the end of the file.
fn next_marker(rest: &mut &[u8], in_scan: bool) -> Option<u8> {
    loop {
        let at = rest.iter().position(|&byte| byte == 0xff)?;
        let marker = *rest.get(at + 1)?;
        // 0xff 0x00 is a byte of the pixels, 0xff 0xff is a fill byte, and 0xd0 to 0xd7 are restart markers.
        let skipped = if marker == 0xff { 1 } else { 2 };
        *rest = &rest[at + skipped..];
        let is_part_of_scan = in_scan && matches!(marker, 0x00 | 0xd0..=0xd7);
        if !is_part_of_scan && marker != 0xff {
            return Some(marker);
        }
    }
}
