//! Whole run folders: tables and recovery.

mod recovery;
mod tables;

use std::path::Path;

use super::{JournalWriter, Meta, OsFile, RunFolder, RunLock, RunState, RunType};
use crate::domain::{
    Bar, Instrument, MarketEvent, Money, OrderId, OrderType, Price, Quantity, RunId, RunMode, Side,
    TargetPosition, TimeInForce, Timeframe, Timestamp,
};
use crate::messages::{
    Comparison, DecisionKey, DecisionRecord, Fill, Input, InputBatch, IntentReason, KeyedRecord, Liquidity,
    OperationalRecord, OrderIntent, OrderState, OrderUpdate, Purpose, Refusal, RiskCheck, RiskReason,
    SessionHeader, Stage, StepRow,
};

const START: Timestamp = Timestamp::from_secs(1_765_108_800);

fn run_id() -> RunId {
    RunId::new(RunMode::Shadow, START, 0xabc123)
}

fn keyed(input: u64, stage: Stage, index: u32, record: DecisionRecord) -> KeyedRecord {
    KeyedRecord { key: DecisionKey { input, stage, index }, record }
}

fn header() -> KeyedRecord {
    let header = SessionHeader {
        schema_version: 1,
        instrument: Instrument {
            symbol: "BTC/EUR".parse().unwrap(),
            tick_size: Price::from_scaled(1, 1),
            lot_size: Quantity::from_scaled(1, 8),
            min_quantity: Quantity::from_scaled(1, 4),
            min_notional: Money::from_scaled(5, 1),
        },
        timeframe: Timeframe::M1,
        strategy: "ma_crossover".to_owned(),
        settings: [("risk.max_order_notional".to_owned(), "100".to_owned())].into(),
        source: "synthetic:v1".to_owned(),
        seed: 42,
        start_balance: Money::from_scaled(10_000, 0),
    };
    keyed(0, Stage::Header, 0, DecisionRecord::Header(Box::new(header)))
}

fn bar(n: u64) -> Bar {
    let n = i64::try_from(n).unwrap();
    Bar {
        open_time: START + Timeframe::M1.span().times(n),
        timeframe: Timeframe::M1,
        open: Price::from_scaled(100 + n, 0),
        high: Price::from_scaled(1_025 + 10 * n, 1),
        low: Price::from_scaled(99 + n, 0),
        close: Price::from_scaled(1_011 + 10 * n, 1),
        volume: Quantity::from_scaled(125, 2),
        trade_count: None,
    }
}

fn batch(numbers: std::ops::RangeInclusive<u64>) -> InputBatch {
    InputBatch {
        received_at: START,
        inputs: numbers
            .map(|number| Input { number, event: MarketEvent::Bar(bar(number)), accepted: true })
            .collect(),
        ..InputBatch::default()
    }
}

fn step(n: u64) -> KeyedRecord {
    let row = StepRow {
        step: n,
        input: n,
        ts_event: bar(n).close_time(),
        bar: bar(n),
        gap_before: u32::from(n == 3),
        signal: if n.is_multiple_of(2) { TargetPosition::Long } else { TargetPosition::Short },
        signal_changed: true,
        position: Quantity::from_scaled(-5, 1),
        cash: Money::from_scaled(100_004, 1),
        equity: Money::from_scaled(99_995, 1),
        realized_pnl: Money::ZERO,
        unrealized_pnl: Money::from_scaled(-5, 1),
        fees: Money::from_scaled(13, 2),
        orders_generated: 1,
        orders_filled: 1,
        orders_rejected: 0,
        orders_blocked: if n == 2 { 2 } else { 0 },
        risk_reasons: if n == 2 { vec!["=a".to_owned(), "b".to_owned()] } else { Vec::new() },
    };
    keyed(n, Stage::Step, 0, DecisionRecord::Step(Box::new(row)))
}

fn intent(id: u64, side: Side) -> KeyedRecord {
    let intent = OrderIntent {
        id: OrderId(id),
        input: id,
        decided_at: bar(id).close_time(),
        symbol: "BTC/EUR".parse().unwrap(),
        side,
        quantity: Quantity::from_scaled(3, 0),
        order_type: OrderType::Market,
        limit_price: None,
        stop_price: None,
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        reduce_only: false,
        purpose: Purpose::Entry,
        reason: IntentReason::EntryLong,
        decision_price: Some(Price::from_scaled(100, 0)),
    };
    keyed(id, Stage::Intent, 0, DecisionRecord::Intent { intent, sizing: None })
}

fn fill(fill_id: u64, order: u64, quantity: i64, price: i64) -> KeyedRecord {
    let fill = Fill {
        fill_id,
        order_id: OrderId(order),
        input: order + 1,
        at: bar(order + 1).close_time(),
        symbol: "BTC/EUR".parse().unwrap(),
        side: Side::Buy,
        quantity: Quantity::from_scaled(quantity, 0),
        price: Price::from_scaled(price, 0),
        fee: Money::from_scaled(25, 2),
        liquidity: Liquidity::Taker,
    };
    keyed(order + 1, Stage::Match, u32::try_from(fill_id).unwrap(), DecisionRecord::Fill(fill))
}

fn update(order: u64, input: u64, state: OrderState, filled: i64, reason: &str) -> KeyedRecord {
    let update = OrderUpdate {
        order_id: OrderId(order),
        input,
        at: bar(input).close_time(),
        state,
        filled: Quantity::from_scaled(filled, 0),
        reason: reason.to_owned(),
    };
    keyed(input, Stage::Match, 100, DecisionRecord::Order(update))
}

fn refused(order: u64) -> KeyedRecord {
    let reasons = vec![RiskReason::Limit {
        check: RiskCheck::MaxOrderNotional,
        observed: 500.into(),
        limit: 100.into(),
        comparison: Comparison::Exceeded,
    }];
    let refusal = Refusal { result: OrderState::BlockedByRisk, reasons, detail: String::new() };
    keyed(order, Stage::Verdict, 0, DecisionRecord::Refused { order_id: OrderId(order), refusal })
}

fn started() -> OperationalRecord {
    OperationalRecord::RunStarted { run_id: run_id(), at: START, version: "0.1.0".to_owned(), pid: 77 }
}

fn ended(state: RunState) -> OperationalRecord {
    OperationalRecord::RunEnded {
        state: state.as_str().to_owned(),
        reason: "end of data".to_owned(),
        at: START + Timeframe::H1.span(),
    }
}

/// A run of four steps, three orders and three fills, as it stands in the middle of its work.
fn running(base: &Path) -> (RunFolder, RunLock, JournalWriter<OsFile>) {
    let (folder, lock) = RunFolder::create(base, &run_id()).unwrap();
    let mut meta = Meta::new(run_id(), START);
    meta.state = RunState::Running;
    meta.write(&folder.meta()).unwrap();
    let mut writer = JournalWriter::create(&folder.journal()).unwrap();
    writer.append_operational(&started()).unwrap();
    writer.append_decisions(&[header()]).unwrap();
    writer.append_inputs(&batch(1..=4)).unwrap();
    // Not in canonical order, and one fill twice.
    writer
        .append_decisions(&[
            step(2),
            step(1),
            intent(1, Side::Buy),
            fill(2, 1, 2, 103),
            fill(1, 1, 1, 100),
            fill(2, 1, 2, 103),
            update(1, 2, OrderState::Filled, 3, ""),
            intent(2, Side::Sell),
            refused(2),
            intent(3, Side::Sell),
            update(3, 4, OrderState::Rejected, 0, "=no funds"),
            step(3),
            step(4),
        ])
        .unwrap();
    writer.commit().unwrap();
    assert_eq!(RunType::of(RunMode::Shadow), RunType::LiveSessionShadow);
    (folder, lock, writer)
}
