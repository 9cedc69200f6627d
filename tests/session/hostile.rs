//! Surroundings that mean ill: vanished readers, links, pipes, journals of somebody else.

use std::fs;
use std::process::Stdio;

use nix::sys::stat::Mode;

use crate::support::{Bench, text};

fn run_id(run: &std::path::Path) -> &str {
    run.file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_session_survives_the_loss_of_its_stderr() {
    let bench = Bench::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bench
        .command(&["session", "run", "--json", "--steps", "50", "--set", "live_risk.max_daily_loss_abs=1"])
        .stderr(Stdio::from(full))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["status"], "completed");
    assert_eq!(bench.meta(&bench.runs()[0])["state"], "completed");
}

#[test]
fn recovery_follows_no_link() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join(".precious.tmp"), b"mine").unwrap();
    fs::create_dir(bench.path().join("live_runs")).unwrap();
    std::os::unix::fs::symlink(
        elsewhere.path(),
        bench.path().join("live_runs/shadow_20200101_000002_aaaaab"),
    )
    .unwrap();
    bench.json(&["session", "run", "--json", "--steps", "5"]);
    let output = bench.run(&["recover", "shadow_20200101_000002_aaaaab"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let left: Vec<_> = fs::read_dir(elsewhere.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, [".precious.tmp"]);
}

#[test]
fn a_pipe_in_place_of_a_journal_holds_up_nobody() {
    let bench = Bench::new();
    bench.json(&["session", "run", "--json", "--steps", "5"]);
    let run = bench.runs().remove(0);
    let meta = fs::read_to_string(run.join("meta.json")).unwrap().replace("\"completed\"", "\"running\"");
    fs::write(run.join("meta.json"), meta).unwrap();
    fs::remove_file(run.join("journal.bin")).unwrap();
    nix::unistd::mkfifo(&run.join("journal.bin"), Mode::S_IRWXU).unwrap();
    bench.json(&["session", "run", "--json", "--steps", "5"]);
    let output = bench.run(&["journal", "verify", run_id(&run)]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("no regular file"), "{}", text(&output.stderr));
}

#[test]
fn a_foreign_or_shortened_journal_is_named() {
    let bench = Bench::new();
    bench.json(&["session", "run", "--json", "--steps", "20"]);
    bench.json(&["session", "run", "--json", "--steps", "20", "--seed", "7"]);
    let runs = bench.runs();
    let own = fs::read(runs[0].join("journal.bin")).unwrap();
    fs::copy(runs[1].join("journal.bin"), runs[0].join("journal.bin")).unwrap();
    for command in [vec!["journal", "verify", run_id(&runs[0])], vec!["recover", run_id(&runs[0])]] {
        let output = bench.run(&command);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains(run_id(&runs[1])), "{}", text(&output.stdout));
    }
    // Without its last record a journal is whole as far as it goes, but its end is missing.
    let cut = (1..own.len())
        .find(|cut| {
            fs::write(runs[0].join("journal.bin"), &own[..own.len() - cut]).unwrap();
            bench
                .run(&["journal", "verify", run_id(&runs[0]), "--json"])
                .stdout
                .windows(6)
                .any(|w| w == b"\"none\"")
        })
        .unwrap();
    assert!(cut > 8, "{cut}");
    let output = bench.run(&["journal", "verify", run_id(&runs[0])]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("end is missing"), "{}", text(&output.stdout));
}

#[test]
fn a_lost_table_of_a_final_run_is_made_again() {
    let bench = Bench::new();
    bench.json(&["session", "run", "--json", "--steps", "20"]);
    let run = bench.runs().remove(0);
    let before = fs::read(run.join("events.parquet")).unwrap();
    fs::remove_file(run.join("events.parquet")).unwrap();
    assert!(bench.run(&["recover", run_id(&run)]).status.success());
    assert_eq!(fs::read(run.join("events.parquet")).unwrap(), before);
}

#[test]
fn a_registry_that_cannot_be_written_ends_the_start_in_order() {
    let bench = Bench::new();
    fs::write(bench.path().join("reports"), b"a file").unwrap();
    let output = bench.run(&["session", "run", "--steps", "5"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let folder = fs::read_dir(bench.path().join("live_runs")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(bench.meta(&folder)["state"], "failed");
}

#[test]
fn extreme_numbers_are_no_panic() {
    let bench = Bench::new();
    let max = u64::MAX.to_string();
    for args in [
        vec!["--steps", max.as_str(), "--warmup-candles", "1"],
        vec!["--steps", "0"],
        vec!["--duration", "0"],
        vec!["--start-balance", "0.01"],
        vec!["--start-balance", "1000000000000"],
        vec!["--position-fraction", "1"],
        vec!["--set", "synthetic.start_time=1600-01-01T00:00:00Z"],
        vec!["--speed", "1000000x", "--steps", "3"],
        vec!["--warmup-candles", "20000"],
    ] {
        let mut command = vec!["session", "run", "--json"];
        command.extend(&args);
        let output = bench.run(&command);
        assert!(
            matches!(output.status.code(), Some(0 | 2 | 3)),
            "{args:?}: {:?} {}",
            output.status,
            text(&output.stderr)
        );
    }
}
