//! Every strategy, bar by bar, against two independent implementations: tables made with pandas on
//! real candles (`reference/generate.py`), and a naive one in Rust on seeded series.
//!
//! Targets must be equal at every bar. The tie rule of `strategy::compare` belongs to the definition;
//! there is no tolerance beyond it.

// Test code outside of `#[test]` functions, which clippy.toml's exemption does not reach.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "reference/allocations.rs"]
mod allocations;
#[path = "reference/candles.rs"]
mod candles;
#[path = "reference/naive.rs"]
mod naive;
#[path = "reference/series.rs"]
mod series;

use peak_trade::domain::{Bar, TargetPosition};
use peak_trade::strategy::indicators::{
    Adx, Atr, Ema, Macd, PercentileRank, RollingMax, RollingMin, RollingStd, Rsi, Sma, Smoothing, VolMethod,
    Volatility,
};
use peak_trade::strategy::{ParameterValue, Parameters, Strategy, build, find, registry};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn run(strategy: &mut dyn Strategy, bars: &[Bar]) -> Vec<i8> {
    bars.iter().map(|bar| strategy.on_bar(bar).as_i8()).collect()
}

/// The library against the naive implementation, and its promise about warming up.
fn check(key: &str, given: &Parameters, bars: &[Bar], what: &str) -> Result<(), String> {
    let resolved = find(key).unwrap().resolve(given).map_err(|error| error.to_string())?;
    let mut strategy = build(key, given).map_err(|error| error.to_string())?;
    if strategy.key() != key || strategy.is_warm() {
        return Err(format!("{key}: a new strategy says {} and warm {}", strategy.key(), strategy.is_warm()));
    }
    let expected = naive::targets(key, &resolved, &naive::Candles::of(bars));
    for (i, bar) in bars.iter().enumerate() {
        let target = strategy.on_bar(bar).as_i8();
        if target != expected[i] {
            return Err(format!("{key} {resolved:?} on {what}, bar {i}: {target}, naive {}", expected[i]));
        }
        let warm = i + 1 >= strategy.min_bars();
        if strategy.is_warm() != warm || (!warm && target != 0) {
            return Err(format!("{key} {resolved:?} on {what}, bar {i}: target {target}, warm {warm}"));
        }
    }
    Ok(())
}

/// Tables with other parameters than the defaults: name, key, parameters.
fn variants() -> Vec<(&'static str, &'static str, Parameters)> {
    let rsi = Parameters::new().with("use_wilder", false).with("use_trend_filter", true);
    vec![
        ("bollinger_bands_touch", "bollinger_bands", Parameters::new().with("entry_threshold", 1.0)),
        ("rsi_reversion_simple_trend", "rsi_reversion", rsi),
        ("mean_reversion_vol_filter", "mean_reversion", Parameters::new().with("use_vol_filter", true)),
        ("vol_regime_filter_realized", "vol_regime_filter", Parameters::new().with("vol_method", "realized")),
    ]
}

#[test]
fn targets_on_real_candles_are_those_of_the_pandas_tables() {
    for source in &candles::SOURCES {
        let Some(bars) = candles::bars(source) else { return };
        let defaults = registry().iter().map(|spec| (spec.key, spec.key, Parameters::new()));
        for (table, key, parameters) in defaults.chain(variants()) {
            let expected = candles::targets(source, table, bars.len());
            let got = run(build(key, &parameters).unwrap().as_mut(), &bars);
            let differs = (0..bars.len()).find(|i| got[*i] != expected[*i]);
            assert_eq!(differs, None, "{table} on {}: first bar that differs", source.file);
        }
    }
}

#[test]
fn the_tables_of_real_candles_trade() {
    // A table without changes would prove nothing. With its defaults bollinger_bands waits for 5 %
    // below its band, which these candles never reach: hence its variant.
    for source in &candles::SOURCES {
        let names = registry().iter().map(|spec| spec.key).chain(variants().into_iter().map(|v| v.0));
        for name in names {
            let changes = candles::changes(source, name).len();
            let expected = match name {
                "bollinger_bands" => 0..=0,
                "buy_and_hold" => 1..=1,
                "momentum_1h" => 2..=usize::MAX,
                _ => 18..=usize::MAX,
            };
            assert!(expected.contains(&changes), "{name} on {}: {changes}", source.file);
        }
    }
}

#[test]
fn indicators_on_real_candles_are_those_of_the_pandas_tables() {
    for source in &candles::SOURCES {
        let Some(bars) = candles::bars(source) else { return };
        let table = candles::indicators(source);
        assert!(table.len() > 70);
        for (name, values) in indicator_series(&bars) {
            let rows: Vec<_> = table.iter().filter(|(_, indicator, _)| *indicator == name).collect();
            assert!(rows.len() > 4, "{name}");
            for (bar, _, expected) in rows {
                let got = values[*bar].unwrap();
                // MACD is a small difference of large averages.
                let scale = if name.starts_with("macd") { 1e5 } else { expected.abs() };
                assert!(
                    (got - expected).abs() <= 1e-9 * scale,
                    "{name} on {} at bar {bar}: {got}, pandas {expected}",
                    source.file
                );
            }
        }
    }
}

fn indicator_series(bars: &[Bar]) -> Vec<(&'static str, Vec<Option<f64>>)> {
    fn series(bars: &[Bar], f: impl FnMut(&Bar) -> Option<f64>) -> Vec<Option<f64>> {
        bars.iter().map(f).collect()
    }
    let hlc = |bar: &Bar| (bar.high.to_f64(), bar.low.to_f64(), bar.close.to_f64());
    let movement = || {
        let mut adx = Adx::new(14);
        move |bar: &Bar| {
            let (high, low, close) = hlc(bar);
            adx.push(high, low, close)
        }
    };
    let (mut adx, mut plus, mut minus) = (movement(), movement(), movement());
    let (mut sma, mut ema, mut std) = (Sma::new(20), Ema::new(20), RollingStd::new(20));
    let (mut rsi, mut atr) = (Rsi::new(14, Smoothing::Wilder), Atr::new(14));
    let (mut line, mut signal) = (Macd::new(12, 26, 9), Macd::new(12, 26, 9));
    let (mut highest, mut lowest) = (RollingMax::new(20), RollingMin::new(20));
    let (mut returns, mut realized) =
        (Volatility::new(VolMethod::Std, 20), Volatility::new(VolMethod::Realized, 20));
    let (mut ranked, mut rank) = (Volatility::new(VolMethod::Std, 20), PercentileRank::new(100, 20));
    vec![
        ("sma_20", series(bars, |b| sma.push(b.close.to_f64()))),
        ("ema_20", series(bars, |b| Some(ema.push(b.close.to_f64())))),
        ("std_20", series(bars, |b| std.push(b.close.to_f64()).map(|m| m.sample_std()))),
        ("rsi_14", series(bars, |b| rsi.push(b.close.to_f64()))),
        (
            "atr_14",
            series(bars, |b| {
                let (high, low, close) = hlc(b);
                atr.push(high, low, close)
            }),
        ),
        ("adx_14", series(bars, |b| adx(b).map(|m| m.adx))),
        ("plus_di_14", series(bars, |b| plus(b).map(|m| m.plus_di))),
        ("minus_di_14", series(bars, |b| minus(b).map(|m| m.minus_di))),
        ("macd", series(bars, |b| line.push(b.close.to_f64()).map(|m| m.macd))),
        ("macd_signal", series(bars, |b| signal.push(b.close.to_f64()).map(|m| m.signal))),
        ("highest_20", series(bars, |b| highest.push(b.high.to_f64()))),
        ("lowest_20", series(bars, |b| lowest.push(b.low.to_f64()))),
        ("returns_std_20", series(bars, |b| returns.push(b))),
        ("realized_20", series(bars, |b| realized.push(b))),
        ("returns_std_rank_100", series(bars, |b| ranked.push(b).and_then(|v| rank.push(v)))),
    ]
}

#[test]
fn defaults_agree_with_the_naive_implementation_on_twenty_walks_and_the_nasty_series() {
    let walks = (0..20).map(|seed| (series::Kind::Walk, seed));
    let nasty = series::KINDS.into_iter().zip(100..);
    for (kind, seed) in walks.chain(nasty) {
        let bars = series::bars(kind, seed, 500);
        for spec in registry() {
            check(spec.key, &Parameters::new(), &bars, &format!("{kind:?} {seed}")).unwrap();
        }
    }
}

#[test]
fn every_strategy_trades_somewhere_in_the_seeded_series() {
    // Otherwise the comparisons above would compare nothing.
    for spec in registry() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut changes = 0;
        for (kind, seed) in series::KINDS.into_iter().zip(0..) {
            let bars = series::bars(kind, seed, 500);
            let Some(given) = random_parameters(spec.key, &mut rng) else { continue };
            let targets = run(spec.build(&given).unwrap().as_mut(), &bars);
            changes += targets.windows(2).filter(|w| w[0] != w[1]).count();
        }
        assert!(changes > 0 || spec.key == "buy_and_hold", "{}", spec.key);
    }
}

/// Parameters at random; none where they break a rule.
fn random_parameters(key: &str, rng: &mut ChaCha8Rng) -> Option<Parameters> {
    let mut p = Parameters::new();
    let columns = ["open", "high", "low", "close"];
    match key {
        "ma_crossover" => {
            let fast = rng.random_range(2..15_i64);
            p.set("fast_window", fast);
            p.set("slow_window", fast + rng.random_range(1..25_i64));
            p.set("price_col", columns[rng.random_range(0..4)]);
        }
        "macd" => {
            let fast = rng.random_range(1..12_i64);
            p.set("fast_ema", fast);
            p.set("slow_ema", fast + rng.random_range(1..15_i64));
            p.set("signal_ema", rng.random_range(2..10_i64));
        }
        "trend_following" => {
            p.set("adx_period", rng.random_range(2..20_i64));
            let level = f64::from(rng.random_range(1..60_u8));
            p.set("adx_threshold", level);
            p.set("exit_threshold", level * rng.random_range(0.0..0.99));
            p.set("ma_period", rng.random_range(2..60_i64));
            p.set("use_ma_filter", rng.random::<bool>());
        }
        "rsi_reversion" => {
            p.set("rsi_window", rng.random_range(2..20_i64));
            // Multiples of 5 are hit exactly by simple averages of ticks.
            p.set("lower", f64::from(rng.random_range(2..10_u8)) * 5.0);
            p.set("upper", f64::from(rng.random_range(11..19_u8)) * 5.0);
            p.set("exit_lower", f64::from(rng.random_range(4..20_u8)) * 5.0);
            p.set("exit_upper", f64::from(rng.random_range(1..16_u8)) * 5.0);
            p.set("use_trend_filter", rng.random::<bool>());
            p.set("trend_ma_window", rng.random_range(2..60_i64));
            p.set("use_wilder", rng.random::<bool>());
            p.set("price_col", columns[rng.random_range(0..4)]);
        }
        "breakout_donchian" => {
            p.set("lookback", rng.random_range(1..40_i64));
            p.set("price_col", columns[rng.random_range(0..4)]);
        }
        "momentum_1h" => {
            p.set("lookback_period", rng.random_range(1..40_i64));
            let entry = f64::from(rng.random_range(-20..40_i8)) / 1_000.0;
            p.set("entry_threshold", entry);
            p.set("exit_threshold", entry - f64::from(rng.random_range(1..30_u8)) / 1_000.0);
        }
        "bollinger_bands" => {
            p.set("bb_period", rng.random_range(2..40_i64));
            p.set("bb_std", rng.random_range(0.1..3.0));
            p.set("entry_threshold", [1.0, 0.999, 0.99, 0.95][rng.random_range(0..4)]);
        }
        "mean_reversion" => {
            p.set("lookback", rng.random_range(2..40_i64));
            let entry = f64::from(rng.random_range(-25..5_i8)) / 10.0;
            p.set("entry_threshold", entry);
            p.set("exit_threshold", entry + f64::from(rng.random_range(1..40_u8)) / 10.0);
            p.set("use_vol_filter", rng.random::<bool>());
            p.set("vol_window", rng.random_range(2..40_i64));
            p.set("max_vol_percentile", f64::from(rng.random_range(0..=20_u8)) * 5.0);
        }
        "vol_regime_filter" => {
            p.set("vol_window", rng.random_range(2..40_i64));
            p.set("vol_method", ["atr", "std", "realized", "range"][rng.random_range(0..4)]);
            let low = f64::from(rng.random_range(0..15_u8)) * 5.0;
            p.set("vol_percentile_low", low);
            p.set("vol_percentile_high", low + 5.0 * f64::from(rng.random_range(1..5_u8)));
            p.set("lookback_percentile", rng.random_range(40..120_i64));
            p.set("min_bars", rng.random_range(1..150_i64));
            p.set("invert", rng.random::<bool>());
            p.set("regime_mode", rng.random::<bool>());
            let low = 10_f64.powf(rng.random_range(-4.0..4.0));
            p.set("low_vol_threshold", if rng.random::<bool>() { low } else { 0.0 });
            p.set("high_vol_threshold", if rng.random::<bool>() { low * 1.5 } else { 0.0 });
        }
        "composite" => {
            let mut keys: Vec<&str> =
                registry().iter().map(|spec| spec.key).filter(|key| *key != "composite").collect();
            while keys.len() > 4 {
                keys.remove(rng.random_range(0..keys.len()));
            }
            let signals = keys.iter().filter(|key| **key != "vol_regime_filter").count();
            p.set("components", ParameterValue::from_list(&keys));
            let weights: Vec<u8> = (0..signals).map(|_| rng.random_range(1..4)).collect();
            p.set("weights", ParameterValue::from_list(weights));
            let ways = ["weighted", "voting", "unanimous", "any_long", "any_short"];
            p.set("aggregation", ways[rng.random_range(0..5)]);
            p.set("signal_threshold", f64::from(rng.random_range(0..10_u8)) / 10.0);
            for key in keys {
                for (name, value) in random_parameters(key, rng)?.iter() {
                    p.set(&format!("{key}.{name}"), value.clone());
                }
            }
        }
        _ => {}
    }
    find(key).unwrap().resolve(&p).is_ok().then_some(p)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_parameters_agree_with_the_naive_implementation(
        which in 0..registry().len(),
        kind in 0..series::KINDS.len(),
        seed: u64,
    ) {
        let key = registry()[which].key;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let given = (0..20).find_map(|_| random_parameters(key, &mut rng));
        prop_assert!(given.is_some(), "no valid parameters for {} in 20 draws", key);
        let kind = series::KINDS[kind];
        let bars = series::bars(kind, seed, 320);
        let checked = check(key, &given.unwrap_or_default(), &bars, &format!("{kind:?} {seed}"));
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}

#[test]
fn strategies_are_sent_between_threads_as_trait_objects() {
    let bars = series::bars(series::Kind::Walk, 1, 300);
    for spec in registry() {
        let mut here = spec.build(&Parameters::new()).unwrap();
        let mut there: Box<dyn Strategy> = spec.build(&Parameters::new()).unwrap();
        let copy = bars.clone();
        let remote = std::thread::spawn(move || copy.iter().map(|b| there.on_bar(b)).collect::<Vec<_>>());
        let local: Vec<TargetPosition> = bars.iter().map(|b| here.on_bar(b)).collect();
        assert_eq!(remote.join().unwrap(), local, "{}", spec.key);
    }
}

#[test]
fn no_bar_allocates() {
    let bars = series::bars(series::Kind::Walk, 3, 2_000);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for spec in registry() {
        for _ in 0..10 {
            let Some(given) = random_parameters(spec.key, &mut rng) else { continue };
            let mut strategy = spec.build(&given).unwrap();
            let mut changes = 0;
            let before = allocations::of_this_thread();
            let mut last = TargetPosition::Flat;
            for bar in &bars {
                let target = strategy.on_bar(bar);
                changes += u32::from(target != last);
                last = target;
            }
            assert_eq!(
                allocations::of_this_thread() - before,
                0,
                "{} {given:?}, {changes} changes",
                spec.key
            );
        }
    }
    let before = allocations::of_this_thread();
    drop(Vec::<u8>::with_capacity(1));
    assert_eq!(allocations::of_this_thread() - before, 1, "the counter counts");
}
