//! A session from its first file to its last: run folder, journal, actors, tables, registry.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::assemble::{AssembleError, engine};
use super::crew::{CrewError, CrewOutcome, CrewParts, run_crew};
use super::metrics::{SessionMetrics, SessionReport};
use super::plan::{Plan, SCHEMA_VERSION};
use crate::actors::control::SessionControl;
use crate::actors::gauges::SessionGauges;
use crate::clock::{Clock, SystemClock};
use crate::domain::{Money, RunId, RunMode, Timestamp};
use crate::execution::HaltGate;
use crate::market::Pacer;
use crate::messages::control::EndState;
use crate::messages::{
    DecisionKey, DecisionRecord, KeyedRecord, OperationalRecord, SessionHeader, Stage, StepRow,
};
use crate::runlog::{
    Heartbeat, JournalFile, JournalWriter, Meta, OsFile, RecoverOptions, RegistryRecord, RegistryStatus,
    RunFolder, RunLock, RunLogError, RunState, TableFormat, derive_files, for_each_step, recover_all,
};

/// Why a session could not be run, or could not be finished.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The run folder or one of its files.
    #[error(transparent)]
    RunLog(#[from] RunLogError),
    /// The parts do not fit together.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// Supervision failed.
    #[error(transparent)]
    Crew(#[from] CrewError),
    /// The run is over, but what it leaves behind is not whole.
    #[error(
        "the run ended as {state} ({reason}), but {what} could not be written: {error}; `peak recover {run_id}` tries again"
    )]
    Unfinished {
        /// The run.
        run_id: RunId,
        /// How it ended.
        state: EndState,
        /// Why.
        reason: String,
        /// What could not be written.
        what: &'static str,
        /// Why not.
        error: Box<RunLogError>,
    },
}

/// Makes the file under a journal; tests put faults here.
pub type MakeJournalFile =
    Box<dyn FnOnce(&std::path::Path) -> Result<Box<dyn JournalFile + Send>, RunLogError> + Send>;

/// What belongs to one run and is not configuration.
pub struct RunOptions {
    /// The gate that signals shut.
    pub gate: Arc<HaltGate>,
    /// Remarks for the record.
    pub notes: String,
    /// Labels for the record.
    pub tags: Vec<String>,
    /// Leave the registry alone.
    pub no_registry: bool,
    /// The command line, for the record.
    pub cli_args: Vec<String>,
    /// Figures for onlookers.
    pub gauges: Arc<SessionGauges>,
    /// The file under the journal.
    pub journal_file: MakeJournalFile,
}

impl RunOptions {
    /// A run with a fresh gate, on the operating system's files, without remarks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            gate: HaltGate::new(),
            notes: String::new(),
            tags: Vec::new(),
            no_registry: false,
            cli_args: Vec::new(),
            gauges: Arc::default(),
            journal_file: Box::new(|path| Ok(Box::new(OsFile::create(path)?))),
        }
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Everything a run has on disk.
struct Desk {
    folder: RunFolder,
    /// Held as long as the run lives.
    _lock: RunLock,
    meta: Meta,
    registry: Option<(PathBuf, RegistryRecord)>,
    heartbeat: Arc<Heartbeat>,
    format: TableFormat,
    start_balance: Money,
}

/// Runs a planned session to its end.
///
/// # Errors
/// [`SessionError`]; a run that failed in order is no error, its report says `failed`.
pub fn run(
    plan: Plan,
    options: RunOptions,
    attach: impl FnOnce(&SessionControl),
) -> Result<SessionReport, SessionError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    recover_crashed(&plan, clock.now());
    let begin = clock.monotonic();
    let engine = engine(&plan.settings, plan.source.info(), plan.factory.clone(), Arc::clone(&options.gate))?;
    let mut desk = open_desk(&plan, &options, clock.now())?;
    let file = (options.journal_file)(&desk.folder.journal());
    let journal = match file.and_then(|file| open_journal(file, &plan.header, &desk.meta)) {
        Ok(journal) => journal,
        Err(fault) => {
            let reason = format!("the journal could not be begun: {fault}");
            close_desk(&mut desk, EndState::Failed, &reason, None, clock.now())
                .unwrap_or_else(|e| tracing::error!("{}: {e}", desk.folder.dir().display()));
            return Err(fault.into());
        }
    };
    tracing::info!(
        "run {} begins: {} on {} {}, source {}{}",
        desk.meta.run_id,
        plan.strategy.key,
        plan.settings.instrument.symbol,
        plan.settings.timeframe,
        plan.header.source,
        if desk.meta.is_synthetic { " (SYNTHETIC)" } else { "" }
    );
    let gauges = Arc::clone(&options.gauges);
    let parts = CrewParts {
        engine,
        source: plan.source,
        pacer: Pacer::new(plan.speed),
        journal,
        gate: options.gate,
        heartbeat: Some(Arc::clone(&desk.heartbeat)),
        gauges: options.gauges,
        clock: Arc::clone(&clock),
    };
    let outcome = match run_crew(parts, &plan.crew, attach) {
        Ok(outcome) => outcome,
        Err(fault) => {
            derive_files(&desk.folder, desk.format)
                .map(drop)
                .and_then(|()| close_desk(&mut desk, EndState::Failed, &fault.to_string(), None, clock.now()))
                .unwrap_or_else(|e| tracing::error!("{}: {e}", desk.folder.dir().display()));
            return Err(fault.into());
        }
    };
    let seconds = clock.monotonic().duration_since(begin).as_secs_f64();
    finish(desk, outcome, seconds, &gauges, clock.as_ref())
}

/// A crashed run of before is put in order first; one that cannot be is named and left.
fn recover_crashed(plan: &Plan, now: Timestamp) {
    let options = RecoverOptions { now, registry_dir: registry_dir(plan) };
    match recover_all(&plan.config.path("shadow_paper_logging.base_dir"), &options) {
        Ok(reports) => {
            for (dir, report) in reports {
                match report {
                    Ok(report) if report.is_failure() => {
                        tracing::error!("{}: the journal is corrupt; see peak recover", dir.display());
                    }
                    Ok(report) if report.changed() => {
                        tracing::warn!("{}: a run that had crashed was put in order", dir.display());
                    }
                    Ok(_) => {}
                    Err(fault) => tracing::error!("{}: {fault}", dir.display()),
                }
            }
        }
        Err(fault) => tracing::error!("crashed runs could not be looked for: {fault}"),
    }
}

fn registry_dir(plan: &Plan) -> Option<PathBuf> {
    plan.config.flag("registry.enabled").then(|| plan.config.path("registry.dir"))
}

fn open_desk(plan: &Plan, options: &RunOptions, now: Timestamp) -> Result<Desk, RunLogError> {
    let base = plan.config.path("shadow_paper_logging.base_dir");
    let base = std::path::absolute(&base).unwrap_or(base);
    let (folder, lock, run_id) = new_folder(&base, now)?;
    let info = plan.source.info();
    let format = match plan.config.text("shadow_paper_logging.format") {
        "csv" => TableFormat::Csv,
        _ => TableFormat::Parquet,
    };
    let snapshot = snapshot(plan);
    let mut meta = Meta::new(run_id.clone(), now);
    meta.mode = RunMode::Shadow.as_str().to_owned();
    meta.strategy_name = plan.strategy.key.to_owned();
    meta.symbol = plan.settings.instrument.symbol.to_string();
    meta.timeframe = plan.settings.timeframe.to_string();
    meta.config_hash = blake3::hash(snapshot.to_string().as_bytes()).to_hex().to_string();
    meta.config_snapshot = snapshot;
    meta.notes = options.notes.clone();
    meta.tags = options.tags.clone();
    meta.state = RunState::Running;
    meta.binary_version = env!("CARGO_PKG_VERSION").to_owned();
    meta.seed = plan.header.seed;
    meta.source = plan.header.source.clone();
    meta.schema_version = SCHEMA_VERSION;
    meta.pid = std::process::id();
    meta.is_synthetic = info.is_synthetic;
    meta.table_format = format;
    meta.write(&folder.meta())?;
    let heartbeat = Arc::new(Heartbeat::create(&folder.heartbeat())?);
    heartbeat.beat(now);
    heartbeat.state(RunState::Running);
    let registry = match registry_dir(plan).filter(|_| !options.no_registry) {
        Some(dir) => {
            let mut record = RegistryRecord::started(
                run_id,
                RunMode::Shadow,
                plan.settings.instrument.symbol.as_str(),
                now,
            );
            record.cli_args = options.cli_args.clone();
            record.strategy_tier = Some(plan.strategy.tier.as_str().to_owned());
            if let Value::Object(values) = &meta.config_snapshot {
                record.config = values.clone();
            }
            Some((dir, record))
        }
        None => None,
    };
    let registered = match &registry {
        Some((dir, record)) => record.write_started(dir).map(|_| ()),
        None => Ok(()),
    };
    let start_balance = plan.settings.start_balance;
    let mut desk = Desk { folder, _lock: lock, meta, registry, heartbeat, format, start_balance };
    if let Err(fault) = registered {
        // The run never began: its folder says so, and no record is left to repair.
        desk.registry = None;
        close_desk(
            &mut desk,
            EndState::Failed,
            &format!("the registry record could not be written: {fault}"),
            None,
            now,
        )?;
        return Err(fault);
    }
    Ok(desk)
}

/// Two runs may begin in one second: then the tag decides, and a taken one is passed over.
fn new_folder(base: &std::path::Path, now: Timestamp) -> Result<(RunFolder, RunLock, RunId), RunLogError> {
    let mut attempt = 0_u32;
    loop {
        let mark = format!("{}:{}:{attempt}", now.nanos(), std::process::id());
        let digest = blake3::hash(mark.as_bytes());
        let [a, b, c, ..] = *digest.as_bytes();
        let run_id = RunId::new(RunMode::Shadow, now, u32::from_be_bytes([0, a, b, c]));
        attempt += 1;
        match RunFolder::create(base, &run_id) {
            Ok((folder, lock)) => return Ok((folder, lock, run_id)),
            Err(fault) if attempt >= 16 || !base.join(run_id.as_str()).exists() => return Err(fault),
            Err(_) => {}
        }
    }
}

/// The values that decide, as JSON.
fn snapshot(plan: &Plan) -> Value {
    let values = plan.header.settings.iter().map(|(key, value)| (key.clone(), json!(value)));
    Value::Object(values.collect())
}

fn open_journal(
    file: Box<dyn JournalFile + Send>,
    header: &SessionHeader,
    meta: &Meta,
) -> Result<JournalWriter<Box<dyn JournalFile + Send>>, RunLogError> {
    let mut journal = JournalWriter::new(file)?;
    journal.append_operational(&OperationalRecord::RunStarted {
        run_id: meta.run_id.clone(),
        at: meta.started_at,
        version: meta.binary_version.clone(),
        pid: meta.pid,
    })?;
    journal.append_decisions(&[KeyedRecord {
        key: DecisionKey { input: 0, stage: Stage::Header, index: 0 },
        record: DecisionRecord::Header(Box::new(header.clone())),
    }])?;
    journal.commit()?;
    Ok(journal)
}

fn finish(
    mut desk: Desk,
    outcome: CrewOutcome,
    seconds: f64,
    gauges: &SessionGauges,
    clock: &dyn Clock,
) -> Result<SessionReport, SessionError> {
    let CrewOutcome { mut end, risk } = outcome;
    if let Err(why) = &end.sealed
        && end.state != EndState::Failed
    {
        tracing::error!("the journal could not be sealed: {why}");
        end.reason = format!("{}; the journal could not be sealed: {why}", end.reason);
        if end.state != EndState::Killed {
            end.state = EndState::Failed;
        }
    }
    for role in &end.unacknowledged {
        tracing::error!("{role} did not acknowledge that it halts");
    }
    let unfinished = |what: &'static str, error: RunLogError, desk: &Desk| SessionError::Unfinished {
        run_id: desk.meta.run_id.clone(),
        state: end.state,
        reason: end.reason.clone(),
        what,
        error: Box::new(error),
    };
    let metrics = match &risk {
        Some(stage) => SessionMetrics::of(stage, end.restarts, seconds),
        None => metrics_of_journal(&desk, end.restarts, seconds),
    };
    desk.meta.data_gaps = gauges.data_gaps.load(Ordering::Relaxed);
    let report = report(&desk, gauges, end.state, &end.reason, metrics);
    // Only what is not yet final may still be written: meta.json comes last.
    if let Err(fault) = derive_files(&desk.folder, desk.format) {
        return Err(unfinished("the tables", fault, &desk));
    }
    let summary = serde_json::to_value(&report).unwrap_or_default();
    if let Err(fault) = desk.folder.write_summary(&summary) {
        return Err(unfinished("summary.json", fault, &desk));
    }
    let (state, reason) = (end.state, end.reason.clone());
    if let Err(fault) = close_desk(&mut desk, state, &reason, Some(&report.metrics), clock.now()) {
        return Err(unfinished("meta.json or the registry record", fault, &desk));
    }
    Ok(report)
}

fn report(
    desk: &Desk,
    gauges: &SessionGauges,
    state: EndState,
    reason: &str,
    metrics: SessionMetrics,
) -> SessionReport {
    SessionReport {
        run_id: desk.meta.run_id.clone(),
        run_dir: desk.folder.dir().display().to_string(),
        status: state.as_str().to_owned(),
        exit_reason: reason.to_owned(),
        symbol: desk.meta.symbol.clone(),
        timeframe: desk.meta.timeframe.clone(),
        strategy: desk.meta.strategy_name.clone(),
        source: desk.meta.source.clone(),
        is_synthetic: desk.meta.is_synthetic,
        data_gaps: gauges.data_gaps.load(Ordering::Relaxed),
        data_dropped: gauges.data_dropped.load(Ordering::Relaxed),
        data_quarantined: gauges.data_quarantined.load(Ordering::Relaxed),
        metrics,
    }
}

/// The registry record, then meta.json: whoever finds a final meta.json finds all the rest.
fn close_desk(
    desk: &mut Desk,
    end: EndState,
    reason: &str,
    metrics: Option<&SessionMetrics>,
    now: Timestamp,
) -> Result<(), RunLogError> {
    let state = match end {
        EndState::Completed => RunState::Completed,
        EndState::Stopped => RunState::Stopped,
        EndState::Failed => RunState::Failed,
        EndState::Killed => RunState::Killed,
    };
    desk.heartbeat.state(state);
    if let Some((dir, record)) = &mut desk.registry {
        let saw_a_bar = metrics.is_some_and(|m| m.steps > 0);
        let status = RegistryStatus::of(state, saw_a_bar);
        let error = (end == EndState::Failed).then(|| reason.to_owned());
        record.finish(dir, status, now, reason, error, metrics.map(registry_metrics))?;
    }
    desk.meta.state = state;
    desk.meta.exit_reason = reason.to_owned();
    desk.meta.ended_at = Some(now);
    desk.meta.write(&desk.folder.meta())
}

fn registry_metrics(metrics: &SessionMetrics) -> Map<String, Value> {
    let values = json!({
        "realized_pnl": metrics.realized_pnl,
        "unrealized_pnl": metrics.unrealized_pnl,
        "net_pnl": metrics.net_pnl,
        "fees_paid": metrics.fees_paid,
        "max_drawdown": metrics.max_drawdown,
        "num_orders": metrics.total_orders_generated,
        "num_trades": metrics.fills,
        "steps": metrics.steps,
        "fill_rate": metrics.fill_rate,
        "orders_executed": metrics.orders_executed,
        "orders_blocked_risk": metrics.orders_blocked_risk,
        "orders_rejected": metrics.orders_rejected,
        "duration_seconds": metrics.duration_seconds,
    });
    match values {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The figures of a run whose risk actor did not end in order: what the journal proves.
fn metrics_of_journal(desk: &Desk, restarts: u32, seconds: f64) -> SessionMetrics {
    let mut last: Option<StepRow> = None;
    let mut totals = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut peak = desk.start_balance;
    let mut max_drawdown = Decimal::ZERO;
    let read = for_each_step(&desk.folder.journal(), |row| {
        totals.0 += u64::from(row.orders_generated);
        totals.1 += u64::from(row.orders_filled);
        totals.2 += u64::from(row.orders_blocked);
        totals.3 += u64::from(row.orders_rejected);
        peak = peak.max(row.equity);
        if peak.is_positive() {
            max_drawdown = max_drawdown.max((peak - row.equity).get() / peak.get());
        }
        last = Some(row);
        Ok(())
    });
    if let Err(fault) = read {
        tracing::error!("the journal's figures could not be read: {fault}");
    }
    SessionMetrics::of_last_row(last.as_ref(), desk.start_balance, totals, max_drawdown, restarts, seconds)
}
