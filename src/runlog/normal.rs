//! One form for equal values.
//!
//! `1.5` and `1.50` are the same amount, and different bytes. Before a decision record enters a
//! digest its decimals lose their trailing zeros. Every pattern names all fields, so that a new
//! field does not compile until somebody decided about it.

use rust_decimal::Decimal;

use crate::domain::{Bar, Instrument, MarketEvent, Money, Price, Quantity, Quote, Trade};
use crate::messages::{
    DataIssue, DataIssueKind, DecisionRecord, Fill, Input, OrderIntent, OrderUpdate, Refusal, RiskReason,
    SessionHeader, SizingNote, StepRow,
};

/// The record with every decimal in its shortest form.
#[must_use]
pub fn normalized(record: &DecisionRecord) -> DecisionRecord {
    let mut record = record.clone();
    match &mut record {
        DecisionRecord::Header(header) => {
            let SessionHeader {
                schema_version: _,
                instrument,
                timeframe: _,
                strategy: _,
                settings: _,
                source: _,
                seed: _,
                start_balance,
            } = header.as_mut();
            let Instrument { symbol: _, tick_size, lot_size, min_quantity, min_notional } = instrument;
            tick_size.shorten();
            lot_size.shorten();
            min_quantity.shorten();
            min_notional.shorten();
            start_balance.shorten();
        }
        DecisionRecord::Input(Input { number: _, event, accepted: _ }) => shorten_event(event),
        DecisionRecord::Data(DataIssue { input: _, at: _, kind }) => shorten_issue(kind),
        DecisionRecord::Intent { intent, sizing } => {
            shorten_intent(intent);
            if let Some(SizingNote { wanted, sized, bound_by: _ }) = sizing {
                wanted.shorten();
                sized.shorten();
            }
        }
        DecisionRecord::Refused { order_id: _, refusal: Refusal { result: _, reasons, detail: _ } } => {
            for reason in reasons {
                match reason {
                    RiskReason::Limit { check: _, observed, limit, comparison: _ } => {
                        observed.shorten();
                        limit.shorten();
                    }
                    RiskReason::Failed { check: _, detail: _ } => {}
                }
            }
        }
        DecisionRecord::Order(OrderUpdate { order_id: _, input: _, at: _, state: _, filled, reason: _ }) => {
            filled.shorten();
        }
        DecisionRecord::Fill(fill) => {
            let Fill {
                fill_id: _,
                order_id: _,
                input: _,
                at: _,
                symbol: _,
                side: _,
                quantity,
                price,
                fee,
                liquidity: _,
            } = fill;
            quantity.shorten();
            price.shorten();
            fee.shorten();
        }
        DecisionRecord::Step(row) => shorten_step(row),
        DecisionRecord::External(_)
        | DecisionRecord::Signal { symbol: _, target: _ }
        | DecisionRecord::Approved(_)
        | DecisionRecord::CancelRequested { order_id: _, reason: _ } => {}
    }
    record
}

/// Loses trailing zeros.
trait Shorten {
    fn shorten(&mut self);
}

impl Shorten for Decimal {
    fn shorten(&mut self) {
        self.normalize_assign();
    }
}

impl Shorten for Price {
    fn shorten(&mut self) {
        self.0.shorten();
    }
}

impl Shorten for Quantity {
    fn shorten(&mut self) {
        self.0.shorten();
    }
}

impl Shorten for Money {
    fn shorten(&mut self) {
        self.0.shorten();
    }
}

impl<T: Shorten> Shorten for Option<T> {
    fn shorten(&mut self) {
        if let Some(value) = self {
            value.shorten();
        }
    }
}

fn shorten_bar(bar: &mut Bar) {
    let Bar { open_time: _, timeframe: _, open, high, low, close, volume, trade_count: _ } = bar;
    open.shorten();
    high.shorten();
    low.shorten();
    close.shorten();
    volume.shorten();
}

fn shorten_event(event: &mut MarketEvent) {
    match event {
        MarketEvent::Bar(bar) => shorten_bar(bar),
        MarketEvent::Trade(Trade { time: _, price, quantity, taker_side: _, trade_id: _ }) => {
            price.shorten();
            quantity.shorten();
        }
        MarketEvent::Quote(Quote { time: _, bid, bid_quantity, ask, ask_quantity }) => {
            bid.shorten();
            bid_quantity.shorten();
            ask.shorten();
            ask_quantity.shorten();
        }
    }
}

fn shorten_issue(kind: &mut DataIssueKind) {
    match kind {
        DataIssueKind::Crossed { bid, ask } => {
            bid.shorten();
            ask.shorten();
        }
        DataIssueKind::Jump { from, to, agreeing: _ } | DataIssueKind::NewLevel { from, to } => {
            from.shorten();
            to.shorten();
        }
        DataIssueKind::Gap { missing: _, from: _, to: _ }
        | DataIssueKind::Duplicate
        | DataIssueKind::ConflictingDuplicate
        | DataIssueKind::OutOfOrder { newest: _ }
        | DataIssueKind::NonPositive { field: _, value: _ }
        | DataIssueKind::Inconsistent { detail: _ }
        | DataIssueKind::Misaligned { detail: _ } => {}
    }
}

fn shorten_intent(intent: &mut OrderIntent) {
    let OrderIntent {
        id: _,
        input: _,
        decided_at: _,
        symbol: _,
        side: _,
        quantity,
        order_type: _,
        limit_price,
        stop_price,
        time_in_force: _,
        post_only: _,
        reduce_only: _,
        purpose: _,
        reason: _,
        decision_price,
    } = intent;
    quantity.shorten();
    limit_price.shorten();
    stop_price.shorten();
    decision_price.shorten();
}

fn shorten_step(row: &mut StepRow) {
    let StepRow {
        step: _,
        input: _,
        ts_event: _,
        bar,
        gap_before: _,
        signal: _,
        signal_changed: _,
        position,
        cash,
        equity,
        realized_pnl,
        unrealized_pnl,
        fees,
        orders_generated: _,
        orders_filled: _,
        orders_rejected: _,
        orders_blocked: _,
        risk_reasons: _,
    } = row;
    shorten_bar(bar);
    position.shorten();
    for money in [cash, equity, realized_pnl, unrealized_pnl, fees] {
        money.shorten();
    }
}
