//! Made-up market data: seeded, endless if wished, and marked as synthetic.
//!
//! A tick's return is `drift + volatility × shock (+ jump)`, by a regime that a Markov chain
//! switches between bars:
//!
//! | regime | drift of a minute | volatility | volume | mean length |
//! |---|---|---|---|---|
//! | trend up, trend down | ±0.15 σ | 1 σ | 1.2 | 160 bars |
//! | range | 5 % of the way back to where it began | 0.8 σ | 0.7 | 200 bars |
//! | volatile | none | 2 σ | 2.0 | 80 bars |
//!
//! σ is `volatility_pct`. A weak pull towards the start price (half-life some ten weeks) keeps an
//! endless run in a sensible range. Bars are exactly the aggregated ticks of the same seed.
//!
//! **The same on every machine.** Prices are generated in `f64`, but only with `+ − × ÷`,
//! comparisons and square roots, which IEEE 754 fixes to the bit; there is no `exp`, `ln` or
//! `sin`. Shocks are the sum of twelve uniform numbers less six (Irwin–Hall: mean 0, variance 1,
//! never beyond ±6). What leaves the generator is a whole number of ticks.

mod params;
#[cfg(test)]
mod tests;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::source::{Granularity, Source, SourceError, SourceInfo, SourceState};
use crate::domain::{Bar, MarketEvent, Price, Quantity, Side, Span, Timestamp, Trade, VolumeUnit};
pub use params::SyntheticParams;

/// Returns of one tick are cut here, whatever the parameters.
const MAX_RETURN: f64 = 0.15;
/// The price stays within this factor of the start.
const MAX_FACTOR: f64 = 20.0;
/// Pull of a minute towards the start price.
const HOME_PULL: f64 = 1e-5;
/// Drift of a trend in a minute, in σ of a minute.
const TREND: f64 = 0.15;
/// Part of the way back to its middle that a range goes in a minute.
const RANGE_PULL: f64 = 0.05;
/// 2^-53, the step of a uniform `f64`.
const UNIT: f64 = 1.0 / 9_007_199_254_740_992.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Regime {
    Up,
    Down,
    Range,
    Volatile,
}

impl Regime {
    const ALL: [Self; 4] = [Self::Up, Self::Down, Self::Range, Self::Volatile];

    const fn index(self) -> usize {
        self as usize
    }

    /// Probability of leaving at the end of a bar: one over the mean length.
    const fn leave(self) -> f64 {
        match self {
            Self::Up | Self::Down => 1.0 / 160.0,
            Self::Range => 1.0 / 200.0,
            Self::Volatile => 1.0 / 80.0,
        }
    }

    /// Where it goes when it leaves: weights of up, down, range, volatile.
    const fn next(self) -> [f64; 4] {
        match self {
            Self::Up => [0.0, 0.3, 0.5, 0.2],
            Self::Down => [0.3, 0.0, 0.5, 0.2],
            Self::Range => [0.4, 0.4, 0.0, 0.2],
            Self::Volatile => [0.3, 0.3, 0.4, 0.0],
        }
    }

    const fn volatility(self) -> f64 {
        match self {
            Self::Up | Self::Down => 1.0,
            Self::Range => 0.8,
            Self::Volatile => 2.0,
        }
    }

    const fn volume(self) -> f64 {
        match self {
            Self::Up | Self::Down => 1.2,
            Self::Range => 0.7,
            Self::Volatile => 2.0,
        }
    }
}

/// What a regime means for one tick.
#[derive(Debug, Clone, Copy)]
struct TickModel {
    drift: f64,
    volatility: f64,
    /// Volume in 10^-8 of base currency.
    volume: f64,
}

/// The generator as a [`Source`].
pub struct Synthetic {
    params: SyntheticParams,
    info: SourceInfo,
    rng: ChaCha8Rng,
    models: [TickModel; 4],
    range_pull: f64,
    home_pull: f64,
    /// Price in ticks, unrounded; the start; where the current range began.
    price: f64,
    home: f64,
    middle: f64,
    regime: Regime,
    /// Ticks made in the current bar, and the one at which it jumps, if it does.
    tick: u32,
    jump_at: Option<u32>,
    /// Bars completed, ticks made.
    bars: u64,
    ticks: u64,
    bar_open: Timestamp,
    tick_mantissa: i64,
    tick_scale: u32,
    /// The rounded price of the tick before, in ticks.
    last_price: i64,
}

impl Synthetic {
    /// A generator at its beginning.
    ///
    /// # Errors
    /// A parameter is outside its range.
    pub fn new(params: SyntheticParams) -> Result<Self, SourceError> {
        params.validate()?;
        let minutes = params.timeframe.span().as_secs_f64() / 60.0;
        let tick_minutes = minutes / f64::from(params.ticks_per_bar);
        let sigma = params.volatility_pct / 100.0;
        let tick_sigma = sigma * tick_minutes.sqrt();
        let volume = params.base_volume.to_f64() * 1e8 / f64::from(params.ticks_per_bar);
        let models = Regime::ALL.map(|regime| TickModel {
            drift: match regime {
                Regime::Up => TREND * sigma * tick_minutes,
                Regime::Down => -TREND * sigma * tick_minutes,
                Regime::Range | Regime::Volatile => 0.0,
            },
            volatility: tick_sigma * regime.volatility(),
            volume: volume * regime.volume(),
        });
        let tick = params.tick_size.get().normalize();
        let home = params.start_price.to_f64() / params.tick_size.to_f64();
        let per_event = match params.granularity {
            Granularity::Ticks => u64::from(params.ticks_per_bar),
            Granularity::Bars(_) => 1,
        };
        let info = SourceInfo {
            kind: "synthetic",
            identity: params.identity(),
            symbol: None,
            granularity: params.granularity,
            volume_unit: VolumeUnit::Base,
            is_synthetic: true,
            real_time: false,
            expected_events: params.bars.map(|bars| bars.saturating_mul(per_event)),
            notes: vec!["SYNTHETIC data: no market ever showed these prices".to_owned()],
        };
        let mut source = Self {
            info,
            rng: ChaCha8Rng::seed_from_u64(params.seed),
            models,
            range_pull: (RANGE_PULL * tick_minutes).min(1.0),
            home_pull: (HOME_PULL * tick_minutes).min(1.0),
            price: home,
            home,
            middle: home,
            regime: Regime::Range,
            tick: 0,
            jump_at: None,
            bars: 0,
            ticks: 0,
            bar_open: params.start_time,
            tick_mantissa: i64::try_from(tick.mantissa()).unwrap_or(1),
            tick_scale: tick.scale(),
            last_price: whole(home),
            params,
        };
        source.begin_bar();
        Ok(source)
    }

    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * UNIT
    }

    /// Twelve uniform 16-bit numbers from three words.
    fn shock(&mut self) -> f64 {
        let mut sum = 0_u64;
        for _ in 0..3 {
            let word = self.rng.next_u64();
            sum += (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
        }
        // Each number stands for the middle of its step, so that the mean is exactly 0.
        (sum as f64 + 6.0) / 65_536.0 - 6.0
    }

    fn begin_bar(&mut self) {
        let jumps = self.uniform() < self.params.jump_probability;
        self.jump_at = if jumps { Some(whole_u32(self.uniform(), self.params.ticks_per_bar)) } else { None };
    }

    fn end_bar(&mut self) {
        self.bars += 1;
        self.tick = 0;
        self.bar_open = self.bar_open + self.params.timeframe.span();
        if self.uniform() < self.regime.leave() {
            let mut left = self.uniform();
            let weights = self.regime.next();
            for regime in Regime::ALL {
                left -= weights[regime.index()];
                if left < 0.0 {
                    self.regime = regime;
                    break;
                }
            }
            self.middle = self.price;
        }
        self.begin_bar();
    }

    /// Price in whole ticks and volume in 10^-8 of the next tick, with its side.
    fn step(&mut self) -> (i64, i64, Side) {
        let model = self.models[self.regime.index()];
        let mut change = model.drift + model.volatility * self.shock();
        change += self.home_pull * (self.home - self.price) / (self.home + self.price);
        if self.regime == Regime::Range {
            change += self.range_pull * (self.middle - self.price) / self.price;
        }
        if self.jump_at == Some(self.tick) {
            let size = self.params.jump_pct / 100.0 * (0.5 + self.uniform());
            change += if self.rng.next_u64() & 1 == 0 { size } else { -size };
        }
        let change = change.clamp(-MAX_RETURN, MAX_RETURN);
        let next = self.price + self.price * change;
        self.price = next.clamp(self.home / MAX_FACTOR, self.home * MAX_FACTOR).max(1.0);
        let price = whole(self.price);
        // Large moves trade more; 0.2 to 1.8 times the mean otherwise.
        let spread = 0.2 + 1.6 * self.uniform();
        let volume = whole(model.volume * spread * (1.0 + 100.0 * change.abs())).max(1);
        let side = match price.cmp(&self.last_price) {
            std::cmp::Ordering::Greater => Side::Buy,
            std::cmp::Ordering::Less => Side::Sell,
            std::cmp::Ordering::Equal if self.ticks.is_multiple_of(2) => Side::Buy,
            std::cmp::Ordering::Equal => Side::Sell,
        };
        self.last_price = price;
        self.ticks += 1;
        self.tick += 1;
        (price, volume, side)
    }

    fn price_of(&self, ticks: i64) -> Price {
        Price::from_scaled(ticks.saturating_mul(self.tick_mantissa), self.tick_scale)
    }

    fn next_trade(&mut self) -> Trade {
        let number = i64::from(self.tick);
        let offset = self.params.timeframe.span().0 / i64::from(self.params.ticks_per_bar) * number;
        let time = self.bar_open + Span(offset);
        let (price, volume, side) = self.step();
        let trade = Trade {
            time,
            price: self.price_of(price),
            quantity: Quantity::from_scaled(volume, 8),
            taker_side: Some(side),
            trade_id: Some(self.ticks),
        };
        if self.tick == self.params.ticks_per_bar {
            self.end_bar();
        }
        trade
    }

    fn next_bar(&mut self) -> Bar {
        let open_time = self.bar_open;
        let (open, mut volume, _) = self.step();
        let (mut high, mut low, mut close) = (open, open, open);
        while self.tick < self.params.ticks_per_bar {
            let (price, more, _) = self.step();
            high = high.max(price);
            low = low.min(price);
            close = price;
            volume = volume.saturating_add(more);
        }
        self.end_bar();
        Bar {
            open_time,
            timeframe: self.params.timeframe,
            open: self.price_of(open),
            high: self.price_of(high),
            low: self.price_of(low),
            close: self.price_of(close),
            volume: Quantity::from_scaled(volume, 8),
            trade_count: Some(u64::from(self.params.ticks_per_bar)),
        }
    }

    /// Bars all made; of ticks one more is due, which shows that the last bar is over.
    fn is_over(&self) -> bool {
        let Some(bars) = self.params.bars else { return false };
        match self.params.granularity {
            Granularity::Bars(_) => self.bars >= bars,
            Granularity::Ticks => self.bars > bars || self.bars == bars && (self.tick > 0 || bars == 0),
        }
    }
}

impl Source for Synthetic {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max: usize, out: &mut Vec<MarketEvent>) -> Result<SourceState, SourceError> {
        out.reserve(max.min(4_096));
        let bars = matches!(self.params.granularity, Granularity::Bars(_));
        for _ in 0..max {
            if self.is_over() {
                return Ok(SourceState::Ended);
            }
            out.push(if bars {
                MarketEvent::Bar(self.next_bar())
            } else {
                MarketEvent::Trade(self.next_trade())
            });
        }
        Ok(if self.is_over() { SourceState::Ended } else { SourceState::More })
    }
}

/// The nearest whole number of a value from 0.
fn whole(value: f64) -> i64 {
    (value + 0.5) as i64
}

/// A whole number below `end` from a uniform one.
fn whole_u32(uniform: f64, end: u32) -> u32 {
    ((uniform * f64::from(end)) as u32).min(end.saturating_sub(1))
}
