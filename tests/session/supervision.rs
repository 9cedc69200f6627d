//! Deaths, restarts, heartbeats, stops and kills.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use peak_trade::actors::control::SessionControl;
use peak_trade::actors::gauges::SessionGauges;
use peak_trade::actors::lane::Chaos;
use peak_trade::clock::{Clock, SystemClock};
use peak_trade::execution::HaltGate;
use peak_trade::market::SourceError;
use peak_trade::runlog::{Damage, digest, scan};
use peak_trade::session::plan::Plan;
use peak_trade::session::replay::replay;
use peak_trade::session::run::{RunOptions, SessionError, run};

use crate::stand::{
    BadSource, Door, Stand, assert_nothing_rests, hook, journal, options, order_states, run_to_end, run_with,
    skipped, with_gate, within_minutes,
};
use crate::support::eventually;

/// The strategy dies once, on this bar.
fn dies_once(plan: &mut Plan, bar: u64) {
    let alive = AtomicBool::new(true);
    hook(plan, move |n| assert!(n != bar || !alive.swap(false, Ordering::SeqCst), "the planted panic"));
}

#[test]
fn a_strategy_that_panics_once_is_restarted_and_decides_the_same_under_any_schedule() {
    let mut digests = Vec::new();
    for (arbiters, chaos) in [(1, None), (2, None), (5, None), (1, Some(3)), (3, Some(4)), (5, Some(5))] {
        let stand = Stand::new();
        let mut plan = stand.plan(&[]);
        plan.crew.arbiters = arbiters;
        plan.crew.chaos = chaos.map_or_else(Chaos::default, Chaos::seeded);
        dies_once(&mut plan, 500);
        let report = run_to_end(plan);
        stand.assert_final(&report, "completed", "source");
        assert_eq!((report.metrics.strategy_restarts, report.metrics.inputs), (1, 1_500));
        assert!(report.metrics.fills > 20, "{:?}", report.metrics);
        let journal = journal(&report);
        assert_eq!(skipped(&journal), [500]);
        let replayed = replay(&journal, true).unwrap();
        assert!(replayed.confirmed, "{:?}", replayed.difference);
        digests.push(digest(&journal).unwrap().hex);
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
}

#[test]
fn deaths_on_the_first_and_the_last_bar_are_survived() {
    for bar in [1, 20, 21, 1_500] {
        let stand = Stand::new();
        let mut plan = stand.plan(&[]);
        dies_once(&mut plan, bar);
        let report = run_to_end(plan);
        stand.assert_final(&report, "completed", "source");
        assert_eq!(skipped(&journal(&report)), [bar]);
        assert!(replay(&journal(&report), true).unwrap().confirmed, "bar {bar}");
    }
}

#[test]
fn past_its_intensity_the_session_fails_with_the_reason() {
    for allowed in [0_u64, 1, 3] {
        let stand = Stand::new();
        let mut plan = stand.plan(&[&format!("actors.restart_max={allowed}")]);
        let deaths = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&deaths);
        hook(&mut plan, move |n| {
            if n >= 500 {
                counted.fetch_add(1, Ordering::SeqCst);
                panic!("the planted panic");
            }
        });
        let gate = HaltGate::new();
        let report = run_with(plan, with_gate(&gate)).unwrap();
        stand.assert_final(&report, "failed", "strategy died more often than restarts are allowed");
        assert!(report.exit_reason.contains("the planted panic"), "{}", report.exit_reason);
        assert_eq!(deaths.load(Ordering::SeqCst), allowed + 1);
        assert_eq!(u64::from(report.metrics.strategy_restarts), allowed);
        assert!(gate.is_shut());
        let journal = journal(&report);
        assert_nothing_rests(&journal);
        let skips: Vec<u64> = (500..500 + allowed).collect();
        assert_eq!(skipped(&journal), skips);
        assert_eq!(scan(&journal).unwrap().ending.unwrap().state, "failed");
        let replayed = replay(&journal, false).unwrap();
        assert!(replayed.confirmed, "{:?}", replayed.difference);
    }
}

#[test]
fn a_strategy_that_panics_while_it_is_rebuilt_counts_towards_its_intensity() {
    let stand = Stand::new();
    let mut plan = stand.plan(&["actors.restart_max=2"]);
    let died = AtomicBool::new(false);
    hook(&mut plan, move |n| {
        let dead = died.fetch_or(n == 500, Ordering::SeqCst);
        assert!(!dead && n != 500, "the planted panic");
    });
    let report = run_to_end(plan);
    stand.assert_final(&report, "failed", "strategy died more often than restarts are allowed");
    assert_eq!(report.metrics.strategy_restarts, 2);
    // It never came up again: nothing was skipped, everything before is there and is confirmed.
    assert!(skipped(&journal(&report)).is_empty());
    assert!(replay(&journal(&report), false).unwrap().confirmed);
}

#[test]
fn a_rebuild_that_fails_once_is_tried_again() {
    let stand = Stand::new();
    let mut plan = stand.plan(&[]);
    let makes = AtomicU64::new(0);
    let maker = Arc::clone(&plan.factory);
    // The second strategy of the session (after the first one's death) cannot be made.
    plan.factory = Arc::new(move || {
        assert!(makes.fetch_add(1, Ordering::SeqCst) != 1, "the planted panic of the maker");
        maker()
    });
    dies_once(&mut plan, 500);
    let report = run_to_end(plan);
    stand.assert_final(&report, "completed", "source");
    assert_eq!(report.metrics.strategy_restarts, 2);
    assert_eq!(skipped(&journal(&report)), [500]);
    assert!(replay(&journal(&report), true).unwrap().confirmed);
}

#[test]
fn a_strategy_that_cannot_be_made_is_an_error_and_leaves_nothing() {
    let stand = Stand::new();
    let mut plan = stand.plan(&[]);
    plan.factory = Arc::new(|| panic!("the planted panic of the maker"));
    let fault = run_with(plan, options()).unwrap_err();
    assert!(matches!(fault, SessionError::Assemble(_)), "{fault}");
    assert!(fault.to_string().contains("the planted panic of the maker"), "{fault}");
    assert!(!stand.registry().exists());
}

#[test]
fn a_source_that_fails_or_panics_ends_the_session_as_failed() {
    type Fault = fn() -> Result<peak_trade::market::SourceState, SourceError>;
    let faults: [(Fault, &str); 2] = [
        (|| Err(SourceError::Format { path: "planted.csv".to_owned(), reason: "torn".to_owned() }), "torn"),
        (|| panic!("the planted panic of the source"), "the planted panic of the source"),
    ];
    for (fault, reason) in faults {
        for good in [0, 1, 777] {
            for arbiters in [1, 5] {
                let stand = Stand::new();
                let mut plan = stand.plan(&[]);
                plan.crew.arbiters = arbiters;
                plan.source = Box::new(BadSource { inner: plan.source, good, fault: Box::new(fault) });
                let gate = HaltGate::new();
                let report = run_with(plan, with_gate(&gate)).unwrap();
                stand.assert_final(&report, "failed", reason);
                assert!(report.exit_reason.starts_with("market_data died"), "{}", report.exit_reason);
                assert!(gate.is_shut());
                assert_nothing_rests(&journal(&report));
                let scanned = scan(&journal(&report)).unwrap();
                assert_eq!(scanned.damage, Damage::None);
                // What came before an error is journaled; a panic takes its own batch along.
                let lost = if reason == "torn" { 0 } else { good.min(50) as u64 };
                assert!(scanned.inputs <= good as u64 && scanned.inputs + lost >= good as u64);
                assert!(replay(&journal(&report), false).unwrap().confirmed);
            }
        }
    }
}

/// Runs an endless session on a thread, waits for this many inputs, and then does something to it.
fn disturb(
    stand: &Stand,
    mut plan: Plan,
    inputs: u64,
    act: impl FnOnce(&SessionControl),
) -> peak_trade::session::metrics::SessionReport {
    plan.crew.arbiters = 1 + usize::try_from(inputs % 5).unwrap();
    let gauges = Arc::new(SessionGauges::default());
    let options = RunOptions { gauges: Arc::clone(&gauges), ..options() };
    let (handle, attached) = std::sync::mpsc::channel();
    let session = std::thread::spawn(move || {
        run(plan, options, |control| handle.send(control.clone()).unwrap()).unwrap()
    });
    let control = attached.recv().unwrap();
    eventually("so many inputs", || (gauges.inputs.load(Ordering::Relaxed) >= inputs).then_some(()));
    act(&control);
    let report = within_minutes("the disturbed session ends", move || session.join().unwrap());
    let scanned = scan(&journal(&report)).unwrap();
    assert_eq!(scanned.damage, Damage::None);
    assert_eq!(scanned.ending.unwrap().state, report.status);
    assert_nothing_rests(&journal(&report));
    assert!(stand.registry().exists());
    report
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_resting_and_a_whole_journal() {
    for round in 0..20_u64 {
        let stand = Stand::new();
        // A small share of the volume lets orders rest for long, a small lane keeps it full.
        let plan = stand.plan(&[
            "shadow_paper.bars=0",
            "paper_venue.max_participation=0.0001",
            "actors.lane_capacity=1",
        ]);
        let report = disturb(&stand, plan, round * 97, |control| control.kill("a test", "it wants to"));
        stand.assert_final(&report, "killed", "a test: it wants to");
        let replayed = replay(&journal(&report), false).unwrap();
        assert!(replayed.confirmed, "round {round}: {:?}", replayed.difference);
        if round > 5 {
            assert!(!order_states(&journal(&report)).is_empty(), "round {round}");
        }
    }
}

#[test]
fn a_stop_ends_in_order() {
    for round in 0..10_u64 {
        let stand = Stand::new();
        let plan = stand.plan(&["shadow_paper.bars=0", "paper_venue.max_participation=0.0001"]);
        let report = disturb(&stand, plan, round * 131, |control| {
            control.stop("a test");
            control.stop("a test, again");
        });
        stand.assert_final(&report, "stopped", "stopped by a test");
        let replayed = replay(&journal(&report), true).unwrap();
        assert!(replayed.confirmed, "round {round}: {:?}", replayed.difference);
    }
}

#[test]
fn a_stop_that_a_strategy_ignores_becomes_a_kill_that_names_it() {
    let stand = Stand::new();
    let mut plan = stand.plan(&["actors.stop_timeout_seconds=1", "actors.arbiters=5"]);
    let door = Door::default();
    let (held, gate) = (door.clone(), HaltGate::new());
    hook(&mut plan, move |n| {
        if n == 300 {
            held.pass();
        }
    });
    let (options, waiting) = (with_gate(&gate), door.clone());
    let report = within_minutes("the stop ends", move || {
        run(plan, options, |control| {
            let control = control.clone();
            std::thread::spawn(move || {
                eventually("it hangs", || waiting.is_somebody_waiting().then_some(()));
                control.stop("a test");
            });
        })
        .unwrap()
    });
    door.open();
    stand.assert_final(&report, "killed", "the orderly stop did not end within 1 s");
    assert!(report.exit_reason.contains("no acknowledgement from strategy"), "{}", report.exit_reason);
    assert!(gate.is_shut());
    assert_eq!(scan(&journal(&report)).unwrap().ending.unwrap().state, "killed");
    assert_nothing_rests(&journal(&report));
}

#[test]
fn a_source_that_ended_waits_for_a_slow_strategy() {
    let stand = Stand::new();
    let mut plan = stand.plan(&["actors.stop_timeout_seconds=1", "actors.arbiters=5"]);
    let door = Door::default();
    let held = door.clone();
    hook(&mut plan, move |n| {
        if n == 300 {
            held.pass();
        }
    });
    // Everything fits into the lanes: the source ends while the strategy has not.
    let opener = std::thread::spawn(move || {
        eventually("it hangs", || door.is_somebody_waiting().then_some(()));
        let since = SystemClock.monotonic();
        eventually("longer than a stop may take", || {
            (SystemClock.monotonic() - since > std::time::Duration::from_millis(1_500)).then_some(())
        });
        door.open();
    });
    let report = run_to_end(plan);
    opener.join().unwrap();
    stand.assert_final(&report, "completed", "source");
}

#[test]
fn missed_heartbeats_shut_the_gate_and_name_the_role() {
    for arbiters in ["5", "1"] {
        let stand = Stand::new();
        let mut plan = stand.plan(&[
            "actors.heartbeat_interval_ms=50",
            "actors.missed_heartbeats=3",
            "actors.poison_timeout_ms=20",
            &format!("actors.arbiters={arbiters}"),
        ]);
        let door = Door::default();
        let held = door.clone();
        hook(&mut plan, move |n| {
            if n == 300 {
                held.pass();
            }
        });
        let gate = HaltGate::new();
        let report = run_with(plan, with_gate(&gate)).unwrap();
        door.open();
        assert!(gate.is_shut());
        // With one Arbiter all are blocked, and any of them may be the first to be missed.
        let who = if arbiters == "5" { "strategy missed" } else { "missed" };
        stand.assert_final(&report, "killed", who);
        assert!(report.exit_reason.contains("heartbeats in a row"), "{}", report.exit_reason);
        if arbiters == "5" {
            assert_nothing_rests(&journal(&report));
        }
    }
}

#[test]
fn fault_free_sessions_never_end_otherwise_than_completed() {
    let sessions = std::env::var("PEAK_TRADE_SESSIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_u64);
    let mut first = None;
    for n in 0..sessions {
        let stand = Stand::new();
        let mut plan = stand.plan(&["shadow_paper.bars=300"]);
        plan.crew.arbiters = 1 + usize::try_from(n % 5).unwrap();
        plan.crew.chaos = if n % 2 == 0 { Chaos::default() } else { Chaos::seeded(n) };
        let report = run_to_end(plan);
        assert_eq!(report.status, "completed", "session {n}: {}", report.exit_reason);
        assert_eq!((report.metrics.inputs, report.metrics.strategy_restarts), (300, 0));
        let hex = digest(&journal(&report)).unwrap().hex;
        assert_eq!(first.get_or_insert_with(|| hex.clone()), &hex, "session {n}");
    }
}
