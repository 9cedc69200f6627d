//! Journals that fail and venues that are watched: nothing begins that is not on disk, nothing
//! begins behind a shut gate, and every end is truthful.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use peak_trade::actors::gauges::SessionGauges;
use peak_trade::clock::SystemClock;
use peak_trade::domain::{OrderId, Timestamp};
use peak_trade::execution::{ExecutionStage, HaltGate, PaperParams, PaperVenue, Permit, Venue};
use peak_trade::market::Pacer;
use peak_trade::messages::control::{EndState, Role};
use peak_trade::messages::{DecisionRecord, Input, OrderState, VenueReport};
use peak_trade::risk::ApprovedOrder;
use peak_trade::runlog::journal::faulty::{Faults, FaultyFile};
use peak_trade::runlog::journal::{JournalRecord, scan_source};
use peak_trade::runlog::{
    Damage, HeartbeatReader, JournalFile, JournalReader, JournalWriter, OsFile, RegistryRecord,
    RegistryStatus, scan,
};
use peak_trade::session::assemble::engine;
use peak_trade::session::crew::{CrewOutcome, CrewParts, run_crew};
use peak_trade::session::plan::Plan;
use peak_trade::session::replay::replay;
use peak_trade::session::run::RunOptions;

use crate::stand::{
    Stand, assert_nothing_rests, hook, journal, order_states, run_with, with_gate, within_minutes,
};
use crate::support::{Bench, text};

/// A venue whose side of the story is kept: what began, and whether it was allowed to.
struct WatchedVenue {
    inner: PaperVenue,
    gate: Arc<HaltGate>,
    disk: FaultyFile,
    seen: Arc<Mutex<Seen>>,
    /// The planted panic, on this order.
    dies_on: Option<u64>,
}

#[derive(Debug, Default)]
struct Seen {
    began: BTreeSet<OrderId>,
    /// Began although the gate was shut before.
    behind_the_gate: Vec<OrderId>,
    /// Had the power failed at that moment, nobody would know of these orders.
    unknown_after_power_loss: Vec<OrderId>,
    open: usize,
}

impl Venue for WatchedVenue {
    fn send(
        &mut self,
        order: ApprovedOrder,
        permit: Permit,
        input: u64,
        now: Timestamp,
        out: &mut Vec<VenueReport>,
    ) {
        let id = order.intent().id;
        assert!(self.dies_on.is_none_or(|n| id.0 < n), "the planted panic of the venue");
        let (was_shut, from) = (self.gate.is_shut(), out.len());
        self.inner.send(order, permit, input, now, out);
        let blocked = out[from..]
            .iter()
            .any(|r| matches!(r, VenueReport::Update(u) if u.state == OrderState::BlockedBySafety));
        let mut seen = self.seen.lock().unwrap();
        seen.open = self.inner.open_orders();
        if blocked {
            return;
        }
        seen.began.insert(id);
        if was_shut {
            seen.behind_the_gate.push(id);
        }
        if !intents(&self.disk.after_power_loss(0)).contains(&id) {
            seen.unknown_after_power_loss.push(id);
        }
    }

    fn cancel(
        &mut self,
        order: OrderId,
        reason: &str,
        input: u64,
        now: Timestamp,
        out: &mut Vec<VenueReport>,
    ) {
        self.inner.cancel(order, reason, input, now, out);
        self.seen.lock().unwrap().open = self.inner.open_orders();
    }

    fn cancel_all(&mut self, reason: &str, input: u64, now: Timestamp, out: &mut Vec<VenueReport>) {
        self.inner.cancel_all(reason, input, now, out);
        self.seen.lock().unwrap().open = self.inner.open_orders();
    }

    fn on_input(&mut self, input: &Input, out: &mut Vec<VenueReport>) {
        self.inner.on_input(input, out);
        self.seen.lock().unwrap().open = self.inner.open_orders();
    }

    fn open_orders(&self) -> usize {
        self.inner.open_orders()
    }
}

/// The orders whose intents a journal of these bytes knows.
fn intents(bytes: &[u8]) -> BTreeSet<OrderId> {
    let mut found = BTreeSet::new();
    for entry in JournalReader::new(bytes) {
        if let JournalRecord::Decision(keyed) = entry.unwrap().record
            && let DecisionRecord::Intent { intent, .. } = keyed.record
        {
            found.insert(intent.id);
        }
    }
    found
}

struct Watched {
    outcome: CrewOutcome,
    seen: Seen,
    gate: Arc<HaltGate>,
}

/// Runs a plan's actors on a watched venue with their journal in `file`, which `disk` looks into.
fn watched(
    plan: Plan,
    disk: &FaultyFile,
    file: Box<dyn JournalFile + Send>,
    dies_on: Option<u64>,
) -> Watched {
    let (gate, seen) = (HaltGate::new(), Arc::new(Mutex::new(Seen::default())));
    let settings = &plan.settings;
    let inner = PaperVenue::new(PaperParams {
        instrument: settings.instrument,
        maker_fee: settings.maker_fee,
        taker_fee: settings.taker_fee,
        slippage: settings.slippage,
        max_participation: settings.max_participation,
        latency: settings.latency,
        fee_decimals: settings.fee_decimals,
    })
    .unwrap();
    let mut engine =
        engine(settings, plan.source.info(), Arc::clone(&plan.factory), Arc::clone(&gate)).unwrap();
    let venue =
        WatchedVenue { inner, gate: Arc::clone(&gate), disk: disk.clone(), seen: Arc::clone(&seen), dies_on };
    engine.execution = ExecutionStage::new(Arc::clone(&gate), Box::new(venue));
    let parts = CrewParts {
        engine,
        source: plan.source,
        pacer: Pacer::new(plan.speed),
        journal: JournalWriter::new(file).unwrap(),
        gate: Arc::clone(&gate),
        heartbeat: None,
        gauges: Arc::new(SessionGauges::default()),
        clock: Arc::new(SystemClock),
    };
    let crew = plan.crew;
    let outcome = within_minutes("the crew comes home", move || run_crew(parts, &crew, |_| {}).unwrap());
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    Watched { outcome, seen, gate }
}

fn plan_on(stand: &Stand, arbiters: u64) -> Plan {
    stand.plan(&["shadow_paper.bars=600", &format!("actors.arbiters={}", 1 + arbiters % 5)])
}

/// What must hold of every session, however it ends.
fn assert_sound(run: &Watched, what: &str) {
    assert!(run.seen.behind_the_gate.is_empty(), "{what}: {:?}", run.seen);
    assert!(run.seen.unknown_after_power_loss.is_empty(), "{what}: {:?}", run.seen);
    assert_eq!(run.seen.open, 0, "{what}: {:?}", run.seen);
}

#[test]
fn no_order_is_at_the_venue_whose_intent_a_power_loss_would_take() {
    for round in 0..5 {
        let (stand, file) = (Stand::new(), FaultyFile::default());
        let run = watched(plan_on(&stand, round), &file, Box::new(file.clone()), None);
        assert_eq!(run.outcome.end.state, EndState::Completed, "{:?}", run.outcome.end);
        assert!(run.seen.began.len() > 10, "{:?}", run.seen);
        assert_sound(&run, "no fault");
        // The seal is durable: nothing at all is lost afterwards.
        assert_eq!(file.unsynced(), 0);
        let scanned = scan_source(file.after_power_loss(0).as_slice()).unwrap();
        assert_eq!(Ok(scanned.last_seq), run.outcome.end.sealed);
    }
}

#[test]
fn a_planted_missing_sync_is_caught() {
    for round in 0..5 {
        let (stand, file) =
            (Stand::new(), FaultyFile::new(Faults { forget_sync: true, ..Faults::default() }));
        let run = watched(plan_on(&stand, round), &file, Box::new(file.clone()), None);
        assert_eq!(run.outcome.end.state, EndState::Completed, "{:?}", run.outcome.end);
        assert!(!run.seen.began.is_empty());
        let missed: BTreeSet<OrderId> = run.seen.unknown_after_power_loss.into_iter().collect();
        assert_eq!(missed, run.seen.began);
    }
}

/// Faults over the whole length of a run, and how long that is.
fn planted() -> Vec<Faults> {
    let (stand, file) = (Stand::new(), FaultyFile::default());
    watched(plan_on(&stand, 2), &file, Box::new(file.clone()), None);
    let (bytes, syncs) = (file.contents().len(), file.syncs());
    assert!(bytes > 10_000 && syncs > 10, "{bytes} bytes, {syncs} syncs");
    let mut faults = Vec::new();
    for part in 1..40 {
        faults.push(Faults { disk_bytes: Some(bytes * part / 40), ..Faults::default() });
    }
    // Writes come with syncs, so their numbers are alike; how many there are varies a little.
    for n in (2..syncs / 2).step_by(3) {
        faults.push(Faults { fail_from_write: Some(n), ..Faults::default() });
        faults.push(Faults { fail_write: Some(n), ..Faults::default() });
        faults.push(Faults { fail_sync: Some(n), ..Faults::default() });
    }
    faults
}

#[test]
fn a_journal_that_fails_shuts_the_gate_and_ends_the_run_as_failed() {
    for (n, faults) in (0..).zip(planted()) {
        let (stand, file) = (Stand::new(), FaultyFile::new(faults));
        let run = watched(plan_on(&stand, n), &file, Box::new(file.clone()), None);
        let (end, what) = (&run.outcome.end, format!("{faults:?}"));
        assert_eq!(end.state, EndState::Failed, "{what}: {end:?}");
        assert!(end.reason.starts_with("logger died: journal: "), "{what}: {end:?}");
        assert!(end.sealed.is_err() && end.unacknowledged.is_empty(), "{what}: {end:?}");
        assert_eq!(run.gate.cause().unwrap().0, "journal", "{what}");
        assert_sound(&run, &what);
        let damage = scan_source(file.after_power_loss(0).as_slice()).unwrap().damage;
        assert!(!matches!(damage, Damage::Corruption { .. }), "{what}: {damage:?}");
    }
}

#[test]
fn a_slow_file_is_no_fault() {
    let faults = Faults { short_writes: Some(7), interrupts: true, ..Faults::default() };
    let (stand, file) = (Stand::new(), FaultyFile::new(faults));
    let run = watched(plan_on(&stand, 2), &file, Box::new(file.clone()), None);
    assert_eq!(run.outcome.end.state, EndState::Completed, "{:?}", run.outcome.end);
    assert_sound(&run, "short writes");
}

/// Panics at one write or sync.
struct PanickingFile {
    inner: FaultyFile,
    calls: Arc<AtomicU64>,
    at: u64,
}

impl PanickingFile {
    fn count(&self) {
        assert!(self.calls.fetch_add(1, Ordering::SeqCst) != self.at, "the planted panic of the file");
    }
}

impl JournalFile for PanickingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.count();
        self.inner.write(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.count();
        self.inner.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}

#[test]
fn a_logger_that_panics_is_never_lost_silently() {
    for (n, at) in (0..).zip([2_u64, 3, 4, 5, 8, 13, 21, 34]) {
        let (stand, file) = (Stand::new(), FaultyFile::default());
        let bad = PanickingFile { inner: file.clone(), calls: Arc::default(), at };
        let run = watched(plan_on(&stand, n), &file, Box::new(bad), None);
        let end = &run.outcome.end;
        assert_eq!(end.state, EndState::Failed, "{at}: {end:?}");
        assert_eq!(end.reason, "logger died: panicked: the planted panic of the file");
        assert!(end.sealed.is_err() && end.unacknowledged.is_empty(), "{at}: {end:?}");
        assert!(run.gate.is_shut());
        assert_sound(&run, &at.to_string());
    }
}

#[test]
fn an_execution_actor_that_panics_ends_the_session_as_failed() {
    for (n, order) in (0..).zip([1_u64, 2, 7, 11]) {
        let (stand, file) = (Stand::new(), FaultyFile::default());
        let run = watched(plan_on(&stand, n), &file, Box::new(file.clone()), Some(order));
        let end = &run.outcome.end;
        assert_eq!(end.state, EndState::Failed, "{end:?}");
        assert_eq!(end.reason, "execution died: panicked: the planted panic of the venue");
        // Nobody is left to say what rests: that is told, not guessed.
        assert_eq!((end.execution.clone(), end.unacknowledged.as_slice()), (None, &[] as &[Role]));
        assert!(run.gate.is_shut());
        assert!(run.seen.behind_the_gate.is_empty());
        let sealed = scan_source(file.after_power_loss(0).as_slice()).unwrap();
        assert_eq!(sealed.ending.unwrap().state, "failed");
        assert_eq!(sealed.damage, Damage::None);
    }
}

/// A faulty file whose accepted bytes are also on disk, where the session looks for them.
struct Mirrored {
    faulty: FaultyFile,
    real: OsFile,
}

impl JournalFile for Mirrored {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.faulty.write(bytes)?;
        self.real.write_all(&bytes[..taken])?;
        Ok(taken)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.faulty.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.faulty.len()
    }
}

fn on_faulty_disk(gate: &Arc<HaltGate>, faults: Faults) -> RunOptions {
    let mut options = with_gate(gate);
    options.journal_file = Box::new(move |path| {
        Ok(Box::new(Mirrored { faulty: FaultyFile::new(faults), real: OsFile::create(path)? }))
    });
    options
}

#[test]
fn a_full_disk_leaves_a_final_folder_that_replays() {
    for disk in [3_000, 5_000, 8_000, 13_000, 21_000, 34_000] {
        let (stand, gate) = (Stand::new(), HaltGate::new());
        let faults = Faults { disk_bytes: Some(disk), ..Faults::default() };
        let report = run_with(stand.plan(&[]), on_faulty_disk(&gate, faults)).unwrap();
        stand.assert_final(&report, "failed", "logger died: journal: ");
        assert!(gate.is_shut());
        let scanned = scan(&journal(&report)).unwrap();
        assert!(scanned.valid_records > 0 && scanned.ending.is_none(), "{disk}: {scanned:?}");
        assert!(!matches!(scanned.damage, Damage::Corruption { .. }), "{disk}: {scanned:?}");
        let replayed = replay(&journal(&report), false).unwrap();
        assert!(replayed.confirmed, "{disk}: {:?}", replayed.difference);
    }
}

#[test]
fn a_journal_that_cannot_be_begun_is_an_error_and_the_folder_says_so() {
    for faults in [
        Faults { disk_bytes: Some(0), ..Faults::default() },
        Faults { disk_bytes: Some(100), ..Faults::default() },
        Faults { fail_sync: Some(1), ..Faults::default() },
        Faults { fail_sync: Some(2), ..Faults::default() },
    ] {
        let (stand, gate) = (Stand::new(), HaltGate::new());
        let fault = run_with(stand.plan(&[]), on_faulty_disk(&gate, faults)).unwrap_err();
        assert!(fault.to_string().contains("journal"), "{faults:?}: {fault}");
        let record = &RegistryRecord::list(&stand.registry()).unwrap().records[0].1;
        assert!(record.status != RegistryStatus::Started, "{record:?}");
        assert!(record.error.as_ref().unwrap().contains("the journal could not be begun"), "{record:?}");
    }
}

#[test]
fn a_kill_journals_its_cancels_whatever_waits_in_the_lanes() {
    let (stand, gate) = (Stand::new(), HaltGate::new());
    let mut plan =
        stand.plan(&["paper_venue.max_participation=0.0001", "actors.lane_capacity=1", "actors.batch_max=1"]);
    // The kill comes from a strategy that dies for good while orders rest and lanes are full.
    hook(&mut plan, |n| assert!(n < 700, "the planted panic"));
    let report = run_with(plan, with_gate(&gate)).unwrap();
    stand.assert_final(&report, "failed", "the planted panic");
    assert_nothing_rests(&journal(&report));
    let cancelled =
        order_states(&journal(&report)).into_values().filter(|state| *state == OrderState::Cancelled).count();
    assert!(cancelled > 0);
}

/// `peak` with files of at most so many bytes.
fn with_file_limit(bench: &Bench, bytes: u64, args: &[&str]) -> std::process::Output {
    let mut command = bench.command(args);
    let limit = move || {
        use nix::sys::resource::{Resource, setrlimit};
        setrlimit(Resource::RLIMIT_FSIZE, bytes, bytes).map_err(io::Error::from)
    };
    // SAFETY: setrlimit is async-signal-safe and touches no memory of the parent.
    unsafe { command.pre_exec(limit) };
    command.output().unwrap()
}

#[test]
fn a_real_file_size_limit_ends_a_real_process_truthfully() {
    // Small batches and many orders: much is acknowledged before the limit is met.
    let busy = ["actors.batch_max=20", "actors.lane_capacity=1", "strategy.ma_crossover.fast_window=3"];
    let mut args = vec!["session", "run"];
    args.extend(busy.iter().flat_map(|set| ["--set", set]));
    let mut most = 0;
    for bytes in [20_000_u64, 50_000, 100_000, 200_000] {
        let bench = Bench::new();
        let output = with_file_limit(&bench, bytes, &args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{bytes}: {said}");
        assert!(said.contains("journal"), "{bytes}: {said}");
        let run = bench.runs().remove(0);
        let acknowledged = acknowledged(&run);
        most = most.max(acknowledged);
        let id = run.file_name().unwrap().to_str().unwrap();
        let recovered = bench.run(&["recover", id, "--json"]);
        assert!(recovered.status.success(), "{bytes}: {}", text(&recovered.stderr));
        let meta = bench.meta(&run);
        assert!(meta["state"] == "failed" || meta["state"] == "crashed", "{bytes}: {meta}");
        let left = scan(&run.join("journal.bin")).unwrap();
        assert!(left.last_seq >= acknowledged, "{bytes}: {left:?} of {acknowledged} acknowledged");
        assert!(!matches!(left.damage, Damage::Corruption { .. }), "{bytes}: {left:?}");
        for file in ["events.parquet", "orders.parquet", "fills.parquet"] {
            assert!(run.join(file).exists(), "{bytes}: {file}");
        }
        let replayed = bench.run(&["replay", id]);
        assert!(replayed.status.success(), "{bytes}: {}", text(&replayed.stdout));
    }
    assert!(most > 0, "no run acknowledged anything before it met its limit");
}

fn acknowledged(run: &Path) -> u64 {
    HeartbeatReader::open(&run.join("heartbeat")).unwrap().read().unwrap().acknowledged
}
