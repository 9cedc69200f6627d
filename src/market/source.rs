//! The trait behind which every source of market data stands.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::domain::{MarketEvent, Symbol, Timeframe, VolumeUnit};

/// How fine the events of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// Trades and quotes.
    Ticks,
    /// Bars of this length.
    Bars(Timeframe),
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticks => f.pad("ticks"),
            Self::Bars(timeframe) => write!(f, "{timeframe} bars"),
        }
    }
}

/// What is known of a source before its first event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// `replay` or `synthetic`.
    pub kind: &'static str,
    /// What the events are, without a path: `replay:blake3:<16 hex digits>` with the options that
    /// change the events, or `synthetic:<seed>:<hash of the parameters>`. Equal identities deliver
    /// equal events.
    pub identity: String,
    /// The pair the source is of, where it tells.
    pub symbol: Option<Symbol>,
    /// Ticks, or bars of which length.
    pub granularity: Granularity,
    /// What the source itself counts volume in. The volume of its *events* is always in base
    /// currency: a source in quote currency converts.
    pub volume_unit: VolumeUnit,
    /// True when no market ever showed these prices.
    pub is_synthetic: bool,
    /// True when events arrive as they happen.
    pub real_time: bool,
    /// How many events will come, about; for a progress bar only.
    pub expected_events: Option<u64>,
    /// What a person should be told about how the source is read (an assumption, a row left out).
    pub notes: Vec<String>,
}

/// Whether a source has more to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    /// Ask again.
    More,
    /// There is nothing after what was delivered.
    Ended,
}

/// A source of market events.
pub trait Source: Send {
    /// What is known of it.
    fn info(&self) -> &SourceInfo;

    /// Appends at most `max` events to `out`.
    ///
    /// # Errors
    /// The source is damaged. Events appended before the error are valid; nothing after it is.
    fn next_batch(&mut self, max: usize, out: &mut Vec<MarketEvent>) -> Result<SourceState, SourceError>;
}

/// A source cannot be opened or read. Paths are as the user gave them.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file as a whole is not what it should be.
    #[error("{path}: {reason}")]
    Format {
        /// The file.
        path: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A line or row is not what it should be.
    #[error("{path}, {place}: {reason}")]
    Row {
        /// The file.
        path: String,
        /// `line 17` or `row 17`, counted from 1; lines count the header.
        place: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A value is not what it should be.
    #[error("{path}, {place}, column {column}: {value:?} is not allowed; allowed: {allowed}")]
    Value {
        /// The file.
        path: String,
        /// `line 17` or `row 17`, counted from 1; lines count the header.
        place: String,
        /// The column's name in the file.
        column: String,
        /// The value as found, shortened.
        value: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// The file's content is no longer what its identity was taken from.
    #[error("{path}: the file changed while it was being read")]
    Changed {
        /// The file.
        path: String,
    },
    /// A parameter of the synthetic source.
    #[error("synthetic source: {field} = {value}; allowed: {allowed}")]
    Parameter {
        /// Its name.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// It was asked again after an error.
    #[error("the source failed before and delivers nothing more")]
    Failed,
}
