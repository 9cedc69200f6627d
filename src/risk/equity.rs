//! Equity over time: the day's opening, the peak, the drawdown.

use rust_decimal::Decimal;

use crate::domain::{Money, Timestamp};

const DAY_NANOS: i64 = 86_400_000_000_000;

/// A fall of the equity from its peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drawdown {
    /// Peak − equity, quote currency.
    pub money: Money,
    /// The same as a fraction of the peak (0.15 is 15 %); nought while the peak is not positive.
    pub fraction: Decimal,
}

/// Equity, its peak and trough, and the equity at the first input of the UTC day.
#[derive(Debug, Clone)]
pub(super) struct EquityTrack {
    equity: Decimal,
    day_open: Decimal,
    day_end: i64,
    peak: Decimal,
    /// Lowest equity since the peak: only a new low can deepen the largest drawdown, so that the
    /// division for the fraction is rarely needed.
    trough: Decimal,
    max: Drawdown,
}

impl EquityTrack {
    pub(super) fn new(start: Decimal) -> Self {
        Self {
            equity: start,
            day_open: start,
            day_end: i64::MIN,
            peak: start,
            trough: start,
            max: Drawdown::default(),
        }
    }

    #[inline]
    pub(super) fn set(&mut self, equity: Decimal) {
        self.equity = equity;
        if equity > self.peak {
            self.peak = equity;
            self.trough = equity;
        } else if equity < self.trough {
            self.trough = equity;
            let now = self.drawdown();
            self.max.money = self.max.money.max(now.money);
            self.max.fraction = self.max.fraction.max(now.fraction);
        }
    }

    /// Opens the UTC day of `at`, if it is a new one, with the equity as it stands. Time that goes
    /// back opens nothing.
    #[inline]
    pub(super) fn open_day(&mut self, at: Timestamp) {
        if at.nanos() >= self.day_end {
            self.day_open = self.equity;
            self.day_end = (at.utc_day() + 1).saturating_mul(DAY_NANOS);
        }
    }

    pub(super) fn equity(&self) -> Decimal {
        self.equity
    }

    pub(super) fn day_open(&self) -> Decimal {
        self.day_open
    }

    pub(super) fn peak(&self) -> Decimal {
        self.peak
    }

    pub(super) fn drawdown(&self) -> Drawdown {
        let money = self.peak.saturating_sub(self.equity);
        let fraction = if self.peak > Decimal::ZERO {
            money.checked_div(self.peak).unwrap_or(Decimal::MAX)
        } else {
            Decimal::ZERO
        };
        Drawdown { money: Money(money), fraction }
    }

    pub(super) fn max_drawdown(&self) -> Drawdown {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawdown_is_measured_from_the_peak() {
        let mut track = EquityTrack::new(Decimal::from(100));
        for equity in [120, 90, 110, 200, 160] {
            track.set(Decimal::from(equity));
        }
        // 40 from 200 is the most money, 30 from 120 the largest fraction.
        assert_eq!(track.max_drawdown(), Drawdown { money: Money(40.into()), fraction: Decimal::new(25, 2) });
        assert_eq!(track.drawdown(), Drawdown { money: Money(40.into()), fraction: Decimal::new(2, 1) });
    }

    #[test]
    fn a_day_opens_once_and_never_backwards() {
        let mut track = EquityTrack::new(Decimal::from(100));
        let midnight = Timestamp(DAY_NANOS * 20_000);
        track.open_day(Timestamp(midnight.nanos() - 1));
        track.set(Decimal::from(90));
        track.open_day(midnight);
        track.set(Decimal::from(80));
        track.open_day(Timestamp(midnight.nanos() + DAY_NANOS - 1));
        track.open_day(Timestamp(midnight.nanos() - 1));
        assert_eq!(track.day_open(), Decimal::from(90));
    }
}
