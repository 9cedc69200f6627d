//! `peak session run` with no flags.

use crate::support::{Bench, text};

#[test]
fn the_default_run_ends_by_itself_with_fills_and_nothing_blocked() {
    let bench = Bench::new();
    let report = bench.json(&["session", "run", "--json"]);
    assert_eq!(report["status"], "completed");
    assert_eq!(report["symbol"], "BTC/EUR");
    assert_eq!(report["is_synthetic"], true);
    assert_eq!(report["inputs"], 20_000);
    assert_eq!(report["steps"], 19_800);
    assert!(report["fills"].as_u64().unwrap() >= 20, "{report}");
    assert_eq!(report["orders_blocked_risk"], 0);
    assert_eq!(report["orders_blocked_safety"], 0);
    assert_eq!(report["orders_rejected"], 0);
    assert_eq!(report["orders_executed"].as_u64(), report["total_orders_generated"].as_u64());
    let run = &bench.runs()[0];
    assert_eq!(run.to_str(), report["run_dir"].as_str());
    for file in [
        "meta.json",
        "summary.json",
        "journal.bin",
        "events.parquet",
        "orders.parquet",
        "fills.parquet",
        "alerts.jsonl",
    ] {
        assert!(run.join(file).exists(), "{file}");
    }
    let meta = bench.meta(run);
    assert_eq!(meta["state"], "completed");
    assert_eq!(meta["run_id"], report["run_id"]);
    assert!(meta["ended_at"].is_string());
}

#[test]
fn twenty_other_seeds_end_cleanly() {
    let bench = Bench::new();
    for seed in 1..=20 {
        let seed = seed.to_string();
        let report = bench.json(&["session", "run", "--json", "--seed", &seed]);
        assert_eq!(report["status"], "completed", "seed {seed}");
        assert!(report["fills"].as_u64().unwrap() >= 20, "seed {seed}: {report}");
        assert_eq!(report["orders_blocked_risk"], 0, "seed {seed}: {report}");
    }
}

#[test]
fn the_table_shows_the_runbook_s_figures_and_the_folder() {
    let bench = Bench::new();
    let output = bench.run(&["session", "run", "--steps", "500"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for word in [
        "steps",
        "total_orders_generated",
        "orders_executed",
        "orders_blocked_risk",
        "fill_rate",
        "SYNTHETIC",
    ] {
        assert!(table.contains(word), "{word} is missing in\n{table}");
    }
    assert!(table.contains(bench.runs()[0].to_str().unwrap()), "{table}");
}

#[test]
fn steps_and_warm_up_are_counted_as_the_runbook_says() {
    let bench = Bench::new();
    let report = bench.json(&["session", "run", "--json", "--steps", "123", "--warmup-candles", "77"]);
    assert_eq!(report["steps"], 123);
    assert_eq!(report["inputs"], 200);
    // Two hours of one-minute bars, counted by the session's clock.
    let report = bench.json(&["session", "run", "--json", "--duration", "120"]);
    assert_eq!(report["steps"], 120);
}

#[test]
fn a_dry_run_validates_everything_and_leaves_nothing() {
    let bench = Bench::new();
    let output = bench.run(&["session", "run", "--strategy", "ma_crossover", "--steps", "5", "--dry-run"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(bench.runs().is_empty());
    assert_eq!(std::fs::read_dir(bench.path()).unwrap().count(), 0);
}

#[test]
fn the_registry_record_is_finished_and_can_be_left_out() {
    let bench = Bench::new();
    let report =
        bench.json(&["session", "run", "--json", "--steps", "300", "--notes", "a note", "--tags", "x,y"]);
    let dir = bench.path().join("reports/experiments/live_sessions");
    let files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!(record["status"], "completed");
    assert_eq!(record["run_id"], report["run_id"]);
    assert_eq!(record["run_type"], "live_session_shadow");
    assert_eq!(record["metrics"]["steps"], 300);
    bench.json(&["session", "run", "--json", "--steps", "300", "--no-registry"]);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
}

#[test]
fn an_answer_into_a_closed_pipe_is_no_error() {
    let bench = Bench::new();
    let mut child = bench.spawn(&["session", "run", "--list-strategies"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
}

#[test]
fn what_somebody_should_look_at_is_in_alerts_jsonl() {
    let bench = Bench::new();
    let report = bench.json(&["session", "run", "--json", "--set", "live_risk.max_daily_loss_abs=1"]);
    assert!(report["orders_blocked_risk"].as_u64().unwrap() > 0, "{report}");
    let alerts = std::fs::read_to_string(bench.runs()[0].join("alerts.jsonl")).unwrap();
    let alerts: Vec<serde_json::Value> =
        alerts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(alerts.len() as u64, report["orders_blocked_risk"].as_u64().unwrap());
    let message = alerts[0]["message"].as_str().unwrap();
    assert!(message.contains("max_daily_loss_abs reached ("), "{message}");
    assert!(message.contains(">= 1)"), "{message}");
    assert_eq!(alerts[0]["rule_id"], "risk_blocked");
    assert_eq!(alerts[0]["run_id"], report["run_id"]);
    assert!(alerts[0]["timestamp"].as_str().unwrap().starts_with("2024-01-"));
}
