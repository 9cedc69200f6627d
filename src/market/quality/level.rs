//! The price level: how far the next price may lie from the last accepted one.

use rust_decimal::Decimal;

use crate::domain::Price;

/// Keeps the shortcut in `f64` clear of its own rounding.
const MARGIN: f64 = 1e-9;

/// What the level says of a price range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LevelVerdict {
    /// Near enough.
    Within,
    /// Too far: quarantined.
    Jump { from: Price, to: Price, agreeing: u32 },
    /// Too far, but enough inputs agree.
    NewLevel { from: Price, to: Price },
}

/// Consecutive prices beyond the limit that agree with each other.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    lowest: Price,
    highest: Price,
    agreeing: u32,
}

/// The last accepted price with the band around it.
#[derive(Debug, Clone)]
pub(super) struct Level {
    up: Decimal,
    down: Decimal,
    confirmations: u32,
    /// The factors in `f64`, a margin narrower.
    inner_up: f64,
    inner_down: f64,
    last: Option<Price>,
    /// Strictly inside, no exact comparison is needed. Only a shortcut: it never changes a verdict.
    inner_low: f64,
    inner_high: f64,
    candidate: Option<Candidate>,
}

impl Level {
    pub(super) fn new(max_jump_pct: Decimal, confirmations: u32) -> Self {
        let fraction = max_jump_pct.abs().checked_div(Decimal::ONE_HUNDRED).unwrap_or(Decimal::ZERO);
        let up = Decimal::ONE.checked_add(fraction).unwrap_or(Decimal::MAX);
        let down = Decimal::ONE.checked_sub(fraction).unwrap_or(Decimal::ZERO);
        Self {
            up,
            down,
            confirmations: confirmations.max(1),
            inner_up: Price(up).to_f64() * (1.0 - MARGIN),
            inner_down: Price(down).to_f64() + MARGIN,
            last: None,
            inner_low: f64::INFINITY,
            inner_high: f64::NEG_INFINITY,
            candidate: None,
        }
    }

    /// Judges a price range, all of it positive, with the price `mark` that stands for it.
    pub(super) fn judge(&mut self, low: Price, high: Price, mark: Price) -> LevelVerdict {
        let inside = low.to_f64() > self.inner_low && high.to_f64() < self.inner_high;
        if inside {
            self.candidate = None;
            self.accept(mark);
            return LevelVerdict::Within;
        }
        self.judge_exactly(low, high, mark)
    }

    #[cold]
    fn judge_exactly(&mut self, low: Price, high: Price, mark: Price) -> LevelVerdict {
        let Some(last) = self.last else {
            self.accept(mark);
            return LevelVerdict::Within;
        };
        let below = low.get() < scaled(last, self.down);
        let above = high.get() > scaled(last, self.up);
        if !below && !above {
            self.candidate = None;
            self.accept(mark);
            return LevelVerdict::Within;
        }
        let joined = self.candidate.map(|c| Candidate {
            lowest: c.lowest.min(mark),
            highest: c.highest.max(mark),
            agreeing: c.agreeing.saturating_add(1),
        });
        let candidate = joined
            .filter(|c| c.highest.get() <= scaled(c.lowest, self.up))
            .unwrap_or(Candidate { lowest: mark, highest: mark, agreeing: 1 });
        if candidate.agreeing >= self.confirmations {
            self.candidate = None;
            self.accept(mark);
            return LevelVerdict::NewLevel { from: last, to: mark };
        }
        self.candidate = Some(candidate);
        let to = if below { low } else { high };
        LevelVerdict::Jump { from: last, to, agreeing: candidate.agreeing }
    }

    fn accept(&mut self, mark: Price) {
        let value = mark.to_f64();
        self.inner_low = value * self.inner_down;
        self.inner_high = value * self.inner_up;
        self.last = Some(mark);
    }
}

fn scaled(price: Price, factor: Decimal) -> Decimal {
    price.get().checked_mul(factor).unwrap_or(Decimal::MAX)
}
