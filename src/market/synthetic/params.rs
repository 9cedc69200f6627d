//! Parameters of the generator.

use crate::domain::{Price, Quantity, Timeframe, Timestamp};
use crate::market::source::{Granularity, SourceError};

/// What the generator makes.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticParams {
    /// Equal seed and parameters give equal events.
    pub seed: u64,
    /// Price at the start, quote currency; also where the weak pull leads.
    pub start_price: Price,
    /// Prices are whole multiples of it, quote currency.
    pub tick_size: Price,
    /// Mean volume of a bar before the regime's factor, base currency.
    pub base_volume: Quantity,
    /// Standard deviation of a one-minute return outside the range and volatile regimes, per cent.
    pub volatility_pct: f64,
    /// Probability of a jump in a bar, 0 to 1.
    pub jump_probability: f64,
    /// Mean size of a jump, per cent; sizes are uniform from half to one and a half times it.
    pub jump_pct: f64,
    /// What is delivered: ticks, or bars, which then must be of `timeframe`.
    pub granularity: Granularity,
    /// Ticks that make a bar, evenly spaced from its open on.
    pub ticks_per_bar: u32,
    /// Open of the first bar; must be aligned to `timeframe`.
    pub start_time: Timestamp,
    /// Length of a bar.
    pub timeframe: Timeframe,
    /// Ends after so many bars; `None` never ends. With ticks one tick more closes the last bar.
    pub bars: Option<u64>,
}

impl Default for SyntheticParams {
    fn default() -> Self {
        Self {
            seed: 42,
            start_price: Price::from_scaled(50_000, 0),
            tick_size: Price::from_scaled(1, 1),
            base_volume: Quantity::from_scaled(2, 0),
            volatility_pct: 0.05,
            jump_probability: 0.000_5,
            jump_pct: 1.0,
            granularity: Granularity::Bars(Timeframe::M1),
            ticks_per_bar: 12,
            // 2024-01-01T00:00:00Z
            start_time: Timestamp::from_secs(1_704_067_200),
            timeframe: Timeframe::M1,
            bars: None,
        }
    }
}

impl SyntheticParams {
    /// These parameters with bars of `timeframe`.
    #[must_use]
    pub fn with_bars_of(self, timeframe: Timeframe) -> Self {
        Self { granularity: Granularity::Bars(timeframe), timeframe, ..self }
    }

    /// These parameters with ticks.
    #[must_use]
    pub fn with_ticks(self) -> Self {
        Self { granularity: Granularity::Ticks, ..self }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// The first one outside its range.
    pub fn validate(&self) -> Result<(), SourceError> {
        let check = |ok: bool, field: &'static str, value: String, allowed: &'static str| {
            if ok { Ok(()) } else { Err(SourceError::Parameter { field, value, allowed }) }
        };
        let ticks = self.start_price.to_f64() / self.tick_size.to_f64();
        check(self.tick_size.is_positive(), "tick_size", self.tick_size.to_string(), "above 0")?;
        check(
            self.start_price.is_positive() && (100.0..=1e9).contains(&ticks),
            "start_price",
            self.start_price.to_string(),
            "100 to 10^9 times tick_size",
        )?;
        check(
            self.tick_size.get().normalize().mantissa() <= 1_000_000,
            "tick_size",
            self.tick_size.to_string(),
            "at most six significant digits",
        )?;
        let volume = self.base_volume.to_f64();
        check(
            (1e-6..=1e6).contains(&volume),
            "base_volume",
            self.base_volume.to_string(),
            "0.000001 to 1000000",
        )?;
        check(
            (0.0..=2.0).contains(&self.volatility_pct),
            "volatility_pct",
            self.volatility_pct.to_string(),
            "0 to 2",
        )?;
        check(
            (0.0..=1.0).contains(&self.jump_probability),
            "jump_probability",
            self.jump_probability.to_string(),
            "0 to 1",
        )?;
        check((0.0..=10.0).contains(&self.jump_pct), "jump_pct", self.jump_pct.to_string(), "0 to 10")?;
        check(
            (1..=10_000).contains(&self.ticks_per_bar),
            "ticks_per_bar",
            self.ticks_per_bar.to_string(),
            "1 to 10000",
        )?;
        check(
            self.timeframe.bar_open(self.start_time) == self.start_time,
            "start_time",
            self.start_time.to_string(),
            "a multiple of timeframe",
        )?;
        let fits = match self.granularity {
            Granularity::Ticks => true,
            Granularity::Bars(timeframe) => timeframe == self.timeframe,
        };
        check(fits, "granularity", self.granularity.to_string(), "ticks, or bars of timeframe")
    }

    /// `synthetic:<seed>:<hash of the other parameters>`.
    #[must_use]
    pub fn identity(&self) -> String {
        // A format of its own rather than `Debug`, which may change with the compiler.
        let text = format!(
            "v1 {} {} {} {} {} {} {} {} {} {} {:?}",
            self.start_price.get().normalize(),
            self.tick_size.get().normalize(),
            self.base_volume.get().normalize(),
            self.volatility_pct,
            self.jump_probability,
            self.jump_pct,
            self.granularity,
            self.ticks_per_bar,
            self.start_time.nanos(),
            self.timeframe,
            self.bars,
        );
        format!("synthetic:{}:{}", self.seed, &blake3::hash(text.as_bytes()).to_hex()[..16])
    }
}
