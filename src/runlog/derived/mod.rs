//! Tables for people and data tools, derived from the journal: one row a step, an order, a fill.
//!
//! Numbers in the tables are 64-bit floats (what pandas, DuckDB and Polars expect); the exact
//! decimals are in the journal. Times are microseconds UTC in Parquet and ISO text in CSV.
//!
//! Memory: steps and fills are streamed; of orders one row each is held (about 300 bytes), since
//! a late fill may change an old one.

mod alerts;
mod events;
mod orders;
mod table;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic::write_atomic;
use super::canonical::{Decisions, Inputs};
use super::error::RunLogError;
use super::folder::RunFolder;
use super::journal::Damage;
use crate::messages::{DecisionRecord, StepRow};
use table::{Table, TableWriter};

/// File format of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// Parquet, zstd.
    #[default]
    Parquet,
    /// Comma-separated text; a text that a spreadsheet would take for a formula gets a `'` before
    /// it.
    Csv,
}

impl TableFormat {
    /// `parquet` or `csv`, also the end of the files' names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// What was derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedFiles {
    /// `events.parquet` or `.csv`.
    pub events: PathBuf,
    /// `orders.…`.
    pub orders: PathBuf,
    /// `fills.…`.
    pub fills: PathBuf,
    /// Rows of events.
    pub steps: u64,
    /// Rows of orders.
    pub order_count: u64,
    /// Rows of fills.
    pub fill_count: u64,
    /// What comes after the prefix of the journal from which they come.
    pub damage: Damage,
}

/// Derives all tables from the valid prefix of the run's journal. Each is written whole under a
/// temporary name, synced and renamed: a reader sees the old table or the new one.
///
/// # Errors
/// The operating system's. Damage of the journal is no error here; it is reported.
pub fn derive_files(folder: &RunFolder, format: TableFormat) -> Result<DerivedFiles, RunLogError> {
    let journal = folder.journal();
    let (events, orders, fills) = (folder.events(format), folder.orders(format), folder.fills(format));
    let mut steps = Decisions::of_prefix(&journal, Inputs::LeftOut, is_step)?;
    let damage = steps.damage();
    let step_count = write_table(&events, format, &events::TABLE, |table| {
        while let Some(record) = steps.next_record()? {
            if let DecisionRecord::Step(row) = record.record {
                events::put(table, &row)?;
            }
        }
        Ok(())
    })?;
    drop(steps);
    let mut book = orders::OrderBook::default();
    let mut trading = Decisions::of_prefix(&journal, Inputs::LeftOut, orders::is_trading)?;
    let fill_count = write_table(&fills, format, &orders::FILLS, |table| {
        while let Some(record) = trading.next_record()? {
            if let Some(fill) = book.take(record.record) {
                orders::put_fill(table, &fill)?;
            }
        }
        Ok(())
    })?;
    alerts::write(&journal, &folder.alerts(), &folder.name())?;
    let order_count = write_table(&orders, format, &orders::ORDERS, |table| book.put(table))?;
    Ok(DerivedFiles { events, orders, fills, steps: step_count, order_count, fill_count, damage })
}

fn write_table(
    path: &Path,
    format: TableFormat,
    table: &'static Table,
    fill: impl FnOnce(&mut TableWriter<'_>) -> Result<(), RunLogError>,
) -> Result<u64, RunLogError> {
    write_atomic::<u64, RunLogError>(path, |file| {
        let mut writer = TableWriter::new(file, format, table)?;
        fill(&mut writer)?;
        writer.finish()
    })
}

fn is_step(record: &DecisionRecord) -> bool {
    matches!(record, DecisionRecord::Step(_))
}

/// Hands each step of a journal to `look`, in order, in bounded memory. The run may still be
/// writing: a torn tail is left out, and so is what follows damage.
///
/// # Errors
/// The operating system's, or `look`'s.
pub fn for_each_step(
    journal: &Path,
    mut look: impl FnMut(StepRow) -> Result<(), RunLogError>,
) -> Result<Damage, RunLogError> {
    let mut steps = Decisions::of_prefix(journal, Inputs::LeftOut, is_step)?;
    while let Some(record) = steps.next_record()? {
        if let DecisionRecord::Step(row) = record.record {
            look(*row)?;
        }
    }
    Ok(steps.damage())
}

/// All steps of a journal, also of one that is still being written.
///
/// # Errors
/// The operating system's.
pub fn read_events(journal: &Path) -> Result<Vec<StepRow>, RunLogError> {
    let mut rows = Vec::new();
    for_each_step(journal, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}
