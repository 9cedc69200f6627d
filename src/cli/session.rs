//! `peak session run`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use super::config::load_config;
use super::exit::{CliError, Exit};
use super::{GlobalArgs, output};
use crate::actors::gauges::SessionGauges;
use crate::execution::HaltGate;
use crate::messages::control::EndState;
use crate::session::metrics::SessionReport;
use crate::session::plan::{Plan, PlanError, RunLimits, plan};
use crate::session::run::{RunOptions, SessionError, run as run_session};
use crate::session::signals::SignalServer;
use crate::strategy::registry;

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// Runs one shadow session to its end, or until it is stopped
    Run(Box<RunArgs>),
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// shadow; testnet comes with the exchange client; live is locked
    #[arg(long, default_value = "shadow", value_name = "MODE")]
    mode: String,
    /// Strategy key, see --list-strategies
    #[arg(long, short)]
    strategy: Option<String>,
    /// Trading pair, as in BTC/EUR
    #[arg(long)]
    symbol: Option<String>,
    /// Bar length: 1m, 5m, 15m, 30m, 1h, 4h, 1d
    #[arg(long, short)]
    timeframe: Option<String>,
    /// Market data: synthetic, or replay:PATH of a .csv or .parquet file
    #[arg(long)]
    source: Option<String>,
    /// max, realtime, or a multiple of real time as in 60x
    #[arg(long)]
    speed: Option<String>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// End after so many bars that count
    #[arg(long, value_name = "BARS")]
    steps: Option<u64>,
    /// End after so many minutes of session time; --steps wins
    #[arg(long, value_name = "MINUTES")]
    duration: Option<u64>,
    /// First bars that only warm up the strategy
    #[arg(long, value_name = "BARS")]
    warmup_candles: Option<u64>,
    /// What an entry is worth, as a fraction of equity (0.1 is 10 %)
    #[arg(long, value_name = "FRACTION", allow_negative_numbers = true)]
    position_fraction: Option<String>,
    /// Balance at the start, in quote currency
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    start_balance: Option<String>,
    /// How often a source that has to be asked is asked, in seconds
    #[arg(long, value_name = "SECONDS")]
    poll_interval: Option<u64>,
    /// Remark for the record
    #[arg(long, default_value = "")]
    notes: String,
    /// Labels for the record, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
    /// Checks and builds everything, runs nothing, leaves nothing
    #[arg(long)]
    dry_run: bool,
    /// Lists the strategies with their parameters
    #[arg(long)]
    list_strategies: bool,
    /// Writes no registry record
    #[arg(long)]
    no_registry: bool,
    /// error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl RunArgs {
    /// The flags that are configuration values: flag, dotted key, value.
    fn settings(&self) -> Vec<(&'static str, String, String)> {
        let number = |n: Option<u64>| n.map(|n| n.to_string());
        let flags = [
            ("--strategy", "shadow_paper.strategy", self.strategy.clone()),
            ("--symbol", "shadow_paper.symbol", self.symbol.clone()),
            ("--timeframe", "shadow_paper.timeframe", self.timeframe.clone()),
            ("--source", "shadow_paper.source", self.source.clone()),
            ("--speed", "shadow_paper.speed", self.speed.clone()),
            ("--seed", "shadow_paper.seed", number(self.seed)),
            ("--warmup-candles", "shadow_paper.warmup_candles", number(self.warmup_candles)),
            ("--position-fraction", "shadow_paper.position_fraction", self.position_fraction.clone()),
            ("--start-balance", "shadow_paper.start_balance", self.start_balance.clone()),
            ("--poll-interval", "shadow_paper.poll_interval_seconds", number(self.poll_interval)),
            ("--log-level", "logging.level", self.log_level.clone()),
        ];
        let given = flags.into_iter().filter_map(|(flag, key, value)| Some((flag, key.to_owned(), value?)));
        given.collect()
    }
}

pub(super) fn run(global: &GlobalArgs, command: SessionCommand) -> Result<Exit, CliError> {
    let SessionCommand::Run(args) = command;
    if args.list_strategies {
        return list_strategies(global.json);
    }
    match args.mode.as_str() {
        "shadow" => {}
        "live" => {
            return Err(CliError::usage(
                "LiveModeNotAllowedError: live trading is locked in this build; run --mode shadow",
            ));
        }
        "testnet" => {
            return Err(CliError::usage(
                "--mode testnet is not in this build yet: it comes with the exchange client. Run --mode shadow, \
                 or replay recorded data with --source replay:FILE.csv",
            ));
        }
        other => {
            return Err(CliError::usage(format!("--mode {other}: allowed: shadow, testnet; live is locked")));
        }
    }
    // Signals before anything else: what arrives while the session is built is kept for it.
    let gate = HaltGate::new();
    let signals = SignalServer::install(Arc::clone(&gate))
        .map_err(|e| CliError::failed(format!("signal handlers could not be installed: {e}")))?;
    let config = load_config(global, args.settings()).map_err(CliError::usage)?;
    if config.text("environment.mode") != "paper" {
        return Err(CliError::usage(
            "a shadow session needs environment.mode = \"paper\"; this configuration says testnet (use another \
             --config, or --set environment.mode=paper)",
        ));
    }
    output::init_logging(config.text("logging.level"));
    let limits =
        RunLimits { steps: args.steps, duration_minutes: args.duration.filter(|_| args.steps.is_none()) };
    let plan = plan(config, limits).map_err(plan_error)?;
    for note in &plan.source.info().notes {
        tracing::info!("[DATA] {note}");
    }
    if args.dry_run {
        return dry_run(global.json, &plan);
    }
    let gauges = Arc::new(SessionGauges::default());
    let options = RunOptions {
        gate,
        notes: args.notes.clone(),
        tags: args.tags.clone(),
        no_registry: args.no_registry,
        cli_args: std::env::args().collect(),
        gauges: Arc::clone(&gauges),
        ..RunOptions::new()
    };
    let watcher = Watcher::start(&plan, gauges);
    let outcome = run_session(plan, options, |control| signals.attach(control));
    watcher.stop();
    report(global.json, outcome)
}

fn plan_error(error: PlanError) -> CliError {
    match error {
        PlanError::Source(_) => CliError::failed(error),
        _ => CliError::usage(error),
    }
}

fn report(json: bool, outcome: Result<SessionReport, SessionError>) -> Result<Exit, CliError> {
    let report = outcome.map_err(CliError::failed)?;
    tracing::info!("Shutdown complete");
    let text =
        if json { serde_json::to_string_pretty(&report).map_err(CliError::failed)? } else { table(&report) };
    output::answer(&text)?;
    if report.metrics.steps == 0 {
        output::complain(&format!(
            "no bar counted: {} inputs arrived, {} were dropped, {} quarantined, and the first bars only warm up \
             (--warmup-candles)",
            report.metrics.inputs, report.data_dropped, report.data_quarantined
        ));
    }
    Ok(match report.status.as_str() {
        status if status == EndState::Killed.as_str() => Exit::Killed,
        status if status == EndState::Failed.as_str() => {
            output::complain(&format!("the session failed: {}", report.exit_reason));
            Exit::Failed
        }
        _ => Exit::Done,
    })
}

fn table(report: &SessionReport) -> String {
    let m = &report.metrics;
    let quote = report.symbol.split_once('/').map_or("", |(_, quote)| quote);
    let base = report.symbol.split_once('/').map_or("", |(base, _)| base);
    let money = |amount: crate::domain::Money| format!("{} {quote}", amount.rounded(2));
    let percent = |fraction: f64| format!("{:.2} %", fraction * 100.0);
    let source = if report.is_synthetic { "SYNTHETIC" } else { "recorded" };
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    let rows = [
        ("status", format!("{} ({})", report.status, report.exit_reason)),
        ("session", format!("{} {} {}, {source} data", report.strategy, report.symbol, report.timeframe)),
        ("steps", m.steps.to_string()),
        (
            "data",
            format!(
                "{} gaps, {} dropped, {} quarantined",
                report.data_gaps, report.data_dropped, report.data_quarantined
            ),
        ),
        ("total_orders_generated", m.total_orders_generated.to_string()),
        ("orders_executed", m.orders_executed.to_string()),
        ("orders_blocked_risk", m.orders_blocked_risk.to_string()),
        ("orders_rejected", m.orders_rejected.to_string()),
        ("fill_rate", percent(m.fill_rate)),
        ("realized_pnl", money(m.realized_pnl)),
        ("unrealized_pnl", money(m.unrealized_pnl)),
        ("fees_paid", money(m.fees_paid)),
        ("net_pnl", money(m.net_pnl)),
        ("equity", money(m.equity)),
        ("max_drawdown", percent(crate::domain::exact_f64(m.max_drawdown))),
        ("current_position", format!("{} {base}", m.current_position)),
        ("duration", format!("{:.2} s", m.duration_seconds)),
    ];
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\nrun folder: {}", report.run_dir)
}

fn dry_run(json: bool, plan: &Plan) -> Result<Exit, CliError> {
    let gate = HaltGate::new();
    crate::session::assemble::engine(&plan.settings, plan.source.info(), plan.factory.clone(), gate)
        .map_err(CliError::usage)?;
    let text = if json {
        json!({
            "dry_run": true,
            "strategy": plan.strategy.key,
            "symbol": plan.settings.instrument.symbol,
            "timeframe": plan.settings.timeframe,
            "source": plan.header.source,
        })
        .to_string()
    } else {
        format!(
            "dry run: {} on {} {}, source {}: everything fits; nothing was run",
            plan.strategy.key, plan.settings.instrument.symbol, plan.settings.timeframe, plan.header.source
        )
    };
    output::answer(&text)?;
    Ok(Exit::Done)
}

fn list_strategies(json: bool) -> Result<Exit, CliError> {
    if json {
        let list: Vec<Value> = registry()
            .iter()
            .map(|spec| {
                let parameters: Vec<Value> = spec
                    .parameters
                    .iter()
                    .map(|p| json!({"name": p.name, "default": p.default.to_string(), "allowed": p.kind.to_string(), "unit": p.unit, "doc": p.doc}))
                    .collect();
                json!({"key": spec.key, "title": spec.title, "tier": spec.tier.as_str(), "summary": spec.summary, "parameters": parameters})
            })
            .collect();
        output::answer(&serde_json::to_string_pretty(&list).map_err(CliError::failed)?)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for spec in registry() {
        text.push_str(&format!("{} ({}): {}\n", spec.key, spec.tier.as_str(), spec.summary));
        for p in spec.parameters {
            text.push_str(&format!("    {} = {}  {} ({})\n", p.name, p.default, p.doc, p.kind));
        }
    }
    output::answer(&text)?;
    Ok(Exit::Done)
}

/// Moves the progress bar while a session runs.
struct Watcher {
    over: std::sync::mpsc::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watcher {
    fn start(plan: &Plan, gauges: Arc<SessionGauges>) -> Self {
        let limit = plan.settings.steps.map(|steps| steps.saturating_add(plan.settings.warmup_candles));
        let length = [limit, plan.source.info().expected_events].into_iter().flatten().min();
        let label = if plan.source.info().is_synthetic { "inputs (SYNTHETIC)" } else { "inputs" };
        let (over, ended) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let bar = output::progress_bar(length).with_message(label);
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) =
                ended.recv_timeout(Duration::from_millis(50))
            {
                bar.set_position(gauges.inputs.load(Ordering::Relaxed));
            }
            bar.finish_and_clear();
        });
        Self { over, thread: Some(thread) }
    }

    fn stop(mut self) {
        let _ = self.over.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
