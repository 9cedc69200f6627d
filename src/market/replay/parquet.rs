//! Parquet rows, one record batch at a time.

use std::fmt::Write as _;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch, StringArray};
use arrow_schema::{DataType, TimeUnit as ArrowTimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use rust_decimal::Decimal;

use super::columns::Columns;
use super::csv::parse_side;
use super::number::{self, TimeUnit};
use super::{Rows, value_error};
use crate::domain::{Bar, MarketEvent, Price, Quantity, Side, Timeframe, Timestamp, Trade};
use crate::market::source::SourceError;

/// Rows decoded at a time.
const BATCH: usize = 4_096;
/// Nanoseconds of a UTC day, for date columns.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// One column of the current batch.
enum Cells {
    Integers(Vec<Option<i128>>),
    /// As the shortest text that reads back as the same number: the decimal that a person meant.
    Floats(Vec<Option<String>>),
    /// Unscaled, with the scale.
    Decimals(Vec<Option<i128>>, i8),
    Texts(StringArray),
    /// Nanoseconds since the epoch; out of range is `Err` with the value.
    Times(Vec<Option<Result<Timestamp, i64>>>),
}

impl Cells {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Integers(cells) => cells.get(row).is_none_or(Option::is_none),
            Self::Floats(cells) => cells.get(row).is_none_or(Option::is_none),
            Self::Decimals(cells, _) => cells.get(row).is_none_or(Option::is_none),
            Self::Texts(cells) => cells.is_null(row),
            Self::Times(cells) => cells.get(row).is_none_or(Option::is_none),
        }
    }

    /// The value for an error text.
    fn shown(&self, row: usize) -> String {
        if self.is_null(row) {
            return "null".to_owned();
        }
        match self {
            Self::Integers(cells) => cells[row].map(|v| v.to_string()),
            Self::Floats(cells) => cells[row].clone(),
            Self::Decimals(cells, scale) => cells[row].map(|v| format!("{v}e{}", -i32::from(*scale))),
            Self::Texts(cells) => Some(cells.value(row).to_owned()),
            Self::Times(cells) => cells[row].map(|v| match v {
                Ok(time) => time.to_string(),
                Err(raw) => raw.to_string(),
            }),
        }
        .unwrap_or_default()
    }

    fn decimal(&self, row: usize) -> Option<Decimal> {
        if self.is_null(row) {
            return None;
        }
        match self {
            Self::Integers(cells) => Decimal::try_from_i128_with_scale(cells[row]?, 0).ok(),
            Self::Floats(cells) => number::parse_decimal(cells[row].as_ref()?.as_bytes()),
            Self::Decimals(cells, scale) => scaled(cells[row]?, *scale),
            Self::Texts(cells) => number::parse_decimal(cells.value(row).as_bytes()),
            Self::Times(_) => None,
        }
    }

    fn time(&self, row: usize, unit: &mut Option<TimeUnit>) -> Option<Timestamp> {
        if self.is_null(row) {
            return None;
        }
        match self {
            Self::Integers(cells) => number::time_from_integer(i64::try_from(cells[row]?).ok()?, unit),
            Self::Floats(cells) => number::parse_time(cells[row].as_ref()?.as_bytes(), unit),
            Self::Decimals(_, _) => number::parse_time(self.decimal(row)?.to_string().as_bytes(), unit),
            Self::Texts(cells) => number::parse_time(cells.value(row).as_bytes(), unit),
            Self::Times(cells) => cells[row]?.ok(),
        }
    }

    fn count(&self, row: usize) -> Option<Option<u64>> {
        if self.is_null(row) {
            return Some(None);
        }
        match self {
            Self::Texts(cells) => number::parse_count(cells.value(row).as_bytes()),
            _ => number::parse_count(self.decimal(row)?.to_string().as_bytes()),
        }
    }

    fn side(&self, row: usize) -> Option<Option<Side>> {
        match self {
            _ if self.is_null(row) => Some(None),
            Self::Texts(cells) => parse_side(cells.value(row).as_bytes()),
            _ => None,
        }
    }
}

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    path: String,
    reader: ParquetRecordBatchReader,
    names: Vec<String>,
    columns: Columns,
    batch: Vec<Cells>,
    batch_rows: usize,
    next: usize,
    row_number: u64,
    unit: Option<TimeUnit>,
    /// Rows of the file, by its footer.
    pub(super) total_rows: u64,
    /// What a person should know.
    pub(super) note: Option<String>,
}

impl ParquetRows {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let shown = path.display().to_string();
        let format = |reason: String| SourceError::Format { path: shown.clone(), reason };
        let file = File::open(path).map_err(|source| SourceError::Io { path: shown.clone(), source })?;
        // Types come from Parquet itself, not from the writer's Arrow schema: fewer of them.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options))
            .map_err(|reason| format(format!("no readable Parquet file: {reason}")))?;
        let schema = builder.schema().clone();
        let all: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let used = Columns::find(&all).map_err(&format)?.used();
        let names: Vec<String> = used.iter().filter_map(|i| all.get(*i).cloned()).collect();
        let columns = Columns::find(&names).map_err(&format)?;
        let mut note = None;
        for &i in &used {
            let field = schema.field(i);
            if !is_supported(field.data_type()) {
                return Err(format(format!(
                    "column {} is of type {}; allowed: integers, floats, decimals, texts, and timestamps for time",
                    field.name(),
                    field.data_type()
                )));
            }
            if matches!(field.data_type(), DataType::Timestamp(_, None) | DataType::Date32) {
                note = Some(format!("column {} has no time zone and is read as UTC", field.name()));
            }
        }
        let total_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mask = ProjectionMask::roots(builder.parquet_schema(), used);
        let reader = guarded(|| builder.with_projection(mask).with_batch_size(BATCH).build())
            .map_err(|reason| format(format!("no readable Parquet file: {reason}")))?;
        Ok(Self {
            path: shown,
            reader,
            names,
            columns,
            batch: Vec::new(),
            batch_rows: 0,
            next: 0,
            row_number: 0,
            unit: None,
            total_rows,
            note,
        })
    }

    fn load(&mut self) -> Result<bool, SourceError> {
        loop {
            let batch = match guarded(|| self.reader.next().transpose()) {
                Ok(None) => return Ok(false),
                Ok(Some(batch)) => batch,
                Err(reason) => {
                    let place = format!("after row {}", self.row_number);
                    let reason = format!("damaged Parquet data: {reason}");
                    return Err(SourceError::Row { path: self.path.clone(), place, reason });
                }
            };
            if batch.num_rows() > 0 {
                self.take(&batch)?;
                return Ok(true);
            }
        }
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), SourceError> {
        self.batch.clear();
        for (array, name) in batch.columns().iter().zip(&self.names) {
            let cells = decode(array).ok_or_else(|| SourceError::Format {
                path: self.path.clone(),
                reason: format!("column {name} is of type {}, which cannot be read", array.data_type()),
            })?;
            self.batch.push(cells);
        }
        self.batch_rows = batch.num_rows();
        self.next = 0;
        Ok(())
    }

    fn cell<T>(
        &self,
        column: usize,
        row: usize,
        allowed: &'static str,
        read: impl FnOnce(&Cells) -> Option<T>,
    ) -> Result<T, SourceError> {
        self.batch.get(column).and_then(read).ok_or_else(|| {
            let name = self.names.get(column).map_or("?", String::as_str);
            let shown = self.batch.get(column).map_or_else(String::new, |cells| cells.shown(row));
            value_error(&self.path, format!("row {}", self.row_number), name, &shown, allowed)
        })
    }

    fn decimal(&self, column: usize, row: usize) -> Result<Decimal, SourceError> {
        self.cell(column, row, number::ALLOWED_DECIMAL, |cells| cells.decimal(row))
    }

    fn price(&self, column: usize, row: usize) -> Result<Price, SourceError> {
        self.decimal(column, row).map(Price)
    }

    fn count(&self, column: Option<usize>, row: usize) -> Result<Option<u64>, SourceError> {
        column.map_or(Ok(None), |column| self.cell(column, row, number::ALLOWED_COUNT, |c| c.count(row)))
    }

    fn time(&mut self, column: usize, row: usize) -> Result<Timestamp, SourceError> {
        let mut unit = self.unit;
        let time = self.cell(column, row, number::ALLOWED_TIME, |cells| cells.time(row, &mut unit))?;
        self.unit = unit;
        Ok(time)
    }
}

impl Rows for ParquetRows {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn place(&self) -> String {
        format!("row {}", self.row_number)
    }

    fn next_row(&mut self) -> Result<Option<MarketEvent>, SourceError> {
        if self.next >= self.batch_rows && !self.load()? {
            return Ok(None);
        }
        let row = self.next;
        self.next += 1;
        self.row_number += 1;
        let event = match self.columns {
            Columns::Bars(c) => MarketEvent::Bar(Bar {
                open_time: self.time(c.time, row)?,
                timeframe: Timeframe::M1,
                open: self.price(c.open, row)?,
                high: self.price(c.high, row)?,
                low: self.price(c.low, row)?,
                close: self.price(c.close, row)?,
                volume: Quantity(self.decimal(c.volume, row)?),
                trade_count: self.count(c.count, row)?,
            }),
            Columns::Trades(c) => MarketEvent::Trade(Trade {
                time: self.time(c.time, row)?,
                price: self.price(c.price, row)?,
                quantity: Quantity(self.decimal(c.volume, row)?),
                taker_side: match c.side {
                    Some(column) => self.cell(column, row, number::ALLOWED_SIDE, |cells| cells.side(row))?,
                    None => None,
                },
                trade_id: self.count(c.trade_id, row)?,
            }),
        };
        Ok(Some(event))
    }
}

/// The decoder panics on some damaged files where it should return an error; a source must not.
/// What it was working on is not used again.
fn guarded<T, E: std::fmt::Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("its structure contradicts itself".to_owned()),
    }
}

fn is_supported(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::Int8
            | T::Int16
            | T::Int32
            | T::Int64
            | T::UInt8
            | T::UInt16
            | T::UInt32
            | T::UInt64
            | T::Float32
            | T::Float64
            | T::Utf8
            | T::Decimal128(_, _)
            | T::Timestamp(_, _)
            | T::Date32
    )
}

fn decode(array: &ArrayRef) -> Option<Cells> {
    use DataType as T;
    Some(match array.data_type() {
        T::Int8 => integers::<Int8Type>(array),
        T::Int16 => integers::<Int16Type>(array),
        T::Int32 => integers::<Int32Type>(array),
        T::Int64 => integers::<Int64Type>(array),
        T::UInt8 => integers::<UInt8Type>(array),
        T::UInt16 => integers::<UInt16Type>(array),
        T::UInt32 => integers::<UInt32Type>(array),
        T::UInt64 => integers::<UInt64Type>(array),
        T::Float32 => floats::<Float32Type>(array),
        T::Float64 => floats::<Float64Type>(array),
        T::Utf8 => Cells::Texts(array.as_string::<i32>().clone()),
        T::Decimal128(_, scale) => {
            Cells::Decimals(array.as_primitive::<Decimal128Type>().iter().collect(), *scale)
        }
        T::Timestamp(ArrowTimeUnit::Second, _) => times::<TimestampSecondType>(array, 1_000_000_000),
        T::Timestamp(ArrowTimeUnit::Millisecond, _) => times::<TimestampMillisecondType>(array, 1_000_000),
        T::Timestamp(ArrowTimeUnit::Microsecond, _) => times::<TimestampMicrosecondType>(array, 1_000),
        T::Timestamp(ArrowTimeUnit::Nanosecond, _) => times::<TimestampNanosecondType>(array, 1),
        T::Date32 => times::<Date32Type>(array, DAY_NANOS),
        _ => return None,
    })
}

fn integers<P>(array: &ArrayRef) -> Cells
where
    P: ArrowPrimitiveType,
    P::Native: Into<i128>,
{
    Cells::Integers(array.as_primitive::<P>().iter().map(|v| v.map(Into::into)).collect())
}

fn floats<P>(array: &ArrayRef) -> Cells
where
    P: ArrowPrimitiveType,
    P::Native: std::fmt::Display,
{
    let text = |value: P::Native| {
        let mut text = String::with_capacity(24);
        let _ = write!(text, "{value}");
        text
    };
    Cells::Floats(array.as_primitive::<P>().iter().map(|v| v.map(text)).collect())
}

fn times<P>(array: &ArrayRef, nanos: i64) -> Cells
where
    P: ArrowPrimitiveType,
    P::Native: Into<i64>,
{
    let time = |value: P::Native| {
        let value: i64 = value.into();
        value.checked_mul(nanos).map(Timestamp).ok_or(value)
    };
    Cells::Times(array.as_primitive::<P>().iter().map(|v| v.map(time)).collect())
}

fn scaled(value: i128, scale: i8) -> Option<Decimal> {
    if let Ok(scale) = u32::try_from(scale) {
        // A wide scale may be nothing but trailing zeros.
        let (mut value, mut scale) = (value, scale);
        while scale > 0 && value % 10 == 0 {
            value /= 10;
            scale -= 1;
        }
        return Decimal::try_from_i128_with_scale(value, scale).ok();
    }
    let power = 10_i128.checked_pow(u32::from(scale.unsigned_abs()))?;
    Decimal::try_from_i128_with_scale(value.checked_mul(power)?, 0).ok()
}
