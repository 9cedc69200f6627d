//! Sessions through the library, with parts that fail on purpose.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use peak_trade::config::{Layers, load};
use peak_trade::domain::{Bar, MarketEvent, OrderId, TargetPosition, Timestamp};
use peak_trade::execution::HaltGate;
use peak_trade::market::{Source, SourceError, SourceInfo, SourceState};
use peak_trade::messages::{DecisionRecord, ExternalInput, OrderState};
use peak_trade::runlog::{JournalFile, OsFile, RegistryRecord, RegistryStatus, decisions};
use peak_trade::session::metrics::SessionReport;
use peak_trade::session::plan::{Plan, RunLimits, plan};
use peak_trade::session::run::{MakeJournalFile, RunOptions, SessionError, run};
use peak_trade::session::schema::schema;
use peak_trade::strategy::Strategy;

/// A session that trades often: a crossover of short averages on 1,500 synthetic minutes.
const SETTINGS: &[&str] = &[
    "shadow_paper.bars=1500",
    "shadow_paper.warmup_candles=20",
    "strategy.ma_crossover.fast_window=3",
    "strategy.ma_crossover.slow_window=8",
    "actors.batch_max=50",
    "actors.restart_backoff_ms=0",
    "actors.restart_backoff_max_ms=1",
    "actors.poison_timeout_ms=200",
];

/// A folder for sessions.
pub struct Stand {
    dir: tempfile::TempDir,
}

impl Stand {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn plan(&self, more: &[&str]) -> Plan {
        let mut set: Vec<String> = SETTINGS.iter().chain(more).map(|s| (*s).to_owned()).collect();
        for (key, name) in [("shadow_paper_logging.base_dir", "live_runs"), ("registry.dir", "registry")] {
            set.push(format!("{key}=\"{}\"", self.dir.path().join(name).display()));
        }
        let config = load(&schema(), &Layers { set, ..Layers::default() }).unwrap();
        plan(config, RunLimits::default()).unwrap()
    }

    pub fn registry(&self) -> PathBuf {
        self.dir.path().join("registry")
    }

    /// The only run of this stand is final, in this state and for this reason, everywhere it is told.
    pub fn assert_final(&self, report: &SessionReport, state: &str, reason: &str) {
        assert_eq!(report.status, state, "{}", report.exit_reason);
        assert!(report.exit_reason.contains(reason), "{reason:?} is missing in {:?}", report.exit_reason);
        let dir = Path::new(&report.run_dir);
        let meta: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.join("meta.json")).unwrap()).unwrap();
        assert_eq!(meta["state"], state);
        assert_eq!(meta["exit_reason"], report.exit_reason.as_str());
        assert!(meta["ended_at"].is_string(), "{meta}");
        for file in ["events.parquet", "orders.parquet", "fills.parquet", "summary.json"] {
            assert!(dir.join(file).exists(), "{file}");
        }
        let listing = RegistryRecord::list(&self.registry()).unwrap();
        assert_eq!(listing.records.len(), 1);
        let record = &listing.records[0].1;
        let expected = match state {
            "completed" | "stopped" => [RegistryStatus::Completed, RegistryStatus::Aborted],
            "failed" => [RegistryStatus::Failed, RegistryStatus::Aborted],
            _ => [RegistryStatus::Killed, RegistryStatus::Aborted],
        };
        assert!(expected.contains(&record.status), "{:?}", record.status);
        assert!(record.status != RegistryStatus::Aborted || report.metrics.steps == 0);
        assert_eq!(record.exit_reason.as_deref(), Some(report.exit_reason.as_str()));
        assert_eq!(record.error.is_some(), state == "failed");
    }
}

pub fn journal(report: &SessionReport) -> PathBuf {
    Path::new(&report.run_dir).join("journal.bin")
}

/// Runs a planned session; a run that has not ended after two minutes hangs.
pub fn run_to_end(plan: Plan) -> SessionReport {
    run_with(plan, options()).unwrap()
}

pub fn run_with(plan: Plan, options: RunOptions) -> Result<SessionReport, SessionError> {
    within_minutes("the session ends", move || run(plan, options, |_| {}))
}

/// Options for a session whose journal waits for no disk: most tests are not about durability.
pub fn options() -> RunOptions {
    let journal_file: MakeJournalFile =
        Box::new(|path| Ok(Box::new(Unsynced(OsFile::create(path)?)) as Box<dyn JournalFile + Send>));
    RunOptions { journal_file, ..RunOptions::new() }
}

/// Options around a gate that the test keeps.
pub fn with_gate(gate: &Arc<HaltGate>) -> RunOptions {
    RunOptions { gate: Arc::clone(gate), ..options() }
}

struct Unsynced(OsFile);

impl JournalFile for Unsynced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

/// Does something on a thread of its own, and gives it two minutes.
pub fn within_minutes<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = done.send(work());
    });
    match ended.recv_timeout(Duration::from_secs(120)) {
        Ok(value) => {
            thread.join().unwrap();
            value
        }
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("hangs: {what}"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

/// A door that closes threads out until a test opens it, at the latest when it is dropped.
#[derive(Clone, Default)]
pub struct Door(Arc<(Mutex<(bool, u32)>, Condvar)>);

impl Door {
    /// Waits until the door opens.
    pub fn pass(&self) {
        let mut inside = self.0.0.lock().unwrap();
        inside.1 += 1;
        while !inside.0 {
            inside = self.0.1.wait(inside).unwrap();
        }
    }

    pub fn open(&self) {
        self.0.0.lock().unwrap().0 = true;
        self.0.1.notify_all();
    }

    pub fn is_somebody_waiting(&self) -> bool {
        let inside = self.0.0.lock().unwrap();
        inside.1 > 0 && !inside.0
    }
}

/// What a test does before a strategy sees a bar; bars count from 1, over all its lives.
type Hook = Arc<dyn Fn(u64) + Send + Sync>;

struct Hooked {
    inner: Box<dyn Strategy>,
    first: Arc<OnceLock<Timestamp>>,
    hook: Hook,
}

impl Strategy for Hooked {
    fn key(&self) -> &'static str {
        self.inner.key()
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        let first = *self.first.get_or_init(|| bar.open_time);
        let span = bar.close_time() - bar.open_time;
        (self.hook)(1 + ((bar.open_time - first).0 / span.0).unsigned_abs());
        self.inner.on_bar(bar)
    }

    fn is_warm(&self) -> bool {
        self.inner.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.inner.min_bars()
    }
}

/// Puts a hook in front of the planned strategy.
pub fn hook(plan: &mut Plan, hook: impl Fn(u64) + Send + Sync + 'static) {
    let (maker, first, hook) = (Arc::clone(&plan.factory), Arc::default(), Arc::new(hook) as Hook);
    plan.factory = Arc::new(move || {
        Box::new(Hooked { inner: maker(), first: Arc::clone(&first), hook: Arc::clone(&hook) })
    });
}

/// A source that goes wrong after so many events.
pub struct BadSource {
    pub inner: Box<dyn Source>,
    pub good: usize,
    pub fault: Box<dyn FnMut() -> Result<SourceState, SourceError> + Send>,
}

impl Source for BadSource {
    fn info(&self) -> &SourceInfo {
        self.inner.info()
    }

    fn next_batch(&mut self, max: usize, out: &mut Vec<MarketEvent>) -> Result<SourceState, SourceError> {
        if self.good == 0 {
            return (self.fault)();
        }
        let before = out.len();
        let state = self.inner.next_batch(max.min(self.good), out);
        self.good -= out.len() - before;
        // The fault comes together with the last good events.
        if self.good == 0 { (self.fault)() } else { state }
    }
}

/// What a journal says became of the orders that reached the venue.
pub fn order_states(journal: &Path) -> BTreeMap<OrderId, OrderState> {
    let mut states = BTreeMap::new();
    each_decision(journal, |record| {
        if let DecisionRecord::Order(update) = record {
            states.insert(update.order_id, update.state);
        }
    });
    states
}

/// No order is left open, by the journal.
pub fn assert_nothing_rests(journal: &Path) {
    let open: Vec<_> = order_states(journal).into_iter().filter(|(_, state)| !state.is_terminal()).collect();
    assert!(open.is_empty(), "still open: {open:?}");
}

/// Inputs whose bars were skipped because the strategy died on them.
pub fn skipped(journal: &Path) -> Vec<u64> {
    let mut inputs = Vec::new();
    each_decision(journal, |record| {
        if let DecisionRecord::External(ExternalInput::StrategyRestarted { skipped_input, .. }) = record {
            inputs.push(*skipped_input);
        }
    });
    inputs
}

pub fn each_decision(journal: &Path, mut look: impl FnMut(&DecisionRecord)) {
    let mut records = decisions(journal).unwrap();
    while let Some(record) = records.next_record().unwrap() {
        look(&record.record);
    }
}
