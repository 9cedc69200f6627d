//! The registry and the strategies by hand-made cases. Bar-by-bar comparisons with independent
//! implementations are in `tests/strategy_reference.rs`.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{Price, Quantity, Timeframe, Timestamp};
use TargetPosition::{Flat, Long, Short};

fn bar(n: i64, close: f64) -> Bar {
    let price = Price::from_scaled((close * 1_000.0).round() as i64, 3);
    Bar {
        open_time: Timestamp::from_secs(60 * n),
        timeframe: Timeframe::M1,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Quantity::ZERO,
        trade_count: None,
    }
}

fn run(key: &str, parameters: &Parameters, closes: impl IntoIterator<Item = f64>) -> Vec<TargetPosition> {
    let mut strategy = build(key, parameters).unwrap();
    closes.into_iter().zip(0..).map(|(close, n)| strategy.on_bar(&bar(n, close))).collect()
}

fn message(key: &str, parameters: &Parameters) -> String {
    match build(key, parameters) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

/// A sine of the given period around 100.
fn sine(bars: u32, period: f64) -> impl Iterator<Item = f64> {
    (0..bars).map(move |n| 100.0 + 10.0 * (f64::from(n) / period * std::f64::consts::TAU).sin())
}

#[test]
fn the_registry_is_complete_and_its_defaults_are_valid() {
    let mut keys = BTreeSet::new();
    for spec in registry() {
        assert!(keys.insert(spec.key), "{} twice", spec.key);
        assert!(!spec.title.is_empty() && !spec.summary.is_empty() && !spec.doc.is_empty(), "{}", spec.key);
        let strategy = spec.build(&Parameters::new()).unwrap();
        assert_eq!(strategy.key(), spec.key);
        assert!(!strategy.is_warm() && strategy.min_bars() > 0);
        let mut names = BTreeSet::new();
        for parameter in spec.parameters {
            assert!(names.insert(parameter.name), "{}.{} twice", spec.key, parameter.name);
            assert!(!parameter.doc.is_empty(), "{}.{}", spec.key, parameter.name);
            let given: Parameters =
                [(parameter.name.to_owned(), parameter.default.into())].into_iter().collect();
            assert!(spec.build(&given).is_ok(), "{}.{}", spec.key, parameter.name);
        }
        for rule in spec.rules {
            assert!(rule.parameters.iter().all(|name| names.contains(name)), "{}: {}", spec.key, rule.text);
        }
        let resolved = spec.resolve(&Parameters::new()).unwrap();
        assert_eq!(spec.resolve(&resolved).unwrap(), resolved, "{}", spec.key);
    }
    let core: Vec<_> = registry().iter().filter(|s| s.tier == StrategyTier::Core).map(|s| s.key).collect();
    assert_eq!(core, ["ma_crossover", "rsi_reversion", "bollinger_bands"]);
    assert_eq!(registry().len(), 11);
}

#[test]
fn an_unknown_key_names_the_known_ones_and_the_nearest() {
    let text = message("ma_crosover", &Parameters::new());
    assert!(
        text.starts_with("strategy key not found: \"ma_crosover\" (did you mean \"ma_crossover\"?)"),
        "{text}"
    );
    assert!(registry().iter().all(|spec| text.contains(spec.key)), "{text}");
    let text = message("zzz", &Parameters::new());
    assert!(text.starts_with("strategy key not found: \"zzz\"; known keys: "), "{text}");
}

#[test]
fn names_that_the_old_system_ignored_are_errors() {
    for name in ["fast_period", "slow_period", "short_window", "long_window"] {
        let text = message("ma_crossover", &Parameters::new().with(name, 10));
        assert!(text.contains(&format!("{name} = 10: no such parameter")), "{text}");
    }
    let text = message("ma_crossover", &Parameters::new().with("fast_period", 10));
    assert!(text.contains("did you mean fast_window?"), "{text}");
    assert!(message("bollinger_bands", &Parameters::new().with("exit_threshold", 0.5)).contains("no such"));
}

#[test]
fn faults_of_all_parameters_come_at_once() {
    let given = Parameters::new().with("rsi_window", 1).with("lower", 80.0).with("use_wilder", "yes");
    let text = message("rsi_reversion", &given);
    for part in [
        "strategy rsi_reversion: ",
        "rsi_window = 1: allowed: a whole number from 2 to 5000 (bars)",
        "use_wilder = \"yes\": allowed: true or false",
        "lower = 80.0, upper = 70.0: allowed: lower < upper",
        "lower = 80.0, exit_lower = 50.0",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn rules_refuse_what_does_not_go_together() {
    let p = Parameters::new;
    let cases = [
        ("ma_crossover", p().with("fast_window", 50)),
        ("macd", p().with("fast_ema", 26)),
        ("trend_following", p().with("exit_threshold", 25)),
        ("momentum_1h", p().with("exit_threshold", 0.02)),
        ("mean_reversion", p().with("exit_threshold", -2)),
        ("rsi_reversion", p().with("exit_upper", 70)),
        ("vol_regime_filter", p().with("vol_percentile_low", 75)),
        ("vol_regime_filter", p().with("vol_window", 101)),
        ("vol_regime_filter", p().with("regime_mode", true)),
        ("vol_regime_filter", p().with("low_vol_threshold", 2.0).with("high_vol_threshold", 1.0)),
    ];
    for (key, given) in cases {
        assert!(matches!(
            build(key, &given).map(|_| ()).unwrap_err(),
            StrategyError::Parameters { strategy, faults }
                if strategy == key && faults.len() == 1 && faults[0].kind == FaultKind::Rule
        ));
    }
}

#[test]
fn ma_crossover_leaves_again_on_a_sine() {
    // The old system went long once and stayed for ever.
    let targets = run("ma_crossover", &Parameters::new(), sine(2_000, 200.0));
    let changes = targets.windows(2).filter(|w| w[0] != w[1]).count();
    assert!((18..=21).contains(&changes), "{changes}");
    assert!(!targets.contains(&Short));
    assert!(targets[..49].iter().all(|t| *t == Flat));
}

#[test]
fn ma_crossover_is_long_at_once_when_the_fast_average_is_already_above() {
    let p = Parameters::new().with("fast_window", 2).with("slow_window", 3);
    assert_eq!(
        run("ma_crossover", &p, [1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 2.0]),
        [
            Flat, Flat, Long, Long, // averages 2.5 > 2, 3 > 2.67
            Long, Long, // equal averages change nothing
            Flat,
        ]
    );
    assert_eq!(run("ma_crossover", &p, [3.3; 9]), [Flat; 9]);
}

#[test]
fn ma_crossover_looks_at_the_column_it_was_told_to() {
    let p = Parameters::new().with("fast_window", 2).with("slow_window", 3);
    let mut on_high = build("ma_crossover", &p.clone().with("price_col", "high")).unwrap();
    let mut on_close = build("ma_crossover", &p).unwrap();
    let mut result = (Flat, Flat);
    for n in 0..5 {
        let mut rising = bar(n, 10.0);
        rising.high = bar(n, 10.0 + n as f64).close;
        result = (on_high.on_bar(&rising), on_close.on_bar(&rising));
    }
    assert_eq!(result, (Long, Flat));
}

#[test]
fn edge_strategies_hold_between_entry_and_exit_and_never_short() {
    for key in ["trend_following", "momentum_1h", "bollinger_bands", "macd", "mean_reversion"] {
        let p = match key {
            "bollinger_bands" => Parameters::new().with("entry_threshold", 1.0).with("bb_std", 1.0),
            "mean_reversion" => Parameters::new().with("entry_threshold", -1.0),
            _ => Parameters::new(),
        };
        let targets = run(key, &p, sine(1_500, 120.0));
        assert!(!targets.contains(&Short), "{key}");
        let longs = targets.iter().filter(|t| **t == Long).count();
        let changes = targets.windows(2).filter(|w| w[0] != w[1]).count();
        assert!(changes >= 18, "{key}: {changes}");
        assert!(longs > 3 * changes, "{key}: {longs} bars long in {changes} changes are no position held");
    }
}

#[test]
fn momentum_of_exactly_the_threshold_is_not_above_it() {
    let p = Parameters::new().with("lookback_period", 1);
    assert_eq!(
        run("momentum_1h", &p, [100.0, 102.0, 104.05, 103.009_5, 101.9]),
        [
            Flat, Flat, // + 2 % exactly
            Long, // + 2.01 %
            Long, // − 1 % exactly
            Flat, // − 1.08 %
        ]
    );
}

#[test]
fn donchian_turns_from_short_to_long_and_ignores_touches() {
    let p = Parameters::new().with("lookback", 2);
    let closes = [5.0, 6.0, 6.0, 5.5, 5.0, 5.0, 6.0, 5.5];
    let expected = [Flat, Flat, Flat, Short, Short, Short, Long, Long];
    assert_eq!(run("breakout_donchian", &p, closes), expected);
}

#[test]
fn rsi_reversion_turns_directly_and_closes_at_the_middle() {
    let p = Parameters::new().with("rsi_window", 2).with("use_wilder", false);
    // RSI of the last two changes, from the third bar on: 0, 50, 100, 100, 50, 0, 66.7.
    let closes = [10.0, 9.0, 8.0, 9.0, 10.0, 11.0, 10.0, 9.0, 11.0];
    let expected = [Flat, Flat, Long, Flat, Short, Short, Flat, Long, Flat];
    assert_eq!(run("rsi_reversion", &p, closes), expected);
    let turn = p.with("upper", 60.0).with("exit_lower", 100.0);
    assert_eq!(run("rsi_reversion", &turn, closes)[8], Short, "66.7 is above 60");
}

#[test]
fn a_standing_price_keeps_the_position() {
    let p = Parameters::new().with("rsi_window", 2).with("use_wilder", false);
    let closes = [10.0, 9.0, 8.0].into_iter().chain([8.0; 50]);
    let targets = run("rsi_reversion", &p, closes);
    assert!(targets[2..].iter().all(|t| *t == Long), "{targets:?}");
}

#[test]
fn the_volatility_filter_inverts_only_once_warm() {
    let p = Parameters::new().with("vol_window", 2).with("lookback_percentile", 4).with("min_bars", 6);
    let closes = || sine(400, 37.0).enumerate().map(|(n, x)| if n % 60 < 30 { x } else { 100.0 + 0.1 * x });
    let (plain, inverted) = (
        run("vol_regime_filter", &p, closes()),
        run("vol_regime_filter", &p.clone().with("invert", true), closes()),
    );
    assert!(plain[..5].iter().chain(&inverted[..5]).all(|t| *t == Flat));
    for (a, b) in plain[5..].iter().zip(&inverted[5..]) {
        assert!(matches!((a, b), (Long, Flat) | (Flat, Long)));
    }
    assert!(plain[5..].contains(&Long) && plain[5..].contains(&Flat));
}

#[test]
fn regimes_are_long_in_calm_and_short_in_storm() {
    let p = Parameters::new()
        .with("vol_method", "range")
        .with("vol_window", 2)
        .with("min_bars", 1)
        .with("regime_mode", true)
        .with("low_vol_threshold", 1.0)
        .with("high_vol_threshold", 5.0);
    let closes = [100.0, 100.5, 102.0, 110.0, 110.2];
    assert_eq!(run("vol_regime_filter", &p, closes), [Flat, Long, Flat, Short, Long]);
}

#[test]
fn buy_and_hold_is_long_from_the_first_bar() {
    assert_eq!(run("buy_and_hold", &Parameters::new(), [1.0, 0.5]), [Long, Long]);
}

/// Two components of which one is always long from the third bar on and the other as the price goes.
fn pair(aggregation: &str) -> Parameters {
    Parameters::new()
        .with("components", "buy_and_hold, breakout_donchian")
        .with("breakout_donchian.lookback", 2)
        .with("aggregation", aggregation)
}

#[test]
fn a_composite_joins_its_components() {
    // The breakout says flat, flat, flat, long, short.
    let closes = [5.0, 5.0, 5.0, 6.0, 4.0];
    let cases = [
        ("weighted", [Flat, Flat, Long, Long, Flat]),
        ("voting", [Flat, Flat, Flat, Long, Flat]),
        ("unanimous", [Flat, Flat, Flat, Long, Flat]),
        ("any_long", [Flat, Flat, Long, Long, Long]),
        ("any_short", [Flat, Flat, Flat, Flat, Short]),
    ];
    for (aggregation, expected) in cases {
        assert_eq!(run("composite", &pair(aggregation), closes), expected, "{aggregation}");
    }
    let weighted = pair("weighted").with("weights", "1, 3");
    assert_eq!(run("composite", &weighted, closes), [Flat, Flat, Flat, Long, Short]);
    // A sum of exactly the threshold is not above it.
    let even = pair("weighted").with("signal_threshold", 0.5);
    assert_eq!(run("composite", &even, closes), [Flat, Flat, Flat, Long, Flat]);
}

#[test]
fn a_filter_in_a_composite_closes_it_and_has_no_vote() {
    let p = Parameters::new()
        .with("components", "buy_and_hold,vol_regime_filter")
        .with("aggregation", "unanimous")
        .with("vol_regime_filter.vol_window", 2)
        .with("vol_regime_filter.lookback_percentile", 4);
    let alone: Parameters = p.section("vol_regime_filter");
    let closes = || sine(300, 41.0);
    let joined = run("composite", &p, closes());
    assert_eq!(joined, run("vol_regime_filter", &alone, closes()));
    assert!(joined.contains(&Long) && joined[40..].contains(&Flat));
    assert!(message("composite", &p.with("weights", "1,1")).contains("1 numbers of 0 or more"));
}

#[test]
fn faults_of_a_composite_say_where_they_are() {
    let p = Parameters::new;
    let cases = [
        (p().with("components", "composite"), "components = \"composite\": allowed: strategies other than"),
        (p().with("components", "macd,macd"), "macd is there twice"),
        (p().with("components", "mcd"), "did you mean \"macd\"?"),
        (p().with("components", ""), "at least one strategy that is no filter"),
        (p().with("components", "vol_regime_filter"), "at least one strategy that is no filter"),
        (p().with("weights", "1,-1"), "weights = \"1,-1\": allowed: 2 numbers of 0 or more"),
        (p().with("weights", "0,0"), "with a sum above 0"),
        (p().with("weights", 1), "weights = \"1\": allowed: 2 numbers"),
        (p().with("macd.fast_ema", 5), "macd.fast_ema = 5: no such parameter; sections of the components: "),
        (p().with("rsi_reversion.lowr", 5), "rsi_reversion.lowr = 5: no such parameter; did you mean lower?"),
        (
            p().with("rsi_reversion.lower", 90),
            "rsi_reversion: lower = 90.0, upper = 70.0: allowed: lower < upper",
        ),
        (p().with("threshold", 0.1), "did you mean signal_threshold?"),
    ];
    for (given, expected) in cases {
        let text = message("composite", &given);
        assert!(text.contains(expected), "{expected:?} in {text:?}");
    }
}

#[test]
fn a_composite_tells_all_it_runs_with() {
    let resolved = find("composite").unwrap().resolve(&pair("voting")).unwrap();
    assert_eq!(resolved.get("breakout_donchian.lookback"), Some(&ParameterValue::Int(2)));
    assert_eq!(resolved.get("breakout_donchian.price_col"), Some(&ParameterValue::Text("close".to_owned())));
    assert_eq!(resolved.get("aggregation"), Some(&ParameterValue::Text("voting".to_owned())));
    assert!(build("composite", &resolved).is_ok());
}
