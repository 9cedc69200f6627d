//! Signals to a real process.

use nix::sys::signal::Signal;

use crate::support::{Bench, eventually, signal, text};

/// A session in real time that has begun to work.
fn running(bench: &Bench) -> std::process::Child {
    let child = bench.spawn(&["session", "run", "--speed", "600x", "--warmup-candles", "0"]);
    eventually("the run's meta.json says running", || {
        let run = bench.runs().into_iter().next()?;
        (bench.meta(&run)["state"] == "running").then_some(())
    });
    eventually("the journal grows", || {
        let len = std::fs::metadata(bench.runs().first()?.join("journal.bin")).ok()?.len();
        (len > 4_096).then_some(())
    });
    child
}

#[test]
fn sigterm_and_sigint_stop_in_order() {
    for kind in [Signal::SIGTERM, Signal::SIGINT] {
        let bench = Bench::new();
        let child = running(&bench);
        signal(&child, kind);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("Shutdown complete"), "{}", text(&output.stderr));
        let run = &bench.runs()[0];
        let meta = bench.meta(run);
        assert_eq!(meta["state"], "stopped");
        assert!(meta["exit_reason"].as_str().unwrap().contains(kind.as_str()), "{meta}");
        assert!(run.join("events.parquet").exists());
        let verified =
            bench.json(&["journal", "verify", run.file_name().unwrap().to_str().unwrap(), "--json"]);
        assert_eq!(verified["damage"], "none");
    }
}

#[test]
fn sigusr1_kills() {
    let bench = Bench::new();
    let child = running(&bench);
    signal(&child, Signal::SIGUSR1);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    assert_eq!(bench.meta(&bench.runs()[0])["state"], "killed");
}

#[test]
fn a_second_interrupt_kills_a_stop_that_hangs() {
    let bench = Bench::new();
    // Unless the first one ends the session before the second arrives, which is as good.
    let child = running(&bench);
    signal(&child, Signal::SIGINT);
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    );
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 5)), "{:?}: {}", output.status, text(&output.stderr));
    let state = bench.meta(&bench.runs()[0])["state"].clone();
    assert_eq!(state == "killed", output.status.code() == Some(5));
}
