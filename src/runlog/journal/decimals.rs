//! A column of decimals.

use rust_decimal::Decimal;

use super::varint::{Cursor, put_signed, put_wide};

/// All values have one scale.
const UNIFORM: u8 = 0;
/// All values are in their shortest form; written with the largest scale.
const SHORTEST: u8 = 1;
/// Each for itself.
const SINGLE: u8 = 2;

const SIGN: u8 = 0x80;

/// Appends the column in the tightest form that brings back every value with its scale.
pub(super) fn put(out: &mut Vec<u8>, values: &[Decimal]) {
    let mut lowest = u32::MAX;
    let mut highest = 0;
    let mut shortest = true;
    let mut narrow = true;
    for value in values {
        let scale = value.scale();
        lowest = lowest.min(scale);
        highest = highest.max(scale);
        match i64::try_from(value.mantissa()) {
            Ok(mantissa) => shortest &= scale == 0 || mantissa % 10 != 0,
            Err(_) => narrow = false,
        }
    }
    let start = out.len();
    if narrow && lowest == highest {
        out.extend_from_slice(&[UNIFORM, scale_byte(highest)]);
        if put_mantissas(out, values, highest).is_some() {
            return;
        }
    } else if narrow && shortest {
        out.extend_from_slice(&[SHORTEST, scale_byte(highest)]);
        if put_mantissas(out, values, highest).is_some() {
            return;
        }
    }
    // Scaled up, a mantissa may have outgrown 64 bits half-way.
    out.truncate(start);
    out.push(SINGLE);
    for value in values {
        let sign = if value.is_sign_negative() { SIGN } else { 0 };
        out.push(scale_byte(value.scale()) | sign);
        put_wide(out, value.mantissa().unsigned_abs());
    }
}

fn scale_byte(scale: u32) -> u8 {
    // A decimal's scale is at most 28.
    scale.to_le_bytes()[0]
}

fn put_mantissas(out: &mut Vec<u8>, values: &[Decimal], scale: u32) -> Option<()> {
    let mut before = 0i64;
    for value in values {
        let mantissa = i64::try_from(value.mantissa()).ok()?;
        let steps = scale - value.scale();
        let mantissa = if steps == 0 { mantissa } else { mantissa.checked_mul(10i64.checked_pow(steps)?)? };
        put_signed(out, mantissa.wrapping_sub(before));
        before = mantissa;
    }
    Some(())
}

/// Reads `count` values.
pub(super) fn get(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<Decimal>> {
    let mut values = Vec::with_capacity(count);
    let form = cursor.byte()?;
    match form {
        UNIFORM | SHORTEST => {
            let scale = u32::from(cursor.byte()?);
            let mut mantissa = 0i64;
            for _ in 0..count {
                mantissa = mantissa.wrapping_add(cursor.signed()?);
                let value = Decimal::try_from_i128_with_scale(i128::from(mantissa), scale).ok()?;
                values.push(if form == SHORTEST { shorten(value, mantissa, scale) } else { value });
            }
        }
        SINGLE => {
            for _ in 0..count {
                let head = cursor.byte()?;
                let magnitude = i128::try_from(cursor.varint_96()?).ok()?;
                let mantissa = if head & SIGN == 0 { magnitude } else { -magnitude };
                values.push(Decimal::try_from_i128_with_scale(mantissa, u32::from(head & !SIGN)).ok()?);
            }
        }
        _ => return None,
    }
    Some(values)
}

fn shorten(value: Decimal, mut mantissa: i64, mut scale: u32) -> Decimal {
    if scale == 0 || mantissa % 10 != 0 {
        return value;
    }
    if mantissa == 0 {
        return Decimal::ZERO;
    }
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    Decimal::new(mantissa, scale)
}
