//! Hand-computed values, and long runs through violent changes of level.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn last<T>(values: &[f64], mut push: impl FnMut(f64) -> T) -> T {
    let mut result = None;
    for value in values {
        result = Some(push(*value));
    }
    result.unwrap()
}

fn close_to(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-9 * expected.abs()
}

#[test]
fn averages_by_hand() {
    let values = [1.0, 2.0, 6.0, 3.0];
    let mut sma = Sma::new(3);
    assert_eq!(last(&values[..2], |v| sma.push(v)), None);
    assert_eq!(last(&values[2..], |v| sma.push(v)), Some(11.0 / 3.0));
    // α = 2/(3+1): 1 → 1.5 → 3.75 → 3.375.
    let mut ema = Ema::new(3);
    assert_eq!(last(&values, |v| ema.push(v)), 3.375);
    // α = 1/2: the same numbers, but only from the second on.
    let mut wilder = Wilder::new(2);
    assert_eq!(wilder.push(1.0), None);
    assert_eq!(last(&values[1..], |v| wilder.push(v)), Some(3.375));
    assert_eq!(wilder.value(), Some(3.375));
}

#[test]
fn deviation_is_the_sample_one() {
    let mut std = RollingStd::new(4);
    let moments = last(&[100.0, 2.0, 4.0, 4.0, 6.0], |v| std.push(v)).unwrap();
    assert_eq!(moments.mean(), 4.0);
    assert!(close_to(moments.sample_std(), (8.0_f64 / 3.0).sqrt()));
}

#[test]
fn equal_values_have_no_deviation_whatever_came_before() {
    let mut std = RollingStd::new(7);
    for value in [1e9, -3.0, 0.1, 1e-9].into_iter().chain([0.1; 7]) {
        std.push(value);
    }
    let moments = std.push(0.1).unwrap();
    assert_eq!((moments.mean(), moments.sample_std()), (0.1, 0.0));
}

#[test]
fn rsi_by_hand() {
    // Changes +2, −1, +3: gains 5/3, losses 1/3.
    let mut simple = Rsi::new(3, Smoothing::Simple);
    let value = last(&[10.0, 12.0, 11.0, 14.0], |p| simple.push(p)).unwrap();
    assert!(close_to(value, 100.0 * 5.0 / 6.0));
    // Wilder, α = 1/3 from the first change: gains 2 → 4/3 → 17/9, losses 0 → 1/3 → 2/9.
    let mut wilder = Rsi::new(3, Smoothing::Wilder);
    let value = last(&[10.0, 12.0, 11.0, 14.0], |p| wilder.push(p)).unwrap();
    assert!(close_to(value, 100.0 * 17.0 / 19.0));
}

#[test]
fn rsi_is_100_on_gains_alone_and_undefined_on_a_price_that_stands_still() {
    for smoothing in [Smoothing::Simple, Smoothing::Wilder] {
        let mut rsi = Rsi::new(3, smoothing);
        assert_eq!(last(&[1.0, 2.0, 3.0, 4.0], |p| rsi.push(p)), Some(100.0));
        assert_eq!(last(&[4.0; 1_000], |p| rsi.push(p)), None);
        assert!(last(&[4.0, 3.0], |p| rsi.push(p)).unwrap() < 1e-6);
    }
}

#[test]
fn true_range_sees_the_gap_from_the_close_before() {
    let mut range = TrueRange::default();
    assert_eq!(range.push(11.0, 9.0, 10.0), 2.0);
    assert_eq!(range.push(15.0, 14.0, 14.5), 5.0);
    assert_eq!(range.push(12.0, 11.0, 11.5), 3.5);
    assert_eq!(range.push(13.0, 10.0, 12.0), 3.0);
}

#[test]
fn adx_is_100_on_a_straight_line_and_undefined_on_a_flat_one() {
    let mut adx = Adx::new(3);
    let mut value = None;
    for i in 0..20 {
        let price = 100.0 + f64::from(i);
        value = adx.push(price + 0.5, price - 0.5, price);
        assert_eq!(value.is_some(), i >= 4, "defined from the fifth bar on");
    }
    let value = value.unwrap();
    assert!(close_to(value.adx, 100.0));
    // The first bar has a range but no movement, so +DI only approaches 100 · 1 / 1.5.
    assert!(value.plus_di > 60.0 && value.plus_di < 100.0 / 1.5);
    assert_eq!(value.minus_di, 0.0);
    let mut flat = Adx::new(3);
    assert!((0..20).all(|_| flat.push(5.0, 5.0, 5.0).is_none()));
}

#[test]
fn directional_movement_goes_to_the_larger_side_only() {
    // Outside bars: up 1, down 2. A tie (up 1, down 1) goes to neither.
    let mut adx = Adx::new(1);
    adx.push(10.0, 8.0, 9.0);
    let outside = adx.push(11.0, 6.0, 9.0).unwrap();
    assert_eq!((outside.plus_di, outside.minus_di), (0.0, 40.0));
    let tie = adx.push(12.0, 5.0, 9.0).unwrap();
    assert_eq!((tie.plus_di, tie.minus_di, tie.adx), (0.0, 0.0, outside.adx));
}

#[test]
fn macd_by_hand() {
    // Spans 1 and 3: fast is the price, slow 8 → 12 → 10; lines 0, 4, −2; signal (span 3) 0, 2, 0.
    let mut macd = Macd::new(1, 3, 3);
    assert_eq!(macd.min_values(), 5);
    assert_eq!(last(&[8.0; 3], |p| macd.push(p)), None);
    assert_eq!(macd.push(16.0), None);
    let value = macd.push(8.0).unwrap();
    assert_eq!((value.macd, value.signal, value.scale), (-2.0, 0.0, 10.0));
}

#[test]
fn ranks_by_hand() {
    let mut rank = PercentileRank::new(4, 2);
    let ranks: Vec<_> = [3.0, 1.0, 1.0, 5.0, 1.0, 4.0].into_iter().map(|v| rank.push(v)).collect();
    let expected = [None, Some(50.0), Some(50.0), Some(100.0), Some(50.0), Some(75.0)];
    assert_eq!(ranks, expected);
    // Rounding does not rank.
    let mut noise = PercentileRank::new(2, 1);
    noise.push(0.1 + 0.2);
    assert_eq!(noise.push(0.3), Some(75.0));
}

#[test]
fn returns_of_senseless_prices_are_nought() {
    assert_eq!(simple_return(0.0, 5.0), 0.0);
    assert_eq!(log_return(0.0, 5.0), 0.0);
    assert_eq!(log_return(5.0, 0.0), 0.0);
    assert!(close_to(simple_return(100.0, 102.0), 0.02));
}

/// Everything that keeps state for long, as one.
struct All {
    sma: Sma,
    std: RollingStd,
    highest: RollingMax,
    lowest: RollingMin,
    ema: Ema,
    rsi: Rsi,
    cutler: Rsi,
    atr: Atr,
    macd: Macd,
}

impl All {
    fn new() -> Self {
        Self {
            sma: Sma::new(50),
            std: RollingStd::new(20),
            highest: RollingMax::new(20),
            lowest: RollingMin::new(20),
            ema: Ema::new(26),
            rsi: Rsi::new(14, Smoothing::Wilder),
            cutler: Rsi::new(14, Smoothing::Simple),
            atr: Atr::new(14),
            macd: Macd::new(12, 26, 9),
        }
    }

    fn push(&mut self, x: f64) -> [Option<f64>; 10] {
        let moments = self.std.push(x);
        [
            self.sma.push(x),
            moments.map(Moments::mean),
            moments.map(Moments::sample_std),
            self.highest.push(x),
            self.lowest.push(x),
            Some(self.ema.push(x)),
            self.rsi.push(x),
            self.cutler.push(x),
            self.atr.push(x * 1.01, x * 0.99, x),
            self.macd.push(x).map(|m| m.signal),
        ]
    }
}

#[test]
fn nothing_drifts_in_five_million_values_between_1e5_and_1e_minus_5() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut all = All::new();
    let mut recent: Vec<f64> = Vec::new();
    let mut compared = 0;
    for n in 0..5_000_000_u32 {
        // 3,000 values on each level, so that every level ends in values older than any memory.
        let level = [1e5, 1e-5, 1.0, 1e-5][(n / 3_000) as usize % 4];
        let x = level * (1.0 + 0.01 * rng.random::<f64>());
        let got = all.push(x);
        let block = n / 3_000;
        // Watch a few blocks in full: right after a change of level, and at its end.
        if block % 331 == 0 || block > 1_660 {
            if n % 3_000 == 0 {
                recent.clear();
            }
            recent.push(x);
            let at = recent.len();
            if at == 60 || at == 61 || at == 2_999 {
                let mut fresh = All::new();
                let expected = last(&recent, |v| fresh.push(v));
                for (i, (got, expected)) in got.into_iter().zip(expected).enumerate() {
                    // Exponential memory reaches back across the change of level for some 1,000 values.
                    let windowed = matches!(i, 0..=4 | 7);
                    if windowed || at == 2_999 {
                        let (got, expected) = (got.unwrap(), expected.unwrap());
                        // The signal line is a difference: relative to the price, not to itself.
                        let scale = if i == 9 { x } else { expected.abs() };
                        assert!((got - expected).abs() <= 1e-9 * scale, "{i} at {n}: {got} {expected}");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 200, "{compared}");
}
