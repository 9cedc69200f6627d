//! Decimal arithmetic that is exact or says no.
//!
//! `Decimal`'s own checked operations round silently when the digits do not fit; the scale of the
//! result shows it. Trailing zeros are dropped and the operation tried again before giving up.

use rust_decimal::Decimal;

/// `a + b`, or `None` when the exact sum does not fit.
#[inline]
pub(super) fn add(a: Decimal, b: Decimal) -> Option<Decimal> {
    let sum = a.checked_add(b)?;
    if sum.scale() >= a.scale().max(b.scale()) || a.is_zero() || b.is_zero() {
        return Some(sum);
    }
    let (a, b) = (a.normalize(), b.normalize());
    let sum = a.checked_add(b)?;
    (sum.scale() >= a.scale().max(b.scale())).then_some(sum)
}

/// `a − b`, or `None` when the exact difference does not fit.
#[inline]
pub(super) fn sub(a: Decimal, b: Decimal) -> Option<Decimal> {
    add(a, -b)
}

/// `a × b`, or `None` when the exact product does not fit.
#[inline]
pub(super) fn mul(a: Decimal, b: Decimal) -> Option<Decimal> {
    if a.is_zero() || b.is_zero() {
        return Some(Decimal::ZERO);
    }
    let product = a.checked_mul(b)?;
    if product.scale() == a.scale() + b.scale() {
        return Some(product);
    }
    let (a, b) = (a.normalize(), b.normalize());
    let product = a.checked_mul(b)?;
    (product.scale() == a.scale() + b.scale()).then_some(product)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let wide = d("79228162514264337593543950335");
        assert_eq!(add(wide, d("0.1")), None);
        assert_eq!(add(wide, d("1")), None);
        assert_eq!(sub(d("-79228162514264337593543950335"), d("1")), None);
        assert_eq!(mul(d("0.12345678901234567890123456"), d("1.23456789")), None);
        assert_eq!(mul(d("0.0000000000000000000000000001"), d("0.00000000000000000001")), None);
    }

    #[test]
    fn trailing_zeros_are_no_reason_to_refuse() {
        assert_eq!(mul(d("2.50000000000000000000"), d("4.00000000000000000000")), Some(d("10")));
        assert_eq!(
            add(d("7922816251426433759354395033.0"), d("0.2")),
            Some(d("7922816251426433759354395033.2"))
        );
        assert_eq!(
            add(d("79228162514264337593543950330.0".trim_end_matches(".0")), d("5.000")),
            Some(d("79228162514264337593543950335"))
        );
    }

    #[test]
    fn nought_keeps_the_other_operand() {
        assert_eq!(add(d("0.0000"), d("1.5")), Some(d("1.5")));
        assert_eq!(sub(d("0"), d("1.5")), Some(d("-1.5")));
        assert_eq!(mul(d("0.000"), d("79228162514264337593543950335")), Some(Decimal::ZERO));
    }
}
