//! From configuration to everything a session needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::assemble::{AssembleError, CoreSettings, engine};
use super::crew::CrewParams;
use super::engine::Engine;
use super::schema::{parameters, schema};
use crate::actors::guardian::GuardianParams;
use crate::actors::lane::Chaos;
use crate::actors::logger::CommitPolicy;
use crate::actors::restart::RestartIntensity;
use crate::config::{Config, Layers, load};
use crate::domain::{Bps, Instrument, Price, Quantity, Span, Symbol, Timeframe, Timestamp, VolumeUnit};
use crate::execution::HaltGate;
use crate::market::{
    Granularity, Source, SourceError, SourceInfo, SourceSpec, SpecError, Speed, SyntheticParams,
};
use crate::messages::SessionHeader;
use crate::risk::{DailyLossBlocks, RiskLimits};
use crate::strategy::{StrategyFactory, StrategySpec, find};

/// Version of the decision records and of what is derived from them.
pub const SCHEMA_VERSION: u32 = 1;

/// The sections of the configuration that a decision may depend on.
const DECIDING: [&str; 7] =
    ["environment", "shadow_paper", "live_risk", "paper_venue", "data_quality", "instrument", "strategy"];

/// Why a session cannot be planned.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A value of the configuration or of a flag.
    #[error("{0}")]
    Value(String),
    /// The source is not named as it must be.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The source cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The parts do not fit together.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
}

/// Limits of one run that are flags only.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLimits {
    /// End after so many steps.
    pub steps: Option<u64>,
    /// End after so many minutes of session time.
    pub duration_minutes: Option<u64>,
}

/// A session, planned.
pub struct Plan {
    /// The configuration in force.
    pub config: Config,
    /// What decides.
    pub settings: CoreSettings,
    /// The strategy.
    pub strategy: &'static StrategySpec,
    /// Makes the strategy.
    pub factory: StrategyFactory,
    /// Where events come from, opened.
    pub source: Box<dyn Source>,
    /// The session's speed.
    pub speed: Speed,
    /// First record of the journal.
    pub header: SessionHeader,
    /// Placement and supervision.
    pub crew: CrewParams,
}

/// Plans a session: checks every value, opens the source, builds nothing yet.
///
/// # Errors
/// [`PlanError`] names what does not fit.
pub fn plan(config: Config, limits: RunLimits) -> Result<Plan, PlanError> {
    let settings = core_settings(&config, limits)?;
    let strategy = find(config.text("shadow_paper.strategy")).map_err(value_error)?;
    let factory = factory(&config, strategy)?;
    let spec = SourceSpec::parse(config.text("shadow_paper.source"))?;
    let source = spec.open(&synthetic_params(&config, &settings)?)?;
    let speed: Speed = config.text("shadow_paper.speed").parse().map_err(value_error)?;
    let info = source.info();
    if let Granularity::Bars(native) = info.granularity
        && native.span() > settings.timeframe.span()
    {
        return Err(PlanError::Value(format!(
            "the source has {native} bars, the session wants {}: a source coarser than the timeframe cannot be \
             used; take --timeframe {native} or a finer source",
            settings.timeframe
        )));
    }
    let header = header(&config, &settings, limits, source.as_ref());
    let crew = crew_params(&config);
    Ok(Plan { config, settings, strategy, factory, source, speed, header, crew })
}

fn value_error(e: impl std::fmt::Display) -> PlanError {
    PlanError::Value(e.to_string())
}

/// Makes fresh instances of a configured strategy.
///
/// # Errors
/// The parameters do not fit.
pub fn factory(config: &Config, strategy: &'static StrategySpec) -> Result<StrategyFactory, PlanError> {
    let parameters = parameters(config, strategy.key);
    strategy.build(&parameters).map_err(value_error)?;
    #[expect(clippy::panic, reason = "cannot happen, and would be caught like any panic of a strategy")]
    Ok(Arc::new(move || match strategy.build(&parameters) {
        Ok(strategy) => strategy,
        // The same parameters were accepted a moment ago.
        Err(fault) => panic!("strategy {}: {fault}", strategy.key),
    }))
}

fn header(config: &Config, settings: &CoreSettings, limits: RunLimits, source: &dyn Source) -> SessionHeader {
    let info = source.info();
    let mut values = config.settings(&DECIDING);
    // Only the strategy in use decides; a composite uses the others' sections.
    let strategy = config.text("shadow_paper.strategy").to_owned();
    if strategy != "composite" {
        let own = format!("strategy.{strategy}.");
        values.retain(|key, _| !key.starts_with("strategy.") || key.starts_with(&own));
    }
    let own = format!("instrument.{}.", settings.instrument.symbol);
    values.retain(|key, _| !key.starts_with("instrument.") || key.starts_with(&own));
    // A path names nothing that decides; the source's identity does.
    for key in ["shadow_paper.source", "shadow_paper.speed", "shadow_paper.poll_interval_seconds"] {
        values.remove(key);
    }
    let number = |n: Option<u64>| n.map_or_else(|| "none".to_owned(), |n| n.to_string());
    values.insert("run.steps".to_owned(), number(limits.steps));
    values.insert("run.duration_minutes".to_owned(), number(limits.duration_minutes));
    values.insert(
        "source.granularity".to_owned(),
        match info.granularity {
            Granularity::Ticks => "ticks".to_owned(),
            Granularity::Bars(timeframe) => timeframe.to_string(),
        },
    );
    SessionHeader {
        schema_version: SCHEMA_VERSION,
        instrument: settings.instrument,
        timeframe: settings.timeframe,
        strategy,
        settings: values,
        source: info.identity.clone(),
        seed: config.count("shadow_paper.seed"),
        start_balance: settings.start_balance,
    }
}

/// What a recorded run was configured with: its configuration, its limits, and the granularity
/// of its source.
///
/// # Errors
/// This binary does not know a recorded key or value.
pub fn recorded(header: &SessionHeader) -> Result<(Config, RunLimits, Granularity), AssembleError> {
    let fault = AssembleError::Settings;
    if header.schema_version != SCHEMA_VERSION {
        return Err(fault(format!(
            "schema version {} is not {SCHEMA_VERSION}, which this binary writes",
            header.schema_version
        )));
    }
    let mut values: BTreeMap<String, String> = header.settings.clone();
    let mut own =
        |key: &str| values.remove(key).ok_or_else(|| fault(format!("{key} is missing in the header")));
    let number = |key: &str, text: String| match text.as_str() {
        "none" => Ok(None),
        digits => digits.parse().map(Some).map_err(|e| fault(format!("{key}: {e}"))),
    };
    let steps = number("run.steps", own("run.steps")?)?;
    let duration_minutes = number("run.duration_minutes", own("run.duration_minutes")?)?;
    let granularity = match own("source.granularity")?.as_str() {
        "ticks" => Granularity::Ticks,
        text => Granularity::Bars(text.parse().map_err(|e| fault(format!("source.granularity: {e}")))?),
    };
    let set = values.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let config = load(&schema(), &Layers { set, ..Layers::default() }).map_err(|e| fault(e.to_string()))?;
    Ok((config, RunLimits { steps, duration_minutes }, granularity))
}

/// Rebuilds the stages of a recorded run from its header.
///
/// # Errors
/// This binary does not know a recorded key or value.
pub fn engine_of_header(header: &SessionHeader, gate: Arc<HaltGate>) -> Result<Engine, AssembleError> {
    let (config, limits, granularity) = recorded(header)?;
    let settings = |e: &dyn std::fmt::Display| AssembleError::Settings(e.to_string());
    let core = core_settings(&config, limits).map_err(|e| settings(&e))?;
    let strategy = find(&header.strategy).map_err(|e| settings(&e))?;
    let factory = factory(&config, strategy).map_err(|e| settings(&e))?;
    let source = SourceInfo {
        kind: "journal",
        identity: header.source.clone(),
        symbol: None,
        granularity,
        volume_unit: VolumeUnit::Base,
        is_synthetic: false,
        real_time: false,
        expected_events: None,
        notes: Vec::new(),
    };
    engine(&core, &source, factory, gate)
}

/// What decides, of a configuration.
///
/// # Errors
/// A value that the schema allows but the parts do not.
pub fn core_settings(config: &Config, limits: RunLimits) -> Result<CoreSettings, PlanError> {
    let symbol: Symbol = config.text("shadow_paper.symbol").parse().map_err(value_error)?;
    let timeframe: Timeframe = config.text("shadow_paper.timeframe").parse().map_err(value_error)?;
    let minutes = |n: u64| Span::from_secs(i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(60));
    let bps = |key: &str| Bps(config.decimal(key));
    Ok(CoreSettings {
        instrument: instrument(config, symbol),
        timeframe,
        warmup_candles: config.count("shadow_paper.warmup_candles"),
        steps: limits.steps,
        duration: limits.duration_minutes.map(minutes),
        max_jump_pct: config.decimal("data_quality.max_jump_pct"),
        level_confirmations: config.small("data_quality.level_confirmations"),
        gap_hold_bars: config.small("data_quality.gap_hold_bars"),
        position_fraction: config.decimal("shadow_paper.position_fraction"),
        start_balance: config.money("shadow_paper.start_balance"),
        limits: risk_limits(config, timeframe),
        maker_fee: bps("paper_venue.maker_fee_bps"),
        taker_fee: bps("paper_venue.taker_fee_bps"),
        slippage: bps("paper_venue.slippage_bps"),
        max_participation: config.decimal("paper_venue.max_participation"),
        latency: config.millis("paper_venue.latency_ms"),
        fee_decimals: config.small("paper_venue.fee_decimals"),
        max_restarts: config.small("actors.restart_max"),
    })
}

fn risk_limits(config: &Config, timeframe: Timeframe) -> RiskLimits {
    let seconds = i64::try_from(config.count("live_risk.duplicate_window_seconds")).unwrap_or(i64::MAX);
    let age = timeframe.span().times(i64::from(config.small("live_risk.max_price_age_bars")));
    RiskLimits {
        max_order_notional: Some(config.money("live_risk.max_order_notional")),
        max_symbol_exposure_notional: Some(config.money("live_risk.max_symbol_exposure_notional")),
        max_total_exposure_notional: Some(config.money("live_risk.max_total_exposure_notional")),
        max_open_positions: Some(config.small("live_risk.max_open_positions")),
        max_daily_loss_abs: Some(config.money("live_risk.max_daily_loss_abs")),
        max_daily_loss_pct: Some(config.decimal("live_risk.max_daily_loss_pct")),
        daily_loss_blocks: match config.text("live_risk.daily_loss_blocks") {
            "all" => DailyLossBlocks::All,
            _ => DailyLossBlocks::Entries,
        },
        price_collar_pct: Some(config.decimal("live_risk.price_collar_pct")),
        max_price_age: Some(age),
        max_orders_per_second: Some(config.small("live_risk.max_orders_per_second")),
        duplicate_window: Span::from_secs(seconds),
    }
}

fn instrument(config: &Config, symbol: Symbol) -> Instrument {
    let key = |name: &str| format!("instrument.{symbol}.{name}");
    // A symbol without a section of its own takes eight decimals and no minimums.
    let step = rust_decimal::Decimal::new(1, 8);
    let or_step = |name: &str| config.get(&key(name)).map_or(step, |_| config.decimal(&key(name)));
    let notional = key("min_notional");
    Instrument {
        symbol,
        tick_size: Price(or_step("tick_size")),
        lot_size: Quantity(or_step("lot_size")),
        min_quantity: Quantity(or_step("min_quantity")),
        min_notional: config.get(&notional).map_or_else(Default::default, |_| config.money(&notional)),
    }
}

fn synthetic_params(config: &Config, settings: &CoreSettings) -> Result<SyntheticParams, PlanError> {
    let float = |key: &str| crate::domain::exact_f64(config.decimal(key));
    let start =
        chrono::DateTime::parse_from_rfc3339(config.text("synthetic.start_time")).map_err(value_error)?;
    let bars = config.count("shadow_paper.bars");
    Ok(SyntheticParams {
        seed: config.count("shadow_paper.seed"),
        start_price: Price(config.decimal("synthetic.start_price")),
        tick_size: Price(config.decimal("synthetic.tick_size")),
        base_volume: Quantity(config.decimal("synthetic.base_volume")),
        volatility_pct: float("synthetic.volatility_pct"),
        jump_probability: float("synthetic.jump_probability"),
        jump_pct: float("synthetic.jump_pct"),
        granularity: match config.text("synthetic.granularity") {
            "ticks" => Granularity::Ticks,
            _ => Granularity::Bars(settings.timeframe),
        },
        ticks_per_bar: config.small("synthetic.ticks_per_bar"),
        start_time: Timestamp::from_datetime(start.to_utc()),
        timeframe: settings.timeframe,
        bars: (bars > 0).then_some(bars),
    })
}

fn crew_params(config: &Config) -> CrewParams {
    let millis = |key: &str| Duration::from_millis(config.count(key));
    let seconds = |key: &str| Duration::from_secs(config.count(key));
    let size = |key: &str| usize::try_from(config.count(key)).unwrap_or(usize::MAX);
    CrewParams {
        arbiters: size("actors.arbiters"),
        lane_capacity: size("actors.lane_capacity"),
        batch_max: size("actors.batch_max"),
        guardian: GuardianParams {
            intensity: RestartIntensity::new(
                config.small("actors.restart_max"),
                seconds("actors.restart_window_seconds"),
                millis("actors.restart_backoff_ms"),
                millis("actors.restart_backoff_max_ms"),
            ),
            heartbeat_interval: millis("actors.heartbeat_interval_ms"),
            missed_heartbeats: config.small("actors.missed_heartbeats"),
            stop_timeout: seconds("actors.stop_timeout_seconds"),
            poison_timeout: millis("actors.poison_timeout_ms"),
        },
        commit: CommitPolicy {
            interval: millis("shadow_paper_logging.commit_interval_ms"),
            bytes: config.count("shadow_paper_logging.commit_bytes"),
        },
        chaos: Chaos::default(),
    }
}
