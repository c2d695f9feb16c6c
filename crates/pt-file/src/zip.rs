//! The part of the zip format that a checkpoint uses: stored records, and zip64 where 32 bits do not suffice.
//!
//! Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.

/// Signatures, in the order in which the parts stand in a file.
pub(crate) mod signature {
    pub(crate) const LOCAL_HEADER: u32 = 0x0403_4b50;
    pub(crate) const CENTRAL_HEADER: u32 = 0x0201_4b50;
    pub(crate) const ZIP64_END: u32 = 0x0606_4b50;
    pub(crate) const ZIP64_LOCATOR: u32 = 0x0706_4b50;
    pub(crate) const END: u32 = 0x0605_4b50;
}

/// The extra field that holds what does not fit into 32 bits.
pub(crate) const ZIP64_EXTRA: u16 = 0x0001;

/// Stands in a 32-bit field whose value is in the zip64 extra field or end record.
pub(crate) const IN_ZIP64: u32 = u32::MAX;

/// Stands in a 16-bit field whose value is in the zip64 end record.
pub(crate) const IN_ZIP64_16: u16 = u16::MAX;
