//! From raw events to numbered batches: quality, aggregation, steps and the end of the session.

use rust_decimal::Decimal;

use super::aggregate::{AggregateError, AggregatedBar, BarAggregator};
use super::quality::{QualityFilter, QualityParams};
use super::source::{Granularity, SourceInfo};
use crate::domain::{MarketEvent, Span, Timeframe, Timestamp};
use crate::messages::{ClosedBar, DataIssueKind, Input, InputBatch};

/// What a session wants of its market data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageParams {
    /// The session's bar length.
    pub timeframe: Timeframe,
    /// So many first bars are warm-up: no steps.
    pub warmup_candles: u64,
    /// The session ends at this step.
    pub steps: Option<u64>,
    /// The session ends at the first input this much session time after the open of its first
    /// step.
    pub duration: Option<Span>,
    /// See [`QualityParams::max_jump_pct`].
    pub max_jump_pct: Decimal,
    /// See [`QualityParams::level_confirmations`].
    pub level_confirmations: u32,
}

/// What data quality found so far, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataCounts {
    /// Inputs numbered.
    pub inputs: u64,
    /// Inputs accepted.
    pub accepted: u64,
    /// Gaps.
    pub gaps: u64,
    /// Bars or trades missing in them.
    pub missing: u64,
    /// Dropped: duplicates, conflicting or not, and late inputs.
    pub dropped: u64,
    /// Quarantined: non-positive, crossed, inconsistent, misaligned, jumps.
    pub quarantined: u64,
    /// New price levels accepted.
    pub new_levels: u64,
}

/// The market data stage.
#[derive(Debug, Clone)]
pub struct MarketStage {
    params: StageParams,
    filter: QualityFilter,
    aggregator: BarAggregator,
    counts: DataCounts,
    bars: u64,
    step: u64,
    /// Session time at which the session ends, once its first step is known.
    ends_at: Option<Timestamp>,
    now: Option<Timestamp>,
    finished: bool,
    closed: Vec<AggregatedBar>,
}

impl MarketStage {
    /// A stage at the beginning of a session.
    ///
    /// # Errors
    /// The source is coarser than the session's timeframe.
    pub fn new(source: &SourceInfo, params: StageParams) -> Result<Self, AggregateError> {
        let timeframe = match source.granularity {
            Granularity::Bars(timeframe) => Some(timeframe),
            Granularity::Ticks => None,
        };
        let filter = QualityFilter::new(QualityParams {
            max_jump_pct: params.max_jump_pct,
            level_confirmations: params.level_confirmations,
            timeframe,
        });
        Ok(Self {
            params,
            filter,
            aggregator: BarAggregator::new(params.timeframe, source.granularity)?,
            counts: DataCounts::default(),
            bars: 0,
            step: 0,
            ends_at: None,
            now: None,
            finished: params.steps == Some(0),
            closed: Vec::with_capacity(2),
        })
    }

    /// Takes events as they arrived and returns them as a batch.
    ///
    /// Exactly the first `batch.inputs.len()` events are consumed: at most [`InputBatch::MAX`], and
    /// none after the one that finished the session.
    pub fn absorb(&mut self, events: &[MarketEvent], received_at: Timestamp) -> InputBatch {
        let events = &events[..events.len().min(InputBatch::MAX)];
        let mut batch = InputBatch {
            received_at,
            inputs: Vec::with_capacity(events.len()),
            bars: Vec::new(),
            issues: Vec::new(),
        };
        for (index, event) in (0_u32..).zip(events) {
            if self.finished {
                break;
            }
            self.counts.inputs += 1;
            let number = self.counts.inputs;
            let issues_before = batch.issues.len();
            let checked = self.filter.check(number, event, &mut batch.issues);
            for issue in &batch.issues[issues_before..] {
                self.count(&issue.kind);
            }
            batch.inputs.push(Input { number, event: *event, accepted: checked.accepted });
            if checked.accepted {
                self.counts.accepted += 1;
                self.accept(event, checked.gap_before > 0, index, &mut batch.bars);
            }
        }
        batch
    }

    fn accept(&mut self, event: &MarketEvent, gap: bool, index: u32, bars: &mut Vec<ClosedBar>) {
        let time = event.time();
        self.now = Some(self.now.map_or(time, |now| now.max(time)));
        self.closed.clear();
        self.aggregator.push(event, gap, &mut self.closed);
        for &AggregatedBar { bar, gap_before } in &self.closed {
            self.bars += 1;
            let step = self.bars.saturating_sub(self.params.warmup_candles);
            if step == 1 {
                self.ends_at = self.params.duration.map(|duration| bar.open_time + duration);
            }
            self.step = step;
            bars.push(ClosedBar { index, bar, gap_before, step });
            if step > 0 && Some(step) == self.params.steps {
                self.finished = true;
                return;
            }
        }
        if self.ends_at.is_some_and(|end| time >= end) {
            self.finished = true;
        }
    }

    fn count(&mut self, kind: &DataIssueKind) {
        match kind {
            DataIssueKind::Gap { missing, .. } => {
                self.counts.gaps += 1;
                self.counts.missing = self.counts.missing.saturating_add(*missing);
            }
            DataIssueKind::Duplicate
            | DataIssueKind::ConflictingDuplicate
            | DataIssueKind::OutOfOrder { .. } => self.counts.dropped += 1,
            DataIssueKind::NonPositive { .. }
            | DataIssueKind::Crossed { .. }
            | DataIssueKind::Inconsistent { .. }
            | DataIssueKind::Misaligned { .. }
            | DataIssueKind::Jump { .. } => self.counts.quarantined += 1,
            DataIssueKind::NewLevel { .. } => self.counts.new_levels += 1,
        }
    }

    /// True once the step or time limit is reached: nothing more is absorbed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Session time: the newest accepted input's.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// The newest step; 0 during warm-up.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What data quality found so far.
    #[must_use]
    pub fn counts(&self) -> DataCounts {
        self.counts
    }

    /// The aggregator, for views of the bar under way.
    #[must_use]
    pub fn aggregator(&self) -> &BarAggregator {
        &self.aggregator
    }
}
