//! Bars per second of strategy + risk + paper venue + accounting in a direct loop, beside the
//! strategy alone; and the cost of an order after few and after many.
//!
//! `cargo bench --bench core`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use peak_trade::domain::{MarketEvent, Timestamp};
use peak_trade::execution::HaltGate;
use peak_trade::market::SourceInfo;
use peak_trade::messages::InputBatch;
use peak_trade::risk::RiskLimits;
use peak_trade::session::assemble::engine;
use peak_trade::strategy::{Parameters, StrategyFactory, find, registry};
use support::{Flipper, factory_of, settings, synthetic_bars};

const BARS: u64 = 2_000_000;

fn main() {
    let (info, events) = synthetic_bars(BARS);
    println!("{BARS} one-minute bars; best of 3; bars per second");
    println!(
        "{:<20} {:>14} {:>14} {:>7} {:>9}",
        "strategy", "strategy alone", "whole core", "ratio", "orders"
    );
    for spec in registry() {
        let alone = best(|| {
            let mut strategy = find(spec.key).unwrap().build(&Parameters::new()).unwrap();
            for event in &events {
                if let MarketEvent::Bar(bar) = event {
                    black_box(strategy.on_bar(bar));
                }
            }
        });
        let mut orders = 0;
        let whole = best(|| {
            let mut engine = engine(&settings(), &info, factory_of(spec.key), HaltGate::new()).unwrap();
            let mut records = Vec::new();
            for chunk in events.chunks(InputBatch::MAX) {
                engine.step(chunk, Timestamp::default(), &mut records).unwrap();
                black_box(&records);
                records.clear();
            }
            orders = engine.risk.totals().generated;
        });
        let rate = |seconds: f64| BARS as f64 / seconds;
        println!(
            "{:<20} {:>14.0} {:>14.0} {:>7.2} {:>9}",
            spec.key,
            rate(alone),
            rate(whole),
            rate(whole) / rate(alone),
            orders
        );
    }
    order_cost(&info, &events);
}

/// An order at every bar: what an order costs after 100 and after 100,000.
fn order_cost(info: &SourceInfo, events: &[MarketEvent]) {
    let mut settings = settings();
    settings.limits = RiskLimits::UNCHECKED;
    let factory: StrategyFactory = Arc::new(|| Box::new(Flipper(false)));
    let mut engine = engine(&settings, info, factory, HaltGate::new()).unwrap();
    let mut records = Vec::new();
    println!("\ncost of an order (decide, check, hand over, fill, book), nanoseconds");
    let mut events = events.chunks(100);
    for after in [100_u64, 10_000, 100_000, 400_000] {
        while engine.risk.totals().generated < after {
            engine.step(events.next().unwrap(), Timestamp::default(), &mut records).unwrap();
            records.clear();
        }
        let before = engine.risk.totals().generated;
        let begin = Instant::now();
        for _ in 0..100 {
            engine.step(events.next().unwrap(), Timestamp::default(), &mut records).unwrap();
            records.clear();
        }
        let orders = engine.risk.totals().generated - before;
        println!("after {before:>7} orders: {:>7.0}", begin.elapsed().as_nanos() as f64 / orders as f64);
    }
}

fn best(mut work: impl FnMut()) -> f64 {
    (0..3)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
