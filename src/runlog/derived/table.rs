//! Rows into Parquet or CSV.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int8Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::super::error::RunLogError;
use super::TableFormat;
use crate::domain::Timestamp;

/// Rows a row group, which is also the most that is held in memory.
const ROW_GROUP: usize = 16_384;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Tiny,
    Float,
    Bool,
    Time,
    Text,
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub optional: bool,
}

/// A table's name and columns.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
}

pub(super) const fn required(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, optional: false }
}

pub(super) const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, optional: true }
}

/// A value; its variant must be its column's kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Int(i64),
    Tiny(i8),
    Float(f64),
    Bool(bool),
    Time(Timestamp),
    Text(&'a str),
    Missing,
}

impl Cell<'_> {
    pub(super) fn count(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    pub(super) fn float(value: Option<f64>) -> Self {
        value.map_or(Self::Missing, Self::Float)
    }
}

enum Builder {
    Int(Int64Builder),
    Tiny(Int8Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Tiny => Self::Tiny(Int8Builder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// False when the cell is not of the column's kind.
    fn put(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Int(b), Cell::Int(v)) => b.append_value(v),
            (Self::Int(b), Cell::Missing) => b.append_null(),
            (Self::Tiny(b), Cell::Tiny(v)) => b.append_value(v),
            (Self::Tiny(b), Cell::Missing) => b.append_null(),
            (Self::Float(b), Cell::Float(v)) => b.append_value(v),
            (Self::Float(b), Cell::Missing) => b.append_null(),
            (Self::Bool(b), Cell::Bool(v)) => b.append_value(v),
            (Self::Bool(b), Cell::Missing) => b.append_null(),
            (Self::Time(b), Cell::Time(v)) => b.append_value(v.nanos().div_euclid(1_000)),
            (Self::Time(b), Cell::Missing) => b.append_null(),
            (Self::Text(b), Cell::Text(v)) => b.append_value(v),
            (Self::Text(b), Cell::Missing) => b.append_null(),
            _ => return false,
        }
        true
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(b) => Arc::new(b.finish()),
            Self::Tiny(b) => Arc::new(b.finish()),
            Self::Float(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Text(b) => Arc::new(b.finish()),
        }
    }
}

enum Sink<'a> {
    Parquet {
        writer: Box<ArrowWriter<&'a mut BufWriter<File>>>,
        schema: Arc<Schema>,
        builders: Vec<Builder>,
        waiting: usize,
    },
    Csv(Box<csv::Writer<&'a mut BufWriter<File>>>),
}

/// Writes the rows of one table.
pub(super) struct TableWriter<'a> {
    table: &'static Table,
    sink: Sink<'a>,
    rows: u64,
}

impl<'a> TableWriter<'a> {
    pub(super) fn new(
        file: &'a mut BufWriter<File>,
        format: TableFormat,
        table: &'static Table,
    ) -> Result<Self, RunLogError> {
        let sink = match format {
            TableFormat::Parquet => {
                let fields: Vec<Field> = table
                    .columns
                    .iter()
                    .map(|column| {
                        let data_type = match column.kind {
                            Kind::Int => DataType::Int64,
                            Kind::Tiny => DataType::Int8,
                            Kind::Float => DataType::Float64,
                            Kind::Bool => DataType::Boolean,
                            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                            Kind::Text => DataType::Utf8,
                        };
                        Field::new(column.name, data_type, column.optional)
                    })
                    .collect();
                let schema = Arc::new(Schema::new(fields));
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_created_by(concat!("peak-trade ", env!("CARGO_PKG_VERSION")).to_owned())
                    .build();
                let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
                    .map_err(|e| failed(table, &e))?;
                let builders = table.columns.iter().map(|c| Builder::new(c.kind)).collect();
                Sink::Parquet { writer: Box::new(writer), schema, builders, waiting: 0 }
            }
            TableFormat::Csv => {
                let mut writer = csv::Writer::from_writer(file);
                writer.write_record(table.columns.iter().map(|c| c.name)).map_err(|e| failed(table, &e))?;
                Sink::Csv(Box::new(writer))
            }
        };
        Ok(Self { table, sink, rows: 0 })
    }

    /// Appends a row: one cell for each column, in order.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), RunLogError> {
        let table = self.table;
        let fits = cells.len() == table.columns.len()
            && cells
                .iter()
                .zip(table.columns)
                .all(|(c, column)| column.optional || !matches!(c, Cell::Missing));
        if !fits {
            return Err(failed(table, &"a row does not fit the columns"));
        }
        match &mut self.sink {
            Sink::Parquet { builders, waiting, .. } => {
                for (builder, cell) in builders.iter_mut().zip(cells) {
                    if !builder.put(*cell) {
                        return Err(failed(table, &"a value does not fit its column"));
                    }
                }
                *waiting += 1;
                if *waiting >= ROW_GROUP {
                    self.write_group()?;
                }
            }
            Sink::Csv(writer) => {
                for cell in cells {
                    write_field(writer, *cell).map_err(|e| failed(table, &e))?;
                }
                writer.write_record(None::<&[u8]>).map_err(|e| failed(table, &e))?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), RunLogError> {
        if let Sink::Parquet { writer, schema, builders, waiting } = &mut self.sink
            && *waiting > 0
        {
            let arrays = builders.iter_mut().map(Builder::finish).collect();
            let batch =
                RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|e| failed(self.table, &e))?;
            writer.write(&batch).and_then(|()| writer.flush()).map_err(|e| failed(self.table, &e))?;
            *waiting = 0;
        }
        Ok(())
    }

    /// Ends the file; returns the number of rows.
    pub(super) fn finish(mut self) -> Result<u64, RunLogError> {
        self.write_group()?;
        match self.sink {
            Sink::Parquet { writer, .. } => {
                writer.close().map_err(|e| failed(self.table, &e))?;
            }
            Sink::Csv(mut writer) => writer.flush().map_err(|e| failed(self.table, &e))?,
        }
        Ok(self.rows)
    }
}

fn write_field(writer: &mut csv::Writer<&mut BufWriter<File>>, cell: Cell<'_>) -> Result<(), csv::Error> {
    match cell {
        Cell::Int(v) => writer.write_field(v.to_string()),
        Cell::Tiny(v) => writer.write_field(v.to_string()),
        Cell::Float(v) => writer.write_field(v.to_string()),
        Cell::Bool(v) => writer.write_field(if v { "true" } else { "false" }),
        Cell::Time(v) => writer.write_field(v.to_rfc3339()),
        Cell::Text(v) => writer.write_field(inert(v).as_bytes()),
        Cell::Missing => writer.write_field(""),
    }
}

/// A text that no spreadsheet takes for a formula.
fn inert(text: &str) -> std::borrow::Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

fn failed(table: &Table, error: &impl ToString) -> RunLogError {
    RunLogError::Io {
        what: format!("write table {}", table.name),
        kind: std::io::ErrorKind::Other,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn formulas_are_made_inert() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"] {
            assert_eq!(inert(text), format!("'{text}"));
        }
        assert_eq!(inert("max_order_notional exceeded (5 > 1)"), "max_order_notional exceeded (5 > 1)");
        assert_eq!(inert(""), "");
    }
}
