//! A real process killed with SIGKILL at random instants loses no acknowledged event.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use peak_trade::runlog::HeartbeatReader;

use crate::support::{Bench, eventually, text};

/// How many processes are killed; a release is checked with 1,000.
fn rounds() -> u64 {
    std::env::var("PEAK_TRADE_SIGKILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

#[test]
fn sigkill_loses_no_acknowledged_event() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut cut_short = 0;
    for round in 0..rounds() {
        let bench = Bench::new();
        let seed = round.to_string();
        let mut child =
            bench.spawn(&["session", "run", "--seed", &seed, "--speed", "60000x", "--no-registry"]);
        let run = eventually("the run folder appears", || bench.runs().into_iter().next());
        let page =
            eventually("the heartbeat page appears", || HeartbeatReader::open(&run.join("heartbeat")).ok());
        // A random amount of progress rather than of time: instants spread over the whole run.
        let target = random.random_range(1..200);
        eventually("the journal acknowledges", || {
            let ended = child.try_wait().unwrap().is_some();
            (ended || page.read().unwrap().acknowledged >= target).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = page.read().unwrap().acknowledged;
        let id = run.file_name().unwrap().to_str().unwrap();
        let output = bench.run(&["recover", id, "--json"]);
        assert!(output.status.success(), "round {round}: {}", text(&output.stderr));
        let verified = bench.json(&["journal", "verify", id, "--json"]);
        let last = verified["last_seq"].as_u64().unwrap();
        assert!(
            last >= acknowledged,
            "round {round}: {last} records are left of {acknowledged} acknowledged"
        );
        let meta = bench.meta(&run);
        if meta["state"] == "crashed" {
            cut_short += 1;
            assert!(run.join("events.parquet").exists(), "round {round}");
            // What was decided before the crash is decided again, exactly.
            let replay = bench.run(&["replay", id]);
            assert!(
                replay.status.success(),
                "round {round}: {}{}",
                text(&replay.stdout),
                text(&replay.stderr)
            );
        }
        // Recovering twice changes nothing.
        let before = std::fs::read(run.join("meta.json")).unwrap();
        assert!(bench.run(&["recover", id]).status.success());
        assert_eq!(std::fs::read(run.join("meta.json")).unwrap(), before);
    }
    assert!(cut_short * 2 > rounds(), "only {cut_short} of {} runs were cut short", rounds());
}

#[test]
fn the_next_start_recovers_a_crashed_run() {
    let bench = Bench::new();
    let mut child = bench.spawn(&["session", "run", "--speed", "600x"]);
    let run = eventually("the run folder appears", || bench.runs().into_iter().next());
    eventually("it is registered", || {
        std::fs::read_dir(bench.path().join("reports/experiments/live_sessions")).ok()?.next().map(|_| ())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bench.meta(&run)["state"], "running");
    bench.json(&["session", "run", "--json", "--steps", "50"]);
    assert_eq!(bench.meta(&run)["state"], "crashed");
    let records: Vec<serde_json::Value> =
        std::fs::read_dir(bench.path().join("reports/experiments/live_sessions"))
            .unwrap()
            .map(|e| serde_json::from_slice(&std::fs::read(e.unwrap().path()).unwrap()).unwrap())
            .collect();
    let crashed = records.iter().find(|r| r["run_id"] == bench.meta(&run)["run_id"]).unwrap();
    assert_eq!(crashed["status"], "failed");
}
