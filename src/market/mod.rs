//! Market data: where inputs come from and what happens to them before a strategy sees a bar.
//!
//! ```text
//! Source ─► QualityFilter ─► BarAggregator ─► InputBatch
//!           └──────── MarketStage ────────┘
//! ```
//!
//! A [`Source`] delivers raw events. [`MarketStage`] numbers every arrival, drops or quarantines
//! what [`QualityFilter`] objects to, builds bars of the session's timeframe with
//! [`BarAggregator`], numbers the steps and ends the session at its limit. All of it is
//! deterministic and without a clock; only a replay source reads files.

mod aggregate;
mod pace;
mod quality;
mod replay;
mod source;
mod spec;
mod stage;
mod synthetic;
#[cfg(test)]
mod tests;

pub use aggregate::{AggregateError, AggregatedBar, BarAggregator};
pub use pace::{Pacer, ParseSpeedError, Speed};
pub use quality::{Checked, QualityFilter, QualityParams, log_line};
pub use replay::{LastBar, Replay, ReplayOptions};
pub use source::{Granularity, Source, SourceError, SourceInfo, SourceState};
pub use spec::{SourceSpec, SpecError};
pub use stage::{DataCounts, MarketStage, StageParams};
pub use synthetic::{Synthetic, SyntheticParams};
