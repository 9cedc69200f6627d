//! The tie rule: when two computed numbers count as equal.
//!
//! Thresholds are often hit exactly (a price that stands still has equal averages, 102 is exactly 2 %
//! above 100), and then the last bit of a rounding decides. Two correct programs would disagree, and
//! a strategy would trade on noise. So every comparison of *computed* numbers has a tolerance of
//! [`TIE`] times a stated scale (the larger price, 100 for an oscillator, 1 for a fraction): inside it
//! they are equal. Prices themselves (as in a Donchian breakout) are compared exactly.
//!
//! The tolerance lies above the rounding error of the longest window
//! ([`MAX_WINDOW`](super::MAX_WINDOW) · 2⁻⁵³ ≈ 6·10⁻¹³) and below any real tick: it is 10⁻⁷ EUR at a
//! price of 100,000 EUR.

/// Relative width of a tie.
pub const TIE: f64 = 1e-12;

/// Average movement below this share of the price is no movement: an oscillator built on it (RSI,
/// directional index) is undefined rather than a ratio of roundings.
pub const NEGLIGIBLE: f64 = 1e-12;

/// `a > b`, and not by rounding alone.
#[must_use]
pub fn above(a: f64, b: f64, scale: f64) -> bool {
    a - b > TIE * scale
}

/// `a < b`, and not by rounding alone.
#[must_use]
pub fn below(a: f64, b: f64, scale: f64) -> bool {
    above(b, a, scale)
}

/// `a ≥ b`, or less by rounding alone. False for what is not a number.
#[must_use]
pub fn at_least(a: f64, b: f64, scale: f64) -> bool {
    b - a <= TIE * scale
}

/// `a ≤ b`, or more by rounding alone. False for what is not a number.
#[must_use]
pub fn at_most(a: f64, b: f64, scale: f64) -> bool {
    at_least(b, a, scale)
}

/// The scale for two prices or averages of prices: the larger magnitude.
#[must_use]
pub fn price_scale(a: f64, b: f64) -> f64 {
    a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_alone_is_no_difference() {
        let return_of_two_percent = 102.0 / 100.0 - 1.0;
        assert!(return_of_two_percent > 0.02, "the case needs a float that lies");
        assert!(!above(return_of_two_percent, 0.02, 1.0));
        assert!(at_least(return_of_two_percent, 0.02, 1.0));
        assert!(above(0.020_000_1, 0.02, 1.0));
        assert!(below(1e-8, 2e-8, price_scale(1e-8, 2e-8)));
    }

    #[test]
    fn what_is_not_a_number_satisfies_nothing() {
        for other in [f64::NAN, 1.0] {
            assert!(!above(f64::NAN, other, 1.0));
            assert!(!below(f64::NAN, other, 1.0));
            assert!(!at_least(f64::NAN, other, 1.0));
            assert!(!at_most(f64::NAN, other, 1.0));
        }
    }
}
