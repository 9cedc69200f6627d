//! Decimal money: prices, quantities and amounts, with tick and lot rounding.
//!
//! Exactness: a product of a price and a quantity is exact as long as its digits fit the 28 of
//! [`Decimal`]; [`notional`](Price::notional) refuses (rather than rounds) where they do not.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a calculation with money was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The exact result needs more than the 28 digits a decimal has.
    #[error("{0}: the exact result does not fit 28 decimal digits")]
    Overflow(&'static str),
    /// A text is not a decimal number.
    #[error("{text:?} is not a decimal number")]
    NotANumber {
        /// The text as given.
        text: String,
    },
}

macro_rules! decimal_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Decimal);

        impl $name {
            /// Nought.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// `mantissa × 10^-scale`.
            #[must_use]
            pub fn from_scaled(mantissa: i64, scale: u32) -> Self {
                Self(Decimal::new(mantissa, scale))
            }

            /// The decimal inside.
            #[must_use]
            pub fn get(self) -> Decimal {
                self.0
            }

            /// True for exactly nought.
            #[must_use]
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// Greater than nought.
            #[must_use]
            pub fn is_positive(self) -> bool {
                self.0.is_sign_positive() && !self.0.is_zero()
            }

            /// Less than nought.
            #[must_use]
            pub fn is_negative(self) -> bool {
                self.0.is_sign_negative() && !self.0.is_zero()
            }

            /// The magnitude.
            #[must_use]
            pub fn abs(self) -> Self {
                Self(self.0.abs())
            }

            /// The nearest `f64`, for statistics only; see [`exact_f64`].
            #[must_use]
            pub fn to_f64(self) -> f64 {
                exact_f64(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                Decimal::from_str_exact(text.trim())
                    .map(|d| Self(d.normalize()))
                    .map_err(|_| MoneyError::NotANumber { text: text.to_owned() })
            }
        }

        impl From<Decimal> for $name {
            fn from(value: Decimal) -> Self {
                Self(value)
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Add::add)
            }
        }
    };
}

decimal_newtype! {
    /// A price in quote currency for one unit of base currency.
    Price
}
decimal_newtype! {
    /// An amount of base currency; signed where it is a position (long positive, short negative).
    Quantity
}
decimal_newtype! {
    /// An amount of quote (account) currency.
    Money
}

/// Basis points: 1 bps = 0.01 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bps(pub Decimal);

impl Bps {
    /// The factor `bps / 10,000`.
    #[must_use]
    pub fn factor(self) -> Decimal {
        self.0 * Decimal::new(1, 4)
    }
}

impl Price {
    /// Price × quantity, exact or refused.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the exact product does not fit 28 digits.
    pub fn notional(self, quantity: Quantity) -> Result<Money, MoneyError> {
        let product = self.0.checked_mul(quantity.0).ok_or(MoneyError::Overflow("price × quantity"))?;
        // `checked_mul` rounds silently when the scale does not fit; nothing here may round.
        let exact = product.scale() == self.0.scale() + quantity.0.scale();
        if !exact && !self.0.is_zero() && !quantity.0.is_zero() {
            return Err(MoneyError::Overflow("price × quantity"));
        }
        Ok(Money(product))
    }

    /// The nearest multiple of `tick` at or below this price. A non-positive tick leaves it as is.
    #[must_use]
    pub fn floor_to_tick(self, tick: Price) -> Price {
        Price(round_to_step(self.0, tick.0, RoundingStrategy::ToNegativeInfinity))
    }

    /// The nearest multiple of `tick` at or above this price. A non-positive tick leaves it as is.
    #[must_use]
    pub fn ceil_to_tick(self, tick: Price) -> Price {
        Price(round_to_step(self.0, tick.0, RoundingStrategy::ToPositiveInfinity))
    }

    /// True when the price is a whole number of ticks (any price, if the tick is not positive).
    #[must_use]
    pub fn is_on_tick(self, tick: Price) -> bool {
        !tick.is_positive() || (self.0 % tick.0).is_zero()
    }

    /// This price moved by `bps` upwards (negative: downwards), unrounded.
    #[must_use]
    pub fn shifted(self, bps: Bps) -> Price {
        Price(self.0 + self.0 * bps.factor())
    }
}

impl Quantity {
    /// The largest multiple of `lot` whose magnitude is at most this quantity's.
    #[must_use]
    pub fn floor_to_lot(self, lot: Quantity) -> Quantity {
        Quantity(round_to_step(self.0, lot.0, RoundingStrategy::ToZero))
    }

    /// True when the quantity is a whole number of lots (any, if the lot is not positive).
    #[must_use]
    pub fn is_on_lot(self, lot: Quantity) -> bool {
        !lot.is_positive() || (self.0 % lot.0).is_zero()
    }
}

impl Money {
    /// This amount × `bps` / 10,000, unrounded.
    #[must_use]
    pub fn times_bps(self, bps: Bps) -> Money {
        Money(self.0 * bps.factor())
    }

    /// Rounded half away from nought to `decimals` places (a venue's way to round a fee).
    #[must_use]
    pub fn rounded(self, decimals: u32) -> Money {
        Money(self.0.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero))
    }
}

fn round_to_step(value: Decimal, step: Decimal, strategy: RoundingStrategy) -> Decimal {
    if step <= Decimal::ZERO {
        return value;
    }
    let remainder = value % step;
    if remainder.is_zero() {
        return value;
    }
    let towards_zero = value - remainder;
    let rounded = match strategy {
        RoundingStrategy::ToNegativeInfinity if value.is_sign_negative() => towards_zero - step,
        RoundingStrategy::ToPositiveInfinity if value.is_sign_positive() => towards_zero + step,
        _ => towards_zero,
    };
    // The digits of what was cut off would only use up the room of a later product.
    rounded.normalize()
}

/// Powers of ten that are exact in binary floating point.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The `f64` nearest to a decimal: correctly rounded while the mantissa is below 2^53 and the
/// scale at most 22 (one division of two exact numbers), within one unit in the last place beyond.
#[must_use]
pub fn exact_f64(value: Decimal) -> f64 {
    let mantissa = value.mantissa();
    match (i64::try_from(mantissa), EXACT_POWERS.get(value.scale() as usize)) {
        (Ok(small), Some(power)) => small as f64 / power,
        _ => wide_f64(mantissa, value.scale()),
    }
}

/// Kept apart, because converting 128 bits is slow and hardly ever needed.
#[cold]
#[inline(never)]
fn wide_f64(mantissa: i128, scale: u32) -> f64 {
    mantissa as f64 / 10f64.powi(i32::try_from(scale).unwrap_or(28))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn a_product_is_exact_or_refused() {
        assert_eq!(price("56874.6").notional(quantity("0.00000001")).unwrap().to_string(), "0.000568746");
        let wide = price("0.12345678901234567890123456").notional(quantity("1.234567890123456789"));
        assert_eq!(wide, Err(MoneyError::Overflow("price × quantity")));
        assert!(price("79228162514264337593543950335").notional(quantity("10")).is_err());
    }

    #[test]
    fn rounding_keeps_to_the_trader_s_side() {
        let tick = price("0.1");
        assert_eq!(price("100.19").floor_to_tick(tick), price("100.1"));
        assert_eq!(price("100.11").ceil_to_tick(tick), price("100.2"));
        assert_eq!(price("100.1").ceil_to_tick(tick), price("100.1"));
        let lot = quantity("0.001");
        assert_eq!(quantity("0.0129").floor_to_lot(lot), quantity("0.012"));
        assert_eq!(quantity("-0.0129").floor_to_lot(lot), quantity("-0.012"));
        assert!(quantity("0.0005").floor_to_lot(lot).is_zero());
    }

    #[test]
    fn the_nearest_float_is_the_one_a_parser_finds() {
        for text in ["56874.6", "0.1", "123.45678", "106038.2", "0.00000001", "9999999.99999999"] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(price(text).to_f64().to_bits(), expected.to_bits(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_number_says_so() {
        assert_eq!("abc".parse::<Price>().unwrap_err().to_string(), "\"abc\" is not a decimal number");
        assert!("NaN".parse::<Price>().is_err());
        assert!("inf".parse::<Price>().is_err());
    }
}
