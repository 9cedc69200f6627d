//! Texts to exact decimals and times. No binary floating point anywhere.

use chrono::DateTime;
use rust_decimal::Decimal;

use crate::domain::Timestamp;

/// What may stand in a time column.
pub(super) const ALLOWED_TIME: &str = "UNIX time in s, ms, µs or ns (the first row decides which; at most nanoseconds), \
     or RFC 3339 with an offset, as in 2024-10-01T00:00:00Z";
/// What may stand in a price or volume column.
pub(super) const ALLOWED_DECIMAL: &str =
    "a decimal number of at most 28 digits with a point, as in 56874.6 or 1e-05";
/// What may stand in a count or id column.
pub(super) const ALLOWED_COUNT: &str = "a whole number from 0, or nothing";
/// What may stand in a side column.
pub(super) const ALLOWED_SIDE: &str = "b, buy, s, sell, or nothing";

/// The longest mantissa that surely fits a `u64`.
const FAST_DIGITS: u32 = 18;

/// A decimal number, exactly, without trailing zeros. `None` if the text is not one or does not
/// fit.
pub(super) fn parse_decimal(text: &[u8]) -> Option<Decimal> {
    let text = text.trim_ascii();
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut mantissa = 0_i64;
    let mut digits = 0_u32;
    let mut scale = 0_u32;
    let mut seen_point = false;
    let mut seen_digit = false;
    for &byte in body {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                digits += u32::from(mantissa != 0);
                scale += u32::from(seen_point);
                if digits == FAST_DIGITS || scale == FAST_DIGITS {
                    return parse_decimal_slowly(text);
                }
            }
            b'.' if !seen_point => seen_point = true,
            b'e' | b'E' if seen_digit => return parse_decimal_slowly(text),
            _ => return None,
        }
    }
    if !seen_digit {
        return None;
    }
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    Some(Decimal::new(if negative { -mantissa } else { mantissa }, scale))
}

fn parse_decimal_slowly(text: &[u8]) -> Option<Decimal> {
    // rust_decimal also takes `1_000`; a file that says so is damaged.
    if !text.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E')) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Decimal::from_str_exact(text).ok().map(|d| d.normalize());
    };
    let mantissa = Decimal::from_str_exact(mantissa).ok()?.normalize();
    let exponent: i32 = exponent.parse().ok()?;
    let scale = i32::try_from(mantissa.scale()).ok()?.checked_sub(exponent)?;
    if scale > 0 {
        let scale = u32::try_from(scale).ok().filter(|scale| *scale <= Decimal::MAX_SCALE)?;
        return Decimal::try_from_i128_with_scale(mantissa.mantissa(), scale).ok().map(|d| d.normalize());
    }
    let power = 10_i128.checked_pow(scale.unsigned_abs())?;
    Decimal::try_from_i128_with_scale(mantissa.mantissa().checked_mul(power)?, 0).ok()
}

/// A whole number from 0; nothing at all is `Some(None)`. `142.0` counts as whole.
pub(super) fn parse_count(text: &[u8]) -> Option<Option<u64>> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some(None);
    }
    let number = parse_decimal(text)?;
    if number.scale() != 0 {
        return None;
    }
    u64::try_from(number.mantissa()).ok().map(Some)
}

/// The unit of a numeric time column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl TimeUnit {
    pub(super) const fn nanos(self) -> i128 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    /// By magnitude: below 10^11 seconds (until the year 5138), below 10^14 milliseconds (from
    /// 1973), below 10^17 microseconds, else nanoseconds.
    fn of(value: i64) -> Self {
        match value.unsigned_abs() {
            0..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Millis,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Micros,
            _ => Self::Nanos,
        }
    }
}

/// A moment. `unit` is decided by the first numeric value and kept: a later value of another
/// magnitude is then an absurd time, not another unit.
pub(super) fn parse_time(text: &[u8], unit: &mut Option<TimeUnit>) -> Option<Timestamp> {
    let text = text.trim_ascii();
    if !text.iter().skip(1).all(|b| b.is_ascii_digit() || *b == b'.') {
        let text = std::str::from_utf8(text).ok()?;
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        return at.timestamp_nanos_opt().map(Timestamp);
    }
    let (whole, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &text[text.len()..]),
    };
    let whole: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
    let nanos_per_unit = unit.get_or_insert_with(|| TimeUnit::of(whole)).nanos();
    let mut nanos = i128::from(whole) * nanos_per_unit;
    let mut place = nanos_per_unit;
    for &byte in fraction {
        if !byte.is_ascii_digit() {
            return None;
        }
        if place < 10 {
            if byte != b'0' {
                return None;
            }
            continue;
        }
        place /= 10;
        let part = i128::from(byte - b'0') * place;
        nanos += if text[0] == b'-' { -part } else { part };
    }
    i64::try_from(nanos).ok().map(Timestamp)
}

/// A whole number of a fixed or of the detected unit, from a typed column.
pub(super) fn time_from_integer(value: i64, unit: &mut Option<TimeUnit>) -> Option<Timestamp> {
    let unit = unit.get_or_insert_with(|| TimeUnit::of(value));
    i64::try_from(i128::from(value) * unit.nanos()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Option<String> {
        parse_decimal(text.as_bytes()).map(|d| d.to_string())
    }

    #[test]
    fn decimals_are_exact_and_normalised() {
        for (text, expected) in [
            ("105433.60000", "105433.6"),
            ("46319.0", "46319"),
            ("0.00000000", "0"),
            ("-1.50", "-1.5"),
            (" 7 ", "7"),
            ("+7.", "7"),
            (".5", "0.5"),
            ("1e-05", "0.00001"),
            ("1.25E2", "125"),
            ("12345678901234567890.12345678", "12345678901234567890.12345678"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
            ("0000000000000000000000000000001.5", "1.5"),
        ] {
            assert_eq!(decimal(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "nan",
            "NaN",
            "inf",
            "-",
            "+",
            ".",
            "1,5",
            "1_000",
            "0x10",
            "1.2.3",
            "--1",
            "1e",
            "e5",
            "1e99",
            "1e-99",
            "1 2",
            "٣",
            "99999999999999999999999999999999",
            "1e5.5",
            "1-1",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_and_the_slow_way_agree(text in "-?[0-9]{1,20}(\\.[0-9]{0,8})?") {
            let slow = Decimal::from_str_exact(&text).ok().map(|d| d.normalize());
            prop_assert_eq!(parse_decimal(text.as_bytes()), slow);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_decimal(&bytes);
            let _ = parse_count(&bytes);
            let _ = parse_time(&bytes, &mut None);
        }
    }

    fn nanos(text: &str) -> Option<i64> {
        parse_time(text.as_bytes(), &mut None).map(Timestamp::nanos)
    }

    #[test]
    fn times_of_every_unit_are_the_same_moment() {
        for text in [
            "1727740800",
            "1727740800.0",
            "1727740800000",
            "1727740800000000",
            "1727740800000000000",
            "2024-10-01T00:00:00Z",
            "2024-10-01 02:00:00+02:00",
        ] {
            assert_eq!(nanos(text), Some(1_727_740_800_000_000_000), "{text}");
        }
        assert_eq!(nanos("1762795433.9717445"), Some(1_762_795_433_971_744_500));
        assert_eq!(nanos("1762795433971.7445"), Some(1_762_795_433_971_744_500));
        assert_eq!(nanos("-0.5"), Some(-500_000_000));
    }

    #[test]
    fn a_time_that_is_not_exact_or_ambiguous_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.1234567891",
            "2024-10-01 00:00:00",
            "2024-10-01",
            "1.7e9",
            "NaN",
            "99999999999999999999",
            "1727740800,5",
            "soon",
        ] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_row_decides_the_unit() {
        let mut unit = None;
        assert_eq!(parse_time(b"1727740800", &mut unit), Some(Timestamp::from_secs(1_727_740_800)));
        // Milliseconds in a column of seconds: the year 56,719 fits no timestamp.
        assert_eq!(parse_time(b"1727740800000", &mut unit), None);
        assert_eq!(unit, Some(TimeUnit::Seconds));
    }

    #[test]
    fn counts_are_whole_or_absent() {
        assert_eq!(parse_count(b"142"), Some(Some(142)));
        assert_eq!(parse_count(b"142.0"), Some(Some(142)));
        assert_eq!(parse_count(b" "), Some(None));
        assert_eq!(parse_count(b"1.5"), None);
        assert_eq!(parse_count(b"-1"), None);
    }
}
