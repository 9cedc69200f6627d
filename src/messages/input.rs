//! Numbered inputs, in batches.

use serde::{Deserialize, Serialize};

use super::data::DataIssue;
use crate::domain::{Bar, MarketEvent, Timestamp};

/// One input with the number it got on arrival. Every message derived from it carries the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// 1, 2, 3, … in order of arrival, without a gap.
    pub number: u64,
    /// What arrived, as it arrived.
    pub event: MarketEvent,
    /// False when data quality dropped or quarantined it: nothing may be decided on it.
    pub accepted: bool,
}

impl Input {
    /// The session time of this input; see [`MarketEvent::time`].
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.event.time()
    }
}

/// A final bar, at the input that completed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedBar {
    /// Index, in the batch's `inputs`, of the input that completed the bar.
    pub index: u32,
    /// The bar, in the session's timeframe.
    pub bar: Bar,
    /// Bars that are missing between the previous bar and this one.
    pub gap_before: u32,
    /// 1, 2, 3, … for bars that count; 0 for a warm-up bar, which is no step and sends nothing.
    pub step: u64,
}

/// Consecutive inputs that were already queued (at most 1,024), with the bars they completed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputBatch {
    /// Local wall-clock time of arrival of the batch (never used for a decision).
    pub received_at: Timestamp,
    /// The inputs, numbers ascending by one.
    pub inputs: Vec<Input>,
    /// Bars completed inside the batch, by ascending index.
    pub bars: Vec<ClosedBar>,
    /// What data quality found, by ascending input number.
    pub issues: Vec<DataIssue>,
}

impl InputBatch {
    /// The most inputs a batch may hold.
    pub const MAX: usize = 1_024;
}
