//! A burst of ticks at maximum speed keeps memory flat: lanes are bounded, tables, digest and
//! replay are streamed.
//!
//! `PEAK_TRADE_BURST_TICKS` scales the burst (10000000 takes a minute and 600 MB of disk).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::Value;

/// Bytes of resident memory that no process of a burst may exceed.
const BOUND: i64 = 150 * 1024 * 1024;

/// Few, so that there is much to decide, to record and to put into tables.
const TICKS_PER_BAR: u64 = 4;

#[test]
fn a_burst_of_ticks_keeps_resident_memory_flat() {
    let default = if cfg!(debug_assertions) { 120_000 } else { 2_000_000 };
    let ticks: u64 =
        std::env::var("PEAK_TRADE_BURST_TICKS").map_or(default, |text| text.parse().expect("a number"));
    let bars = ticks / TICKS_PER_BAR;
    let dir = tempfile::tempdir().unwrap();
    let report = run(
        dir.path(),
        &[
            "session",
            "run",
            "--json",
            "--no-registry",
            "--set",
            "synthetic.granularity=ticks",
            "--set",
            &format!("synthetic.ticks_per_bar={TICKS_PER_BAR}"),
            "--set",
            &format!("shadow_paper.bars={bars}"),
        ],
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["status"], "completed");
    // The last bar is closed by one tick more.
    assert_eq!(report["inputs"], bars * TICKS_PER_BAR + 1);
    assert!(report["orders_executed"].as_u64().unwrap() > 0, "a burst without orders shows little");
    bounded("session run", ticks);
    let run_id = report["run_id"].as_str().unwrap();
    assert_eq!(run(dir.path(), &["journal", "digest", run_id]).trim().len(), 64);
    bounded("journal digest", ticks);
    run(dir.path(), &["replay", run_id]);
    bounded("replay", ticks);
}

fn run(dir: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_peak"))
        .args(args)
        .current_dir(dir)
        .env_remove("PEAK_TRADE_CONFIG_PATH")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The largest child so far stayed below the bound: this process has no others.
fn bounded(what: &str, ticks: u64) {
    // Linux counts in kilobytes, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() * unit;
    let megabytes = peak / 1024 / 1024;
    eprintln!("{what}: {ticks} ticks, at most {megabytes} MiB resident");
    if cfg!(debug_assertions) {
        eprintln!("not compared with the bound: this is a debug build");
        return;
    }
    assert!(peak < BOUND, "{what}: {megabytes} MiB resident after {ticks} ticks");
}
