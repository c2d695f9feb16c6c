//! The part of the zip format that checkpoints use: uncompressed records, and zip64 where 32 bits are not enough.
//!
//! Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.

/// Signatures, in the order of the file.
pub(crate) mod signature {
    pub(crate) const LOCAL_HEADER: u32 = 0x0403_4b50;
    pub(crate) const CENTRAL_HEADER: u32 = 0x0201_4b50;
    pub(crate) const ZIP64_END: u32 = 0x0606_4b50;
    pub(crate) const ZIP64_LOCATOR: u32 = 0x0706_4b50;
    pub(crate) const END: u32 = 0x0605_4b50;
}

/// The length of a local header without the name and the extra fields.
pub(crate) const LOCAL_HEADER_LEN: u64 = 30;

/// The id of the extra field for numbers that do not fit in 32 bits.
pub(crate) const ZIP64_EXTRA: u16 = 0x0001;

/// The content of a 32-bit field whose value is in the zip64 extra field or end record.
pub(crate) const IN_ZIP64: u32 = u32::MAX;

/// The content of a 16-bit field whose value is in the zip64 end record.
pub(crate) const IN_ZIP64_16: u16 = u16::MAX;
