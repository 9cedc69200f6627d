//! CSV rows, one line at a time: memory does not grow with the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use super::columns::{Columns, NEEDED};
use super::number::{self, TimeUnit};
use super::{Rows, value_error};
use crate::domain::{Bar, MarketEvent, Price, Quantity, Side, Timeframe, Trade};
use crate::market::source::SourceError;

/// The longest line that is read; longer ones are damage (a binary file, a lost line break).
const MAX_LINE: usize = 64 * 1024;
/// Read-ahead.
const BUFFER: usize = 256 * 1024;

/// What one pass over a file found.
pub(super) struct Survey {
    /// Content hash.
    pub hash: blake3::Hash,
    /// Line breaks, plus one if the last line has none.
    pub lines: u64,
    /// Bytes.
    pub length: u64,
}

/// Hashes a file and counts its lines, in constant memory.
pub(super) fn survey(path: &Path) -> io::Result<Survey> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER];
    let (mut lines, mut length, mut last) = (0_u64, 0_u64, b'\n');
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
        lines += buffer[..n].iter().filter(|b| **b == b'\n').count() as u64;
        length += n as u64;
        last = buffer[n - 1];
    }
    Ok(Survey { hash: hasher.finalize(), lines: lines + u64::from(last != b'\n'), length })
}

/// Hashes what passes through.
struct Hashed {
    file: io::Take<File>,
    hasher: blake3::Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

/// The rows of a CSV file.
pub(super) struct CsvRows {
    path: String,
    reader: BufReader<Hashed>,
    expected: blake3::Hash,
    names: Vec<String>,
    columns: Columns,
    delimiter: u8,
    unit: Option<TimeUnit>,
    line: Vec<u8>,
    line_number: u64,
    fields: Vec<Range<usize>>,
}

impl CsvRows {
    /// Opens the file that `survey` describes and reads its header.
    pub(super) fn open(path: &Path, survey: &Survey) -> Result<Self, SourceError> {
        let shown = path.display().to_string();
        let file = File::open(path).map_err(|source| SourceError::Io { path: shown.clone(), source })?;
        // What is appended from now on belongs to another identity.
        let hashed = Hashed { file: file.take(survey.length), hasher: blake3::Hasher::new() };
        let mut rows = Self {
            path: shown,
            reader: BufReader::with_capacity(BUFFER, hashed),
            expected: survey.hash,
            names: Vec::new(),
            columns: Columns::Trades(super::columns::TradeColumns {
                time: 0,
                price: 0,
                volume: 0,
                side: None,
                trade_id: None,
            }),
            delimiter: b',',
            unit: None,
            line: Vec::new(),
            line_number: 0,
            fields: Vec::new(),
        };
        rows.read_header()?;
        Ok(rows)
    }

    fn read_header(&mut self) -> Result<(), SourceError> {
        if !self.read_line()? {
            return Err(self.format(format!("the file is empty; needed: {NEEDED}")));
        }
        if self.line.starts_with(&[0xff, 0xfe]) || self.line.starts_with(&[0xfe, 0xff]) {
            return Err(self.format("the text is UTF-16; allowed: UTF-8".to_owned()));
        }
        let Ok(header) = std::str::from_utf8(&self.line) else {
            return Err(self.format("the first line is no text; allowed: CSV in UTF-8".to_owned()));
        };
        let count = |delimiter: u8| header.bytes().filter(|b| *b == delimiter).count();
        let delimiter = [b',', b';', b'\t'].into_iter().rev().max_by_key(|d| count(*d)).unwrap_or(b',');
        self.delimiter = delimiter;
        self.split()?;
        self.names = self
            .fields
            .iter()
            .map(|r| String::from_utf8_lossy(&self.line[r.clone()]).trim().to_owned())
            .collect();
        if self.names.iter().any(|name| number::parse_decimal(name.as_bytes()).is_some()) {
            return Err(self
                .format(format!("there is no header line, the first line holds values; needed: {NEEDED}")));
        }
        self.columns = Columns::find(&self.names).map_err(|reason| self.format(reason))?;
        Ok(())
    }

    /// Reads the next line that is not blank, without its line break or a byte order mark.
    fn read_line(&mut self) -> Result<bool, SourceError> {
        loop {
            self.line.clear();
            let mut limited = (&mut self.reader).take(MAX_LINE as u64 + 1);
            let read = limited.read_until(b'\n', &mut self.line);
            let n = read.map_err(|source| SourceError::Io { path: self.path.clone(), source })?;
            if n == 0 {
                return Ok(false);
            }
            self.line_number += 1;
            if n > MAX_LINE {
                return Err(self.row(format!("the line is longer than {MAX_LINE} bytes; allowed: CSV text")));
            }
            if self.line_number == 1 && self.line.starts_with(&[0xef, 0xbb, 0xbf]) {
                self.line.drain(..3);
            }
            while matches!(self.line.last(), Some(b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// Cuts the line into fields. A field may stand in double quotes, on one line.
    fn split(&mut self) -> Result<(), SourceError> {
        self.fields.clear();
        let (mut start, mut quoted) = (0, false);
        for (i, &byte) in self.line.iter().enumerate() {
            if byte == b'"' {
                quoted = !quoted;
            } else if byte == self.delimiter && !quoted {
                self.fields.push(unquoted(&self.line, start..i));
                start = i + 1;
            }
        }
        if quoted {
            return Err(self.row("a double quote is not closed on its line".to_owned()));
        }
        self.fields.push(unquoted(&self.line, start..self.line.len()));
        Ok(())
    }

    fn field(&self, column: usize) -> &[u8] {
        self.fields.get(column).and_then(|range| self.line.get(range.clone())).unwrap_or(&[])
    }

    fn format(&self, reason: String) -> SourceError {
        SourceError::Format { path: self.path.clone(), reason }
    }

    fn row(&self, reason: String) -> SourceError {
        SourceError::Row { path: self.path.clone(), place: format!("line {}", self.line_number), reason }
    }

    fn value(&self, column: usize, allowed: &'static str) -> SourceError {
        let name = self.names.get(column).map_or("?", String::as_str);
        let text = String::from_utf8_lossy(self.field(column)).into_owned();
        value_error(&self.path, format!("line {}", self.line_number), name, &text, allowed)
    }

    fn price(&self, column: usize) -> Result<Price, SourceError> {
        number::parse_decimal(self.field(column))
            .map(Price)
            .ok_or_else(|| self.value(column, number::ALLOWED_DECIMAL))
    }

    fn quantity(&self, column: usize) -> Result<Quantity, SourceError> {
        self.price(column).map(|number| Quantity(number.get()))
    }

    fn count(&self, column: Option<usize>) -> Result<Option<u64>, SourceError> {
        let Some(column) = column else { return Ok(None) };
        number::parse_count(self.field(column)).ok_or_else(|| self.value(column, number::ALLOWED_COUNT))
    }

    fn parse(&mut self) -> Result<MarketEvent, SourceError> {
        let time_column = match &self.columns {
            Columns::Bars(columns) => columns.time,
            Columns::Trades(columns) => columns.time,
        };
        let mut unit = self.unit;
        let time = number::parse_time(self.field(time_column), &mut unit)
            .ok_or_else(|| self.value(time_column, number::ALLOWED_TIME))?;
        self.unit = unit;
        match self.columns {
            Columns::Bars(c) => Ok(MarketEvent::Bar(Bar {
                open_time: time,
                timeframe: Timeframe::M1,
                open: self.price(c.open)?,
                high: self.price(c.high)?,
                low: self.price(c.low)?,
                close: self.price(c.close)?,
                volume: self.quantity(c.volume)?,
                trade_count: self.count(c.count)?,
            })),
            Columns::Trades(c) => Ok(MarketEvent::Trade(Trade {
                time,
                price: self.price(c.price)?,
                quantity: self.quantity(c.volume)?,
                taker_side: match c.side {
                    Some(column) => parse_side(self.field(column))
                        .ok_or_else(|| self.value(column, number::ALLOWED_SIDE))?,
                    None => None,
                },
                trade_id: self.count(c.trade_id)?,
            })),
        }
    }
}

impl Rows for CsvRows {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn place(&self) -> String {
        format!("line {}", self.line_number)
    }

    fn next_row(&mut self) -> Result<Option<MarketEvent>, SourceError> {
        if !self.read_line()? {
            return if self.reader.get_ref().hasher.finalize() == self.expected {
                Ok(None)
            } else {
                Err(SourceError::Changed { path: self.path.clone() })
            };
        }
        self.split()?;
        if self.fields.len() != self.names.len() {
            return Err(self.row(format!(
                "{} fields where the header names {} columns; allowed: as many as columns",
                self.fields.len(),
                self.names.len()
            )));
        }
        self.parse().map(Some)
    }
}

/// `b`, `buy`, `s`, `sell` in any case; nothing at all is `Some(None)`.
pub(super) fn parse_side(text: &[u8]) -> Option<Option<Side>> {
    let text = text.trim_ascii();
    let is = |word: &[u8]| text.eq_ignore_ascii_case(word);
    if text.is_empty() {
        Some(None)
    } else if is(b"b") || is(b"buy") {
        Some(Some(Side::Buy))
    } else if is(b"s") || is(b"sell") {
        Some(Some(Side::Sell))
    } else {
        None
    }
}

fn unquoted(line: &[u8], range: Range<usize>) -> Range<usize> {
    match &line[range.clone()] {
        [b'"', .., b'"'] => range.start + 1..range.end - 1,
        _ => range,
    }
}
