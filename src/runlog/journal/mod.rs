//! The journal: `journal.bin`, format version 1.
//!
//! Append-only. All integers are little endian. The file is a header and then records, without
//! padding or footer.
//!
//! # File header, 16 bytes
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `50 45 41 4B 4A 52 4E 0A` (`PEAKJRN\n`) |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | CRC-32C of bytes 0 to 11 |
//!
//! # Record, 33 bytes and the payload
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `len`: length of the payload, at most 16,777,216 |
//! | 4 | 4 | CRC-32C (Castagnoli) of bytes 0 to 3 and then bytes 8 to the payload's end |
//! | 8 | 8 | sequence number: 1, 2, 3, … without a gap |
//! | 16 | 1 | kind: 1 decision, 2 inputs, 3 operational |
//! | 17 | 16 | chain value: the first 16 bytes of BLAKE3(previous chain value ‖ bytes 0 to 3 ‖ bytes 8 to 16 ‖ payload) |
//! | 33 | `len` | payload |
//!
//! The chain value before the first record is the first 16 bytes of BLAKE3(file header). So a
//! record is valid only at its place: right length, checksum, number, and all records before it
//! unchanged. A length that was damaged cannot make one record swallow others.
//!
//! # Payloads
//!
//! - *Decision* (1): a [`KeyedRecord`](crate::messages::KeyedRecord), *operational* (3): an
//!   [`OperationalRecord`](crate::messages::OperationalRecord), both in
//!   [postcard](https://postcard.jamesmunns.com/wire-format) 1: fields in the order of
//!   declaration, enums by the number of the variant, integers as varints, decimals, symbols and
//!   run ids as text, timestamps as nanoseconds since 1970 UTC.
//! - *Inputs* (2): one batch of at most 1,024 inputs by columns.
//!
//! ## Columns of an inputs record
//!
//! `varint` is LEB128 (7 bits a byte, lowest first), `zigzag` a varint of `(n << 1) ^ (n >> 63)`.
//! All differences wrap at 64 bits.
//!
//! ```text
//! varint  number of the first input (the others follow by one)
//! zigzag  time of arrival of the batch, wall clock, ns
//! varint  count (1 to 1,024)
//! runs    kind of each input: 0 bar, 1 trade, 2 quote
//! runs    accepted: 0 or 1
//! then, if there are bars:    times open_time, runs timeframe (0 = 1m, 1 = 5m, 2 = 15m, 3 = 30m,
//!                             4 = 1h, 5 = 4h, 6 = 1d), decimals open, high, low, close, volume,
//!                             optional trade_count
//! then, if there are trades:  times, decimals price, quantity, sides, optional trade_id
//! then, if there are quotes:  times, decimals bid, bid_quantity, ask, ask_quantity
//!
//! runs      byte value, varint length; repeated until the column is full
//! times     zigzag of the first time in ns, then zigzag differences of the differences
//!           (the first difference counts from 0)
//! sides     two bits each, lowest first, padded with 0: 0 unknown, 1 buy, 2 sell
//! optional  byte 0: all missing; byte 1: all there, then the values; byte 2: one bit each
//!           (lowest first, padded with 0) that says which are there, then those values;
//!           values are zigzag differences, the first from 0
//! decimals  byte 0: byte scale, then zigzag differences of the mantissas (first from 0);
//!           byte 1: the same, and each value loses its trailing zeros on reading;
//!           byte 2: for each value a byte (scale, and 128 if negative) and a varint of up to
//!           96 bits, the magnitude
//! ```
//!
//! A decimal comes back with its value and its scale (`1.50` stays `1.50`); only a negative
//! nought comes back as nought.

mod columns;
mod decimals;
pub mod faulty;
mod file;
mod frame;
mod reader;
mod scan;
mod varint;
mod writer;

pub use columns::InputsRecord;
pub use file::{JournalFile, OsFile, ReadAt};
pub use frame::{ChainValue, FILE_HEADER, Kind, MAX_PAYLOAD, RECORD_HEADER};
pub use reader::{JournalEntry, JournalReader, JournalRecord};
pub use scan::{Damage, Ending, ScanReport, scan, scan_source};
pub use writer::{BUFFER_LIMIT, JournalWriter};

pub(crate) use file::{read_full, size};
pub(crate) use reader::{FrameReader, Step, decode_payload};
pub(crate) use scan::classify;

#[cfg(test)]
mod tests;
