//! What the actors cost: the five real actors beside plain tokio tasks that do the same work and
//! beside a direct loop over the core, on identical ticks, journal on; then the time from a tick
//! to the order it causes, at 100,000 ticks a second.
//!
//! All runs use the shipped configuration and the same rule (an order leaves once its intent is
//! synced), and must end with the same digest of their journals.
//!
//! `cargo bench --bench pipeline`; `-- throughput` or `-- latency` for one half.
//! `PEAK_TRADE_BENCH_ROUNDS` and `PEAK_TRADE_BENCH_BARS` make it longer or shorter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod actors;
mod direct;
mod latency;
mod meter;
mod setup;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod throughput;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|w| w == part);
    if wants("throughput") {
        throughput::run();
    }
    if wants("latency") {
        latency::run();
    }
}

/// A number from the environment.
fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
