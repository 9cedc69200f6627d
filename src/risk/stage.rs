//! The account's stage in the work on an input: it values, sizes, checks and decides what is
//! asked of execution.
//!
//! The stage is a state machine that is driven by [`RiskStage::advance`]: it works through a
//! batch until it needs execution, says what it needs, and is called again with the answer. A
//! direct loop calls execution in between; an actor sends a message and waits for the reply. So
//! both decide the same, whatever the batches are: all effects of input N are applied before
//! anything is sized or checked at N + 1.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::core::RiskCore;
use super::requests::{ExecutionReply, ExecutionRequest, OrderTotals, RiskStep};
use super::{AccountError, ApprovedOrder, FillEffect};
use crate::domain::{Instrument, OrderId, OrderType, Quantity, Side, TargetPosition, TimeInForce, Timestamp};
use crate::messages::{
    ClosedBar, DecisionKey, DecisionRecord, Input, InputBatch, IntentReason, KeyedRecord, OrderIntent,
    OrderState, OrderUpdate, Purpose, Refusal, Signal, SignalBatch, SizingNote, Stage, StepRow, VenueReport,
};

/// Settings of the stage.
#[derive(Debug, Clone)]
pub struct RiskStageParams {
    /// What is traded.
    pub instrument: Instrument,
    /// Share of the equity that an entry is worth, 0 to 1.
    pub position_fraction: Decimal,
    /// Bars for which entries are held after a gap.
    pub gap_hold_bars: u32,
}

#[derive(Debug)]
enum Phase {
    /// Nothing in work.
    Idle,
    /// Ready to look at the next inputs.
    Scan,
    /// Execution matches up to here.
    Matching { to: usize },
    /// The input at `cursor - 1` was applied; decide what to do about it.
    Decide { bar: Option<usize> },
    /// Execution cancels or submits for that decision.
    Executing { bar: Option<usize>, again: bool },
    /// Execution cancels everything.
    Finishing,
}

/// The stage. See the module's description.
pub struct RiskStage {
    core: RiskCore,
    params: RiskStageParams,
    next_order: u64,
    desired: TargetPosition,
    entry_wanted: bool,
    hold_bars: u32,
    open: Vec<(OrderId, Purpose, Side)>,
    batch: Option<SignalBatch>,
    cursor: usize,
    next_bar: usize,
    phase: Phase,
    last: (u64, Timestamp),
    keys: KeyCounter,
    totals: OrderTotals,
    since_row: OrderTotals,
    row_reasons: Vec<String>,
    steps: u64,
    cancelled_at: Option<u64>,
    fault: Option<AccountError>,
}

impl RiskStage {
    /// A stage over a fresh risk core.
    #[must_use]
    pub fn new(core: RiskCore, params: RiskStageParams) -> Self {
        Self {
            core,
            params,
            next_order: 1,
            desired: TargetPosition::Flat,
            entry_wanted: false,
            hold_bars: 0,
            open: Vec::new(),
            batch: None,
            cursor: 0,
            next_bar: 0,
            phase: Phase::Idle,
            last: (0, Timestamp(i64::MIN)),
            keys: KeyCounter::default(),
            totals: OrderTotals::default(),
            since_row: OrderTotals::default(),
            row_reasons: Vec::new(),
            steps: 0,
            cancelled_at: None,
            fault: None,
        }
    }

    /// The risk core: account, equity, drawdown.
    #[must_use]
    pub fn core(&self) -> &RiskCore {
        &self.core
    }

    /// What is traded.
    #[must_use]
    pub fn symbol(&self) -> crate::domain::Symbol {
        self.params.instrument.symbol
    }

    /// What was counted so far.
    #[must_use]
    pub fn totals(&self) -> OrderTotals {
        self.totals
    }

    /// Bars that counted so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What the strategy wanted last.
    #[must_use]
    pub fn desired(&self) -> TargetPosition {
        self.desired
    }

    /// The account could not be kept exactly; the session must end.
    #[must_use]
    pub fn fault(&self) -> Option<&AccountError> {
        self.fault.as_ref()
    }

    /// Number and session time of the last input that was worked on.
    #[must_use]
    pub fn last_input(&self) -> (u64, Timestamp) {
        self.last
    }

    /// Takes a batch into work; drive it with [`advance`](Self::advance) until it is done.
    pub fn begin(&mut self, batch: SignalBatch) {
        debug_assert!(matches!(self.phase, Phase::Idle), "a batch is still in work");
        self.batch = Some(batch);
        self.cursor = 0;
        self.next_bar = 0;
        self.phase = Phase::Scan;
    }

    /// Ends the session: everything that rests is cancelled, positions stay and keep their mark.
    pub fn finish(&mut self, reason: &str) -> RiskStep {
        self.phase = Phase::Finishing;
        let (input, now) = self.last;
        RiskStep::Needs(ExecutionRequest::CancelAll { input, now, reason: reason.to_owned() })
    }

    /// Works on until execution is needed or the batch is done. `reply` answers the last need.
    pub fn advance(&mut self, reply: Option<ExecutionReply>, records: &mut Vec<KeyedRecord>) -> RiskStep {
        let mut reply = reply;
        loop {
            match std::mem::replace(&mut self.phase, Phase::Idle) {
                Phase::Idle => return RiskStep::Done,
                Phase::Scan => {
                    let Some(batch) = self.batch.as_ref() else { return RiskStep::Done };
                    let inputs = Arc::clone(&batch.inputs);
                    if self.fault.is_some() {
                        self.batch = None;
                        return RiskStep::Done;
                    }
                    // One input may close two bars: the one before it and its own.
                    if let Some(bar) = self.bar_closed_before_cursor(&inputs) {
                        self.phase = Phase::Decide { bar: Some(bar) };
                        continue;
                    }
                    if self.cursor >= inputs.inputs.len() {
                        self.batch = None;
                        return RiskStep::Done;
                    }
                    let to = self.segment_end(&inputs);
                    if !self.open.is_empty() {
                        self.phase = Phase::Matching { to };
                        let range = self.cursor..=to;
                        return RiskStep::Needs(ExecutionRequest::Match { batch: inputs, range });
                    }
                    self.mark_range(&inputs, self.cursor, to);
                    self.arrive(&inputs, to, false);
                }
                Phase::Matching { to } => {
                    let Some(answer) = reply.take() else {
                        self.phase = Phase::Matching { to };
                        return RiskStep::Done;
                    };
                    let Some(inputs) = self.batch.as_ref().map(|b| Arc::clone(&b.inputs)) else {
                        return RiskStep::Done;
                    };
                    let stopped = answer.stopped_at.clamp(self.cursor, to);
                    if stopped > self.cursor {
                        self.mark_range(&inputs, self.cursor, stopped - 1);
                    }
                    let reported = !answer.reports.is_empty();
                    self.apply(&answer.reports);
                    self.mark_range(&inputs, stopped, stopped);
                    self.arrive(&inputs, stopped, reported);
                }
                Phase::Decide { bar } => {
                    if let Some(need) = self.decide(bar, records) {
                        return RiskStep::Needs(need);
                    }
                    self.complete(bar, records);
                }
                Phase::Executing { bar, again } => {
                    let Some(answer) = reply.take() else {
                        self.phase = Phase::Executing { bar, again };
                        return RiskStep::Done;
                    };
                    self.apply(&answer.reports);
                    if again {
                        self.phase = Phase::Decide { bar };
                    } else {
                        self.complete(bar, records);
                    }
                }
                Phase::Finishing => {
                    let Some(answer) = reply.take() else {
                        self.phase = Phase::Finishing;
                        return RiskStep::Done;
                    };
                    self.apply(&answer.reports);
                    return RiskStep::Done;
                }
            }
        }
    }

    /// The segment ends at the next bar, because that is where a decision can fall.
    fn segment_end(&self, inputs: &InputBatch) -> usize {
        let last = inputs.inputs.len() - 1;
        inputs.bars.get(self.next_bar).map_or(last, |bar| (bar.index as usize).clamp(self.cursor, last))
    }

    fn mark_range(&mut self, inputs: &InputBatch, from: usize, to: usize) {
        let symbol = self.params.instrument.symbol;
        let accepted = || inputs.inputs[from..=to].iter().filter(|input| input.accepted);
        if self.core.is_flat() {
            // Equity does not move while nothing is held: only the newest mark matters.
            if let Some(input) = accepted().next_back() {
                self.core.mark(symbol, input.event.mark(), input.time());
            }
        } else {
            for input in accepted() {
                self.core.mark(symbol, input.event.mark(), input.time());
            }
        }
        // Rejected inputs may be older than what was seen, or wrong: session time is the newest
        // accepted time, wherever batches and segments end.
        let now = accepted().map(Input::time).fold(self.last.1, Timestamp::max);
        if let Some(input) = inputs.inputs.get(to) {
            self.last = (input.number, now);
        }
    }

    fn arrive(&mut self, inputs: &InputBatch, at: usize, reported: bool) {
        self.cursor = at + 1;
        self.phase = match self.bar_closed_before_cursor(inputs) {
            Some(bar) => Phase::Decide { bar: Some(bar) },
            None if reported => Phase::Decide { bar: None },
            None => Phase::Scan,
        };
    }

    /// The next bar, if an input closed it that was worked on already; its signal is taken.
    fn bar_closed_before_cursor(&mut self, inputs: &InputBatch) -> Option<usize> {
        let bar = self.next_bar;
        let closed = *inputs.bars.get(bar).filter(|closed| (closed.index as usize) < self.cursor)?;
        self.next_bar += 1;
        let signal = self.batch.as_ref().and_then(|b| b.signals.get(bar)).copied();
        self.take_signal(&closed, signal);
        Some(bar)
    }

    fn take_signal(&mut self, closed: &ClosedBar, signal: Option<Signal>) {
        if closed.gap_before > 0 {
            self.hold_bars = self.params.gap_hold_bars;
        } else {
            self.hold_bars = self.hold_bars.saturating_sub(1);
        }
        let Some(signal) = signal.filter(|_| closed.step > 0) else { return };
        if signal.target != self.desired {
            self.desired = signal.target;
            self.entry_wanted = signal.target != TargetPosition::Flat;
        }
    }

    /// Brings what is held nearer to what is wanted, or does nothing.
    fn decide(&mut self, bar: Option<usize>, records: &mut Vec<KeyedRecord>) -> Option<ExecutionRequest> {
        let (input, now) = self.last;
        let position = self.core.position(self.params.instrument.symbol);
        let held = TargetPosition::of_position(position);
        let unwanted: Vec<OrderId> = self
            .open
            .iter()
            .filter(|(_, purpose, side)| match purpose {
                Purpose::Entry => direction(*side) != self.desired,
                Purpose::Exit => held == self.desired,
            })
            .map(|(id, _, _)| *id)
            .collect();
        if !unwanted.is_empty() {
            // One round of cancels an input: a venue that does not confirm at once answers later.
            if self.cancelled_at == Some(input) {
                return None;
            }
            self.cancelled_at = Some(input);
            let reason = "the strategy changed its mind".to_owned();
            for id in &unwanted {
                let key = self.keys.next(input, Stage::Intent);
                let record = DecisionRecord::CancelRequested { order_id: *id, reason: reason.clone() };
                records.push(KeyedRecord { key, record });
            }
            self.phase = Phase::Executing { bar, again: true };
            return Some(ExecutionRequest::Cancel { input, now, orders: unwanted, reason });
        }
        if !self.open.is_empty() {
            return None;
        }
        let approved = if held != TargetPosition::Flat && held != self.desired {
            self.exit(position, held, records)
        } else if held == TargetPosition::Flat && self.entry_wanted && self.hold_bars == 0 {
            self.entry_wanted = false;
            self.enter(records).into_iter().collect()
        } else {
            Vec::new()
        };
        if approved.is_empty() {
            return None;
        }
        self.phase = Phase::Executing { bar, again: false };
        Some(ExecutionRequest::Submit { input, now, orders: approved })
    }

    fn exit(
        &mut self,
        position: Quantity,
        held: TargetPosition,
        records: &mut Vec<KeyedRecord>,
    ) -> Vec<ApprovedOrder> {
        let side = if held == TargetPosition::Long { Side::Sell } else { Side::Buy };
        let reason = match (held, self.desired) {
            (TargetPosition::Long, TargetPosition::Short) => IntentReason::CloseLong,
            (TargetPosition::Short, TargetPosition::Long) => IntentReason::CloseShort,
            (TargetPosition::Long, _) => IntentReason::ExitLong,
            _ => IntentReason::ExitShort,
        };
        let children = self.core.split_exit(self.params.instrument.symbol, position);
        children
            .into_iter()
            .filter_map(|quantity| {
                let intent = self.intent(side, quantity, Purpose::Exit, reason);
                self.check(intent, None, records)
            })
            .collect()
    }

    fn enter(&mut self, records: &mut Vec<KeyedRecord>) -> Option<ApprovedOrder> {
        let (side, reason) = match self.desired {
            TargetPosition::Long => (Side::Buy, IntentReason::EntryLong),
            TargetPosition::Short => (Side::Sell, IntentReason::EntryShort),
            TargetPosition::Flat => return None,
        };
        let symbol = self.params.instrument.symbol;
        let sized = self.core.size_entry(symbol, side, self.params.position_fraction);
        if sized.quantity.is_positive() {
            let intent = self.intent(side, sized.quantity, Purpose::Entry, reason);
            return self.check(intent, sized.note, records);
        }
        // Too small to be an order: said like any other refusal, so that nobody wonders.
        let detail =
            sized.note.as_ref().map_or_else(|| "size is nought".to_owned(), |note| note.bound_by.clone());
        let wanted = sized.note.as_ref().map_or(Quantity::ZERO, |note| note.wanted);
        let intent = self.intent(side, wanted, Purpose::Entry, reason);
        let refusal = Refusal { result: OrderState::BlockedByRisk, reasons: Vec::new(), detail };
        self.record_intent(&intent, sized.note, records);
        self.refuse(&intent, refusal, records);
        None
    }

    fn intent(
        &mut self,
        side: Side,
        quantity: Quantity,
        purpose: Purpose,
        reason: IntentReason,
    ) -> OrderIntent {
        let id = OrderId(self.next_order);
        self.next_order += 1;
        let symbol = self.params.instrument.symbol;
        OrderIntent {
            id,
            input: self.last.0,
            decided_at: self.last.1,
            symbol,
            side,
            quantity,
            order_type: OrderType::Market,
            limit_price: None,
            stop_price: None,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            reduce_only: purpose == Purpose::Exit,
            purpose,
            reason,
            decision_price: self.core.price(symbol),
        }
    }

    fn record_intent(
        &mut self,
        intent: &OrderIntent,
        sizing: Option<SizingNote>,
        records: &mut Vec<KeyedRecord>,
    ) {
        self.totals.generated += 1;
        self.since_row.generated += 1;
        let key = self.keys.next(intent.input, Stage::Intent);
        records.push(KeyedRecord { key, record: DecisionRecord::Intent { intent: intent.clone(), sizing } });
    }

    fn check(
        &mut self,
        intent: OrderIntent,
        sizing: Option<SizingNote>,
        records: &mut Vec<KeyedRecord>,
    ) -> Option<ApprovedOrder> {
        self.record_intent(&intent, sizing, records);
        let now = self.last.1;
        match self.core.evaluate(intent, now) {
            Ok(order) => {
                let key = self.keys.next(self.last.0, Stage::Verdict);
                records.push(KeyedRecord { key, record: DecisionRecord::Approved(order.intent().id) });
                self.open.push((order.intent().id, order.intent().purpose, order.intent().side));
                Some(order)
            }
            Err(refused) => {
                let (intent, refusal) = *refused;
                self.refuse(&intent, refusal, records);
                None
            }
        }
    }

    fn refuse(&mut self, intent: &OrderIntent, refusal: Refusal, records: &mut Vec<KeyedRecord>) {
        self.totals.blocked_risk += 1;
        self.since_row.blocked_risk += 1;
        self.row_reasons.push(refusal.to_string());
        let key = self.keys.next(self.last.0, Stage::Verdict);
        records.push(KeyedRecord { key, record: DecisionRecord::Refused { order_id: intent.id, refusal } });
    }

    fn apply(&mut self, reports: &[VenueReport]) {
        for report in reports {
            match report {
                VenueReport::Fill(fill) => match self.core.on_fill(fill) {
                    Ok(FillEffect::Duplicate) => {}
                    Ok(_) => self.totals.fills += 1,
                    Err(fault) => self.fault = Some(fault),
                },
                VenueReport::Update(update) => self.apply_update(update),
            }
        }
    }

    fn apply_update(&mut self, update: &OrderUpdate) {
        self.core.on_update(update);
        if !update.state.is_terminal() {
            return;
        }
        self.open.retain(|(id, _, _)| *id != update.order_id);
        for totals in [&mut self.totals, &mut self.since_row] {
            match update.state {
                OrderState::Filled => totals.filled += 1,
                OrderState::Rejected | OrderState::Error => totals.rejected += 1,
                OrderState::Cancelled | OrderState::Expired => totals.cancelled += 1,
                OrderState::BlockedBySafety => totals.blocked_safety += 1,
                _ => {}
            }
        }
        if update.state == OrderState::BlockedBySafety {
            self.row_reasons.push(format!("blocked_by_safety: {}", update.reason));
        }
    }

    fn complete(&mut self, bar: Option<usize>, records: &mut Vec<KeyedRecord>) {
        self.phase = Phase::Scan;
        let Some((closed, signal)) = bar.and_then(|bar| {
            let batch = self.batch.as_ref()?;
            Some((*batch.inputs.bars.get(bar)?, *batch.signals.get(bar)?))
        }) else {
            return;
        };
        if closed.step == 0 {
            return;
        }
        self.steps = closed.step;
        let symbol = self.params.instrument.symbol;
        let counted = std::mem::take(&mut self.since_row);
        let account = self.core.account();
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let row = StepRow {
            step: closed.step,
            input: self.last.0,
            ts_event: self.last.1,
            bar: closed.bar,
            gap_before: closed.gap_before,
            signal: signal.target,
            signal_changed: signal.changed,
            position: self.core.position(symbol),
            cash: account.cash(),
            equity: self.core.equity(),
            realized_pnl: account.realized_pnl(),
            unrealized_pnl: self.core.unrealized_pnl(),
            fees: account.fees(),
            orders_generated: small(counted.generated),
            orders_filled: small(counted.filled),
            orders_rejected: small(counted.rejected),
            orders_blocked: small(counted.blocked_risk + counted.blocked_safety),
            risk_reasons: std::mem::take(&mut self.row_reasons),
        };
        let key = self.keys.next(self.last.0, Stage::Step);
        records.push(KeyedRecord { key, record: DecisionRecord::Step(Box::new(row)) });
    }
}

fn direction(side: Side) -> TargetPosition {
    match side {
        Side::Buy => TargetPosition::Long,
        Side::Sell => TargetPosition::Short,
    }
}

/// Numbers records within input and stage.
#[derive(Debug, Default)]
struct KeyCounter {
    input: u64,
    counts: [u32; 3],
}

impl KeyCounter {
    fn next(&mut self, input: u64, stage: Stage) -> DecisionKey {
        if self.input != input {
            self.input = input;
            self.counts = [0; 3];
        }
        let slot = match stage {
            Stage::Intent => 0,
            Stage::Verdict => 1,
            _ => 2,
        };
        let index = self.counts[slot];
        self.counts[slot] += 1;
        DecisionKey { input, stage, index }
    }
}
