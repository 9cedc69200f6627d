//! Recorded market data from CSV and Parquet files.
//!
//! **Columns** are found by name: `time,open,high,low,close,volume[,count]` for bars,
//! `time,price,volume[,side][,trade_id]` for trades; see [`columns`]. A bar's `time` is its open.
//! Rows must ascend in time.
//!
//! **Damage ends the run.** A row that is no row (a price that is no number, a missing field) is a
//! [`SourceError`] with line, column and value; nothing is guessed or left out. Numbers that are
//! wrong (negative prices, gaps, repetitions) are delivered: data quality judges them.
//!
//! **The last bar.** A file cannot show that its last bar is complete, and a recorded answer of an
//! exchange ends with the bar that was still running. So a bar counts as final when a row with a
//! later time follows it, and the last bar of a file is left out, which a note says;
//! `last=final` declares it complete. Trades are events, not intervals: none is left out.
//!
//! **Volume** in quote currency (`volume=quote`) is divided by the bar's close (or the trade's
//! price) and rounded down to 8 decimals, so that events always carry base volume.
//!
//! **Timeframe.** The most common step of the first 1,000 rows, unless `timeframe=` gives it.
//!
//! Memory does not grow with the file. A CSV file is read twice: once for its hash, which is its
//! identity and is verified when the second pass reaches the end.

mod columns;
mod csv;
mod number;
mod parquet;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::path::Path;

use rust_decimal::{Decimal, RoundingStrategy};

use super::source::{Granularity, Source, SourceError, SourceInfo, SourceState};
use crate::domain::{MarketEvent, Quantity, Span, Timeframe, Timestamp, VolumeUnit};
use columns::Columns;

/// Rows looked at to find the timeframe.
const LOOK_AHEAD: usize = 1_000;
/// Rows that may follow the newest bar without a later time before the file counts as unordered.
const MAX_HELD: usize = 1_024;
/// Decimals of a converted volume.
const VOLUME_DECIMALS: u32 = 8;

/// What the last bar of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastBar {
    /// Possibly still running when the file was written: left out (the default).
    #[default]
    Running,
    /// Complete, by the user's word.
    Final,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayOptions {
    /// What the last bar is; bars only.
    pub last: LastBar,
    /// What the file counts volume in.
    pub volume: VolumeUnit,
    /// The bars' length, where it is not to be found from the data; bars only.
    pub timeframe: Option<Timeframe>,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self { last: LastBar::default(), volume: VolumeUnit::Base, timeframe: None }
    }
}

/// A reader of rows, in the order of the file.
trait Rows: Send {
    /// What the rows are.
    fn columns(&self) -> &Columns;
    /// Where the last row was, for error texts.
    fn place(&self) -> String;
    /// The next row; a bar's timeframe is not yet known and set by the caller.
    fn next_row(&mut self) -> Result<Option<MarketEvent>, SourceError>;
}

/// A file of bars or trades as a [`Source`].
pub struct Replay {
    path: String,
    info: SourceInfo,
    rows: Box<dyn Rows>,
    options: ReplayOptions,
    timeframe: Option<Timeframe>,
    look_ahead: VecDeque<MarketEvent>,
    look_ahead_error: Option<SourceError>,
    /// Rows read; the first `ready` of them may be delivered.
    queue: VecDeque<MarketEvent>,
    ready: usize,
    newest: Option<Timestamp>,
    ended: bool,
    failed: bool,
}

impl Replay {
    /// Opens a `.csv` or `.parquet` file: hashes it, reads its header and first rows.
    ///
    /// # Errors
    /// The file cannot be read, has no rows, or they are not bars or trades of a known timeframe.
    pub fn open(path: &Path, options: ReplayOptions) -> Result<Self, SourceError> {
        let shown = path.display().to_string();
        let format = |reason: String| SourceError::Format { path: shown.clone(), reason };
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
        let mut notes = Vec::new();
        let metadata =
            std::fs::metadata(path).map_err(|source| SourceError::Io { path: shown.clone(), source })?;
        if !metadata.is_file() {
            // A pipe could not be read twice.
            return Err(format("no regular file; allowed: .csv, .parquet".to_owned()));
        }
        let survey = match extension.as_str() {
            "csv" | "parquet" => {
                csv::survey(path).map_err(|source| SourceError::Io { path: shown.clone(), source })?
            }
            _ => return Err(format("unknown kind of file; allowed: .csv, .parquet".to_owned())),
        };
        let (rows, total): (Box<dyn Rows>, u64) = if extension == "csv" {
            (Box::new(csv::CsvRows::open(path, &survey)?), survey.lines.saturating_sub(1))
        } else {
            let mut rows = parquet::ParquetRows::open(path)?;
            notes.extend(rows.note.take());
            let total = rows.total_rows;
            (Box::new(rows), total)
        };
        let mut replay = Self {
            path: shown.clone(),
            info: SourceInfo {
                kind: "replay",
                identity: String::new(),
                symbol: None,
                granularity: Granularity::Ticks,
                volume_unit: options.volume,
                is_synthetic: false,
                real_time: false,
                expected_events: Some(total),
                notes,
            },
            rows,
            options,
            timeframe: None,
            look_ahead: VecDeque::new(),
            look_ahead_error: None,
            queue: VecDeque::new(),
            ready: 0,
            newest: None,
            ended: false,
            failed: false,
        };
        replay.look()?;
        replay.settle(&survey.hash, total)?;
        Ok(replay)
    }

    /// Reads the first rows. Damage in them is reported in its place, after the rows before it.
    fn look(&mut self) -> Result<(), SourceError> {
        while self.look_ahead.len() < LOOK_AHEAD {
            match self.rows.next_row() {
                Ok(Some(event)) => self.look_ahead.push_back(event),
                Ok(None) => break,
                Err(error) if self.look_ahead.is_empty() => return Err(error),
                Err(error) => {
                    self.look_ahead_error = Some(error);
                    break;
                }
            }
        }
        if self.look_ahead.is_empty() {
            return Err(self.format("there is no row below the header".to_owned()));
        }
        Ok(())
    }

    /// Decides timeframe, identity and notes.
    fn settle(&mut self, hash: &blake3::Hash, total: u64) -> Result<(), SourceError> {
        let mut identity = format!("replay:blake3:{}", &hash.to_hex()[..16]);
        if self.options.volume == VolumeUnit::Quote {
            identity.push_str(";volume=quote");
            self.info.notes.push(
                "volume is in quote currency: divided by the close (of trades: the price), rounded down to 8 decimals"
                    .to_owned(),
            );
        }
        if matches!(self.rows.columns(), Columns::Trades(_)) {
            if self.options.timeframe.is_some() || self.options.last == LastBar::Final {
                return Err(
                    self.format("timeframe= and last= are for bars, these rows are trades".to_owned())
                );
            }
            self.info.identity = identity;
            return Ok(());
        }
        let found = common_step(&self.look_ahead);
        if let Some((step, _)) = found.as_ref().filter(|(step, _)| step.0 < 0) {
            return Err(self.format(format!(
                "rows run backwards in time (most common step {} s); allowed: ascending rows",
                step.as_secs_f64()
            )));
        }
        let detected = found.as_ref().and_then(|(step, _)| Timeframe::from_span(*step));
        let timeframe = match (self.options.timeframe, &found) {
            (Some(given), Some((step, _))) if step.0 % given.span().0 != 0 => {
                return Err(self.format(format!(
                    "timeframe={given} contradicts the rows, whose most common step is {} s",
                    step.as_secs_f64()
                )));
            }
            (Some(given), _) => given,
            (None, Some((step, rows))) => detected.ok_or_else(|| {
                self.format(format!(
                    "the most common step of the first {rows} rows is {} s, which is no timeframe; \
                     allowed: 1m, 5m, 15m, 30m, 1h, 4h, 1d, or say timeframe=",
                    step.as_secs_f64()
                ))
            })?,
            (None, None) => {
                return Err(self.format("one row shows no timeframe; say timeframe=".to_owned()));
            }
        };
        if detected != Some(timeframe) {
            let _ = write!(identity, ";timeframe={timeframe}");
        }
        match self.options.last {
            LastBar::Final => identity.push_str(";last=final"),
            LastBar::Running => {
                self.info.expected_events = Some(total.saturating_sub(1));
                self.info.notes.push(
                    "the last bar of the file is left out, because nothing shows that it is complete; \
                     last=final declares it complete"
                        .to_owned(),
                );
            }
        }
        self.timeframe = Some(timeframe);
        self.info.granularity = Granularity::Bars(timeframe);
        self.info.identity = identity;
        Ok(())
    }

    fn format(&self, reason: String) -> SourceError {
        SourceError::Format { path: self.path.clone(), reason }
    }

    fn pull(&mut self) -> Result<Option<MarketEvent>, SourceError> {
        let row = match self.look_ahead.pop_front() {
            Some(row) => Some(row),
            None => match self.look_ahead_error.take() {
                Some(error) => return Err(error),
                None => self.rows.next_row()?,
            },
        };
        Ok(row.map(|event| self.finish(event)))
    }

    /// Sets what a row alone does not tell: timeframe and base volume.
    fn finish(&self, event: MarketEvent) -> MarketEvent {
        let quote = self.options.volume == VolumeUnit::Quote;
        match event {
            MarketEvent::Bar(mut bar) => {
                if let Some(timeframe) = self.timeframe {
                    bar.timeframe = timeframe;
                }
                if quote {
                    bar.volume = base_volume(bar.volume, bar.close.get());
                }
                MarketEvent::Bar(bar)
            }
            MarketEvent::Trade(mut trade) => {
                if quote {
                    trade.quantity = base_volume(trade.quantity, trade.price.get());
                }
                MarketEvent::Trade(trade)
            }
            quote => quote,
        }
    }

    /// Puts a row into the queue and decides what is ready.
    fn enqueue(&mut self, event: MarketEvent) -> Result<(), SourceError> {
        let holds_back = self.timeframe.is_some() && self.options.last == LastBar::Running;
        let time = event.time();
        if holds_back && self.newest.is_none_or(|newest| time > newest) {
            self.ready = self.queue.len();
            self.newest = Some(time);
        }
        self.queue.push_back(event);
        if !holds_back {
            self.ready = self.queue.len();
        } else if self.queue.len() - self.ready > MAX_HELD {
            return Err(SourceError::Row {
                path: self.path.clone(),
                place: self.rows.place(),
                reason: format!("{MAX_HELD} rows follow without a later time; allowed: ascending rows"),
            });
        }
        Ok(())
    }

    fn fill(&mut self, max: usize, out: &mut Vec<MarketEvent>) -> Result<SourceState, SourceError> {
        let mut given = 0;
        loop {
            while self.ready > 0 && given < max {
                let Some(event) = self.queue.pop_front() else { break };
                self.ready -= 1;
                given += 1;
                out.push(event);
            }
            if self.ended && self.ready == 0 {
                return Ok(SourceState::Ended);
            }
            if given >= max {
                return Ok(SourceState::More);
            }
            match self.pull()? {
                Some(event) => self.enqueue(event)?,
                None => {
                    self.ended = true;
                    // What is still held has no later row behind it.
                    self.queue.truncate(self.ready);
                }
            }
        }
    }
}

impl Source for Replay {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max: usize, out: &mut Vec<MarketEvent>) -> Result<SourceState, SourceError> {
        if self.failed {
            return Err(SourceError::Failed);
        }
        let result = self.fill(max, out);
        self.failed = result.is_err();
        result
    }
}

/// The most common non-zero step between consecutive rows (the shorter one of equals), with the
/// number of rows looked at.
fn common_step(rows: &VecDeque<MarketEvent>) -> Option<(Span, usize)> {
    let mut steps: BTreeMap<Span, usize> = BTreeMap::new();
    for (earlier, later) in rows.iter().zip(rows.iter().skip(1)) {
        let step = later.time() - earlier.time();
        if step != Span::ZERO {
            *steps.entry(step).or_default() += 1;
        }
    }
    let most = steps.values().copied().max()?;
    let step =
        steps.iter().filter(|(_, n)| **n == most).map(|(step, _)| *step).min_by_key(|s| s.0.unsigned_abs());
    step.map(|step| (step, rows.len()))
}

/// Quote volume ÷ price, rounded down to 8 decimals. Without a positive price it stays as it is:
/// data quality refuses the row anyway.
fn base_volume(volume: Quantity, price: Decimal) -> Quantity {
    if price <= Decimal::ZERO {
        return volume;
    }
    let Some(quotient) = volume.get().checked_div(price) else { return volume };
    let mut floor = quotient.round_dp_with_strategy(VOLUME_DECIMALS, RoundingStrategy::ToNegativeInfinity);
    // The quotient was rounded at 28 digits, perhaps up across the last decimal kept.
    if floor.checked_mul(price).is_some_and(|product| product > volume.get()) {
        floor -= Decimal::new(1, VOLUME_DECIMALS);
    }
    Quantity(floor.normalize())
}

fn value_error(path: &str, place: String, column: &str, value: &str, allowed: &'static str) -> SourceError {
    let value = if value.chars().count() <= 60 {
        value.to_owned()
    } else {
        value.chars().take(60).chain("…".chars()).collect()
    };
    SourceError::Value { path: path.to_owned(), place, column: column.to_owned(), value, allowed }
}

pub(super) fn volume_unit(text: &str) -> Option<VolumeUnit> {
    match text {
        "base" => Some(VolumeUnit::Base),
        "quote" => Some(VolumeUnit::Quote),
        _ => None,
    }
}
