//! Seeded price series: random walks and the nasty cases.

use peak_trade::domain::{Bar, Price, Quantity, Timeframe, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A kind of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A walk whose volatility changes.
    Walk,
    /// The same price for ever.
    Constant,
    /// Long plateaus joined by jumps.
    Steps,
    /// A walk of a few ticks of 1e-8: many exact ties.
    Tiny,
    /// A walk near 1e9.
    Huge,
    /// A walk without any volume.
    ZeroVolume,
    /// A walk with bars missing.
    Gaps,
    /// Falls from 1e5 to 1e-5 and rises again.
    LevelShift,
    /// Up and down by one tick in turn, then trends.
    Sawtooth,
}

pub const KINDS: [Kind; 9] = [
    Kind::Walk,
    Kind::Constant,
    Kind::Steps,
    Kind::Tiny,
    Kind::Huge,
    Kind::ZeroVolume,
    Kind::Gaps,
    Kind::LevelShift,
    Kind::Sawtooth,
];

/// `count` bars of a kind.
pub fn bars(kind: Kind, seed: u64, count: usize) -> Vec<Bar> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let timeframe = Timeframe::ALL[rng.random_range(0..Timeframe::ALL.len())];
    let (scale, start) = match kind {
        Kind::Tiny => (8, 40),
        Kind::Huge => (1, 10_000_000_000),
        Kind::LevelShift => (10, 1_000_000_000_000_000),
        _ => (1, 500_000),
    };
    let mut close: i64 = start;
    let mut time = Timestamp::from_secs(1_700_000_000).floor_to(timeframe.span());
    let mut result = Vec::with_capacity(count);
    for i in 0..count {
        let open = close;
        let step = if (i / 70) % 2 == 0 { close / 2_000 } else { close / 200 }.max(1);
        let wick;
        (close, wick) = match kind {
            Kind::Constant => (close, 0),
            Kind::Steps => (if i % 45 == 0 { close + rng.random_range(-9..=9) * step } else { close }, 0),
            Kind::Tiny => (close + rng.random_range(-2..=2), 1),
            Kind::LevelShift if i % 150 == 75 => (100_000 + rng.random_range(0..50), 0),
            Kind::LevelShift if i % 150 == 0 => (start + rng.random_range(0..50), 0),
            Kind::Sawtooth => {
                let tick = if i % 2 == 0 { 1 } else { -1 };
                (close + if (i / 60) % 2 == 0 { tick } else { step * tick.max(0) }, 1)
            }
            _ => (close + rng.random_range(-step..=step), step),
        };
        close = close.max(1);
        let high = open.max(close) + rng.random_range(0..=wick);
        let low = (open.min(close) - rng.random_range(0..=wick)).max(1);
        let volume = if kind == Kind::ZeroVolume { 0 } else { rng.random_range(0..5_000_000) };
        result.push(Bar {
            open_time: time,
            timeframe,
            open: Price::from_scaled(open, scale),
            high: Price::from_scaled(high, scale),
            low: Price::from_scaled(low, scale),
            close: Price::from_scaled(close, scale),
            volume: Quantity::from_scaled(volume, 8),
            trade_count: None,
        });
        let missing = if kind == Kind::Gaps && rng.random_bool(0.1) { rng.random_range(1..500) } else { 0 };
        time = time + timeframe.span().times(1 + missing);
    }
    result
}
