//! How fast the journal takes records and inputs, beside a naive baseline (one line of JSON a
//! record, `fdatasync` at the same moments) in the same run, on the disk that holds the target
//! folder. `cargo bench --bench journal`; the best of three rounds counts.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use peak_trade::clock::{Clock, SystemClock};
use peak_trade::domain::{
    Bar, MarketEvent, Money, OrderId, OrderType, Price, Quantity, Side, Symbol, TargetPosition, TimeInForce,
    Timeframe, Timestamp, Trade,
};
use peak_trade::messages::{
    DecisionKey, DecisionRecord, Fill, Input, InputBatch, IntentReason, KeyedRecord, Liquidity, OrderIntent,
    OrderState, OrderUpdate, Purpose, Stage, StepRow,
};
use peak_trade::runlog::{Damage, JournalWriter, scan};

type Error = Box<dyn std::error::Error>;

const ROUNDS: usize = 3;

fn now() -> Instant {
    SystemClock.monotonic()
}

/// What one order on one bar leaves: a signal, an intent, its approval, its fill, its update and
/// the step. The proportions of a session that trades at every bar.
fn decisions(count: usize) -> Result<Vec<KeyedRecord>, Error> {
    let symbol: Symbol = "BTC/EUR".parse()?;
    let mut records = Vec::with_capacity(count + 6);
    let mut input = 0;
    while records.len() < count {
        input += 1;
        let n = i64::try_from(input)?;
        let at = Timestamp::from_secs(1_700_000_000 + 60 * n);
        let price = Price::from_scaled(568_740 + n % 1_000, 1);
        let quantity = Quantity::from_scaled(12_345 + n % 77, 8);
        let mut put = |stage, index, record| {
            records.push(KeyedRecord { key: DecisionKey { input, stage, index }, record });
        };
        let order_id = OrderId(input);
        let update = OrderUpdate {
            order_id,
            input,
            at,
            state: OrderState::Filled,
            filled: quantity,
            reason: String::new(),
        };
        let fill = Fill {
            fill_id: input,
            order_id,
            input,
            at,
            symbol,
            side: Side::Buy,
            quantity,
            price,
            fee: Money::from_scaled(28 + n % 9, 2),
            liquidity: Liquidity::Taker,
        };
        put(Stage::Match, 0, DecisionRecord::Fill(fill));
        put(Stage::Match, 1, DecisionRecord::Order(update));
        put(Stage::Signal, 0, DecisionRecord::Signal { symbol, target: TargetPosition::Long });
        let intent = OrderIntent {
            id: order_id,
            input,
            decided_at: at,
            symbol,
            side: Side::Buy,
            quantity,
            order_type: OrderType::Market,
            limit_price: None,
            stop_price: None,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            reduce_only: false,
            purpose: Purpose::Entry,
            reason: IntentReason::EntryLong,
            decision_price: Some(price),
        };
        put(Stage::Intent, 0, DecisionRecord::Intent { intent, sizing: None });
        put(Stage::Verdict, 0, DecisionRecord::Approved(order_id));
        let row = StepRow {
            step: input,
            input,
            ts_event: at,
            bar: bar(n),
            gap_before: 0,
            signal: TargetPosition::Long,
            signal_changed: false,
            position: quantity,
            cash: Money::from_scaled(9_999_123_456 + n, 6),
            equity: Money::from_scaled(10_001_123_456 + n, 6),
            realized_pnl: Money::from_scaled(-12_345 + n, 4),
            unrealized_pnl: Money::from_scaled(777 - n, 4),
            fees: Money::from_scaled(28 * n, 2),
            orders_generated: 1,
            orders_filled: 1,
            orders_rejected: 0,
            orders_blocked: 0,
            risk_reasons: Vec::new(),
        };
        put(Stage::Step, 0, DecisionRecord::Step(Box::new(row)));
    }
    records.truncate(count);
    Ok(records)
}

/// A number between 0 and `below` that looks like chance and is the same in every run
/// (SplitMix64), so that columns do not compress better than a market's would.
fn chance(n: i64, salt: u64, below: u64) -> i64 {
    let mut z = n.cast_unsigned().wrapping_add(salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % below).cast_signed()
}

fn bar(n: i64) -> Bar {
    let open = 568_740 + chance(n, 1, 2_000);
    let close = open + chance(n, 2, 400) - 200;
    Bar {
        open_time: Timestamp::from_secs(1_700_000_000 / 60 * 60 + 60 * n),
        timeframe: Timeframe::M1,
        open: Price::from_scaled(open, 1),
        high: Price::from_scaled(open.max(close) + chance(n, 3, 100), 1),
        low: Price::from_scaled(open.min(close) - chance(n, 4, 100), 1),
        close: Price::from_scaled(close, 1),
        volume: Quantity::from_scaled(chance(n, 5, 2_000_000_000), 8),
        trade_count: Some(chance(n, 6, 40).unsigned_abs()),
    }
}

/// Decimals in their shortest form, as a parser delivers them: scales differ.
fn trade(n: i64) -> Trade {
    Trade {
        time: Timestamp(1_700_000_000_000_000_000 + n * 100_000_000 + chance(n, 1, 99_000_000)),
        price: Price(Price::from_scaled(568_740 + chance(n, 2, 1_000), 1).get().normalize()),
        quantity: Quantity(Quantity::from_scaled(1 + chance(n, 3, 50_000_000), 8).get().normalize()),
        taker_side: Some(if chance(n, 4, 2) == 0 { Side::Buy } else { Side::Sell }),
        trade_id: Some(70_000_000 + n.unsigned_abs()),
    }
}

fn batches(count: usize, event: impl Fn(i64) -> MarketEvent) -> Result<Vec<InputBatch>, Error> {
    let mut batches = Vec::new();
    let mut number = 0u64;
    while usize::try_from(number)? < count {
        let mut batch =
            InputBatch { received_at: Timestamp::from_secs(1_765_000_000), ..InputBatch::default() };
        while batch.inputs.len() < InputBatch::MAX {
            number += 1;
            batch.inputs.push(Input { number, event: event(i64::try_from(number)?), accepted: true });
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// When to sync.
#[derive(Clone, Copy)]
enum Sync {
    Every(usize),
    AtTheEnd,
}

impl Sync {
    fn group(self) -> usize {
        match self {
            Self::Every(n) => n,
            Self::AtTheEnd => usize::MAX,
        }
    }
}

struct Measured {
    took: Duration,
    bytes: u64,
}

fn journal(
    path: &Path,
    write: impl Fn(&mut JournalWriter<peak_trade::runlog::OsFile>) -> Result<(), Error>,
) -> Result<Measured, Error> {
    let mut writer = JournalWriter::create(path)?;
    let begin = now();
    write(&mut writer)?;
    writer.commit()?;
    let took = now() - begin;
    let appended = writer.appended_seq();
    drop(writer);
    let report = scan(path)?;
    if report.damage != Damage::None || report.valid_records != appended {
        return Err(format!("the journal is not what was written: {report:?}").into());
    }
    Ok(Measured { took, bytes: report.valid_bytes })
}

fn journal_decisions(path: &Path, records: &[KeyedRecord], sync: Sync) -> Result<Measured, Error> {
    journal(path, |writer| {
        for group in records.chunks(sync.group()) {
            writer.append_decisions(group)?;
            if matches!(sync, Sync::Every(_)) {
                writer.commit()?;
            }
        }
        Ok(())
    })
}

fn journal_inputs(path: &Path, batches: &[InputBatch], sync: Sync) -> Result<Measured, Error> {
    journal(path, |writer| {
        for batch in batches {
            writer.append_inputs(batch)?;
            if matches!(sync, Sync::Every(_)) {
                writer.commit()?;
            }
        }
        Ok(())
    })
}

fn json_lines<T: serde::Serialize>(path: &Path, records: &[T], sync: Sync) -> Result<Measured, Error> {
    let mut file = BufWriter::with_capacity(256 * 1024, File::create_new(path)?);
    let begin = now();
    for group in records.chunks(sync.group()) {
        for record in group {
            serde_json::to_writer(&mut file, record)?;
            file.write_all(b"\n")?;
        }
        if matches!(sync, Sync::Every(_)) {
            file.flush()?;
            file.get_ref().sync_data()?;
        }
    }
    file.flush()?;
    file.get_ref().sync_data()?;
    let took = now() - begin;
    Ok(Measured { took, bytes: file.get_ref().metadata()?.len() })
}

fn best(dir: &Path, run: impl Fn(&Path) -> Result<Measured, Error>) -> Result<Measured, Error> {
    let path = dir.join("bench");
    let mut best: Option<Measured> = None;
    for _ in 0..ROUNDS {
        let measured = run(&path)?;
        std::fs::remove_file(&path)?;
        if best.as_ref().is_none_or(|b| measured.took < b.took) {
            best = Some(measured);
        }
    }
    best.ok_or_else(|| "no round".into())
}

fn line(name: &str, count: usize, ours: &Measured, baseline: &Measured) {
    let rate = |m: &Measured| count as f64 / m.took.as_secs_f64();
    let each = |m: &Measured| m.bytes as f64 / count as f64;
    println!(
        "{name:<44} {:>12.0}/s {:>6.1} B {:>12.0}/s {:>6.1} B {:>7.2}x",
        rate(ours),
        each(ours),
        rate(baseline),
        each(baseline),
        rate(ours) / rate(baseline)
    );
}

fn main() -> Result<(), Error> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    println!("{:<44} {:>14} {:>8} {:>14} {:>8} {:>8}", "", "journal", "each", "JSON lines", "each", "ratio");
    for (name, count, sync) in [
        ("decisions, sync per record", 2_000, Sync::Every(1)),
        ("decisions, group commit by 64", 64_000, Sync::Every(64)),
        ("decisions, group commit by 1,024", 512 * 1_024, Sync::Every(1_024)),
        ("decisions, one sync at the end", 512 * 1_024, Sync::AtTheEnd),
    ] {
        let records = decisions(count)?;
        let ours = best(dir.path(), |path| journal_decisions(path, &records, sync))?;
        let baseline = best(dir.path(), |path| json_lines(path, &records, sync))?;
        line(name, count, &ours, &baseline);
    }
    let count = 1_024 * 1_024;
    for (name, batches) in [
        ("trades", batches(count, |n| MarketEvent::Trade(trade(n)))?),
        ("bars", batches(count, |n| MarketEvent::Bar(bar(n)))?),
    ] {
        let inputs: Vec<Input> = batches.iter().flat_map(|b| b.inputs.iter().copied()).collect();
        for (when, sync) in
            [("sync per batch", Sync::Every(InputBatch::MAX)), ("one sync at the end", Sync::AtTheEnd)]
        {
            let ours = best(dir.path(), |path| journal_inputs(path, &batches, sync))?;
            let baseline = best(dir.path(), |path| json_lines(path, &inputs, sync))?;
            line(&format!("{name} in batches of 1,024, {when}"), count, &ours, &baseline);
        }
    }
    Ok(())
}
