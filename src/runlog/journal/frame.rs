//! Headers, checksum and chain of the journal's records.

use super::super::error::RunLogError;

/// Length of the file header in bytes.
pub const FILE_HEADER: usize = 16;
/// Length of a record's header in bytes.
pub const RECORD_HEADER: usize = 33;
/// The longest payload in bytes.
pub const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// Version of the format.
pub(super) const VERSION: u32 = 1;
/// First bytes of the file.
const MAGIC: [u8; 8] = *b"PEAKJRN\n";

/// A link of the hash chain.
pub type ChainValue = [u8; 16];

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyed decision record.
    Decision,
    /// A batch of inputs.
    Inputs,
    /// An operational record.
    Operational,
}

impl Kind {
    pub(super) const fn as_byte(self) -> u8 {
        match self {
            Self::Decision => 1,
            Self::Inputs => 2,
            Self::Operational => 3,
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Decision),
            2 => Some(Self::Inputs),
            3 => Some(Self::Operational),
            _ => None,
        }
    }
}

/// The bytes that every journal begins with.
pub(super) fn file_header() -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let crc = crc32c::crc32c(&header[..12]);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The chain value before the first record.
pub(super) fn first_link() -> ChainValue {
    cut(&blake3::hash(&file_header()))
}

/// Checks a file header: true when it is ours, false when it is damaged.
pub(super) fn check_file_header(header: &[u8; FILE_HEADER]) -> Result<bool, RunLogError> {
    if *header == file_header() {
        return Ok(true);
    }
    let crc = crc32c::crc32c(&header[..12]).to_le_bytes();
    if header[..8] == MAGIC && header[12..] == crc {
        let found = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        return Err(RunLogError::UnknownVersion { found, known: VERSION });
    }
    Ok(false)
}

fn cut(hash: &blake3::Hash) -> ChainValue {
    let mut link = [0; 16];
    link.copy_from_slice(&hash.as_bytes()[..16]);
    link
}

/// The chain value of a record, from the previous one, its header (of which only length, number
/// and kind count) and its payload.
fn next_link(previous: &ChainValue, header: &[u8; RECORD_HEADER], payload: &[u8]) -> ChainValue {
    let mut start = [0; 29];
    start[..16].copy_from_slice(previous);
    start[16..20].copy_from_slice(&header[..4]);
    start[20..].copy_from_slice(&header[8..17]);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&start);
    hasher.update(payload);
    cut(&hasher.finalize())
}

/// Appends one record to `out` and moves the chain on.
pub(super) fn append(
    out: &mut Vec<u8>,
    kind: Kind,
    seq: u64,
    chain: &mut ChainValue,
    payload: &[u8],
) -> Result<(), RunLogError> {
    let too_large = RunLogError::RecordTooLarge { bytes: payload.len(), max: MAX_PAYLOAD };
    if payload.len() > MAX_PAYLOAD {
        return Err(too_large);
    }
    let Ok(len) = u32::try_from(payload.len()) else { return Err(too_large) };
    let mut header = [0; RECORD_HEADER];
    header[..4].copy_from_slice(&len.to_le_bytes());
    header[8..16].copy_from_slice(&seq.to_le_bytes());
    header[16] = kind.as_byte();
    *chain = next_link(chain, &header, payload);
    header[17..].copy_from_slice(chain);
    let crc = crc_of_header(&header);
    let crc = crc32c::crc32c_append(crc, payload);
    header[4..8].copy_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
    Ok(())
}

/// The checksum's part over the header; continue it with the payload.
pub(super) fn crc_of_header(header: &[u8; RECORD_HEADER]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..4]), &header[8..])
}

/// A record header's fields, unchecked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub len: usize,
    pub crc: u32,
    pub seq: u64,
    pub kind: u8,
    pub chain: ChainValue,
}

pub(super) fn fields(header: &[u8; RECORD_HEADER]) -> Fields {
    let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let mut seq = [0; 8];
    seq.copy_from_slice(&header[8..16]);
    let mut chain = [0; 16];
    chain.copy_from_slice(&header[17..]);
    Fields {
        // A u32 fits: usize is 32 bits or more wherever this compiles with std.
        len: u32_at(0) as usize,
        crc: u32_at(4),
        seq: u64::from_le_bytes(seq),
        kind: header[16],
        chain,
    }
}

/// True when header and payload are a record, and the one that belongs after `previous`.
pub(super) fn belongs(
    header: &[u8; RECORD_HEADER],
    payload: &[u8],
    seq: u64,
    previous: &ChainValue,
) -> Option<(Kind, ChainValue)> {
    let fields = fields(header);
    let kind = Kind::from_byte(fields.kind)?;
    let crc = crc32c::crc32c_append(crc_of_header(header), payload);
    let link = next_link(previous, header, payload);
    (fields.len == payload.len() && fields.crc == crc && fields.seq == seq && fields.chain == link)
        .then_some((kind, link))
}
