//! What is refused, how it is said, and that a refused start leaves nothing behind.

use crate::support::{Bench, text};

fn refused(args: &[&str], code: i32, words: &[&str]) {
    let bench = Bench::new();
    let output = bench.run(args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{args:?}: {word:?} is missing in {said}");
    }
    assert!(!bench.path().join("live_runs").exists(), "{args:?} left a folder");
    assert!(!bench.path().join("reports").exists(), "{args:?} left a record");
}

#[test]
fn live_is_locked() {
    refused(&["session", "run", "--mode", "live"], 2, &["LiveModeNotAllowedError"]);
}

#[test]
fn testnet_waits_for_its_venue() {
    refused(&["session", "run", "--mode", "testnet"], 2, &["testnet"]);
}

#[test]
fn flags_are_checked_like_the_file() {
    refused(&["session", "run", "--strategy", "ma_crosover"], 2, &["ma_crosover", "ma_crossover"]);
    refused(&["session", "run", "--symbol", "BTCEUR"], 2, &["BTCEUR", "BASE/QUOTE"]);
    refused(&["session", "run", "--timeframe", "7m"], 2, &["7m", "15m"]);
    refused(&["session", "run", "--position-fraction", "1.5"], 2, &["1.5", "position_fraction"]);
    refused(&["session", "run", "--start-balance", "-1"], 2, &["start_balance"]);
    refused(&["session", "run", "--source", "replay:/no/such/file.csv"], 3, &["/no/such/file.csv"]);
    refused(&["session", "run", "--source", "kraken"], 2, &["kraken"]);
    refused(&["session", "run", "--speed", "fast"], 2, &["fast", "realtime"]);
}

#[test]
fn every_fault_of_a_configuration_is_named_at_once() {
    let bench = Bench::new();
    let file = bench.path().join("bad.toml");
    std::fs::write(
        &file,
        "[live_risk]\nmax_order_notional = -5\nmax_daily_los_pct = 3\n\n[strategy.ma_crossover]\nfast_window = 50\nslow_window = 20\n\n[shadow_paper]\nposition_fraction = \"lots\"\n",
    )
    .unwrap();
    let output = bench.run(&["config", "check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout) + &text(&output.stderr);
    for word in [
        "bad.toml:2",
        "-5",
        "bad.toml:3",
        "max_daily_loss_pct",
        "fast_window",
        "slow_window",
        "bad.toml:10",
        "lots",
    ] {
        assert!(said.contains(word), "{word:?} is missing in {said}");
    }
    // The session refuses the same file, and starts nothing.
    let output = bench.run(&["session", "run", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(bench.runs().is_empty());
}

#[test]
fn a_source_coarser_than_the_timeframe_is_refused() {
    let bench = Bench::new();
    let file = bench.path().join("hourly.csv");
    let mut rows = "time,open,high,low,close,volume\n".to_owned();
    for hour in 0..50 {
        rows += &format!("{},100,101,99,100,5\n", 1_700_000_000 / 3_600 * 3_600 + hour * 3_600);
    }
    std::fs::write(&file, rows).unwrap();
    let source = format!("replay:{}", file.display());
    let output = bench.run(&["session", "run", "--timeframe", "15m", "--source", &source]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("15m"), "{}", text(&output.stderr));
}

#[test]
fn strategies_are_listed_with_tier_and_parameters() {
    let bench = Bench::new();
    let output = bench.run(&["session", "run", "--list-strategies"]);
    let listed = text(&output.stdout);
    for word in ["ma_crossover", "core", "aux", "fast_window", "buy_and_hold", "vol_regime_filter"] {
        assert!(listed.contains(word), "{word} is missing in\n{listed}");
    }
    let json = bench.json(&["session", "run", "--list-strategies", "--json"]);
    assert_eq!(json.as_array().unwrap().len(), 11);
}
