//! The core of a session, built of settings: the same for a run, a replay and a bench.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use rust_decimal::Decimal;
use thiserror::Error;

use super::engine::Engine;
use crate::domain::{Bps, Instrument, Money, Span, Timeframe};
use crate::execution::{ExecutionStage, HaltGate, PaperParams, PaperParamsError, PaperVenue};
use crate::market::{AggregateError, MarketStage, SourceInfo, StageParams};
use crate::risk::{CostAssumption, RiskCore, RiskLimits, RiskStage, RiskStageParams};
use crate::strategy::{StrategyFactory, StrategyStage, panic_text};

/// Why a session cannot be built.
#[derive(Debug, Error)]
pub enum AssembleError {
    /// The source does not fit the timeframe.
    #[error(transparent)]
    Timeframe(#[from] AggregateError),
    /// A parameter of the paper venue makes no sense.
    #[error(transparent)]
    Paper(#[from] PaperParamsError),
    /// The strategy panicked before its first bar.
    #[error("the strategy could not be made, it panicked: {0}")]
    StrategyMaker(String),
    /// The configuration.
    #[error("{0}")]
    Settings(String),
}

/// Everything that a decision depends on, beside the inputs.
#[derive(Debug, Clone)]
pub struct CoreSettings {
    /// What is traded.
    pub instrument: Instrument,
    /// Bar length.
    pub timeframe: Timeframe,
    /// First bars that are no steps.
    pub warmup_candles: u64,
    /// End after so many steps.
    pub steps: Option<u64>,
    /// End after so much session time.
    pub duration: Option<Span>,
    /// Price jumps beyond this are quarantined, per cent.
    pub max_jump_pct: Decimal,
    /// So many inputs in a row make a new price level.
    pub level_confirmations: u32,
    /// Bars for which entries are held after a gap.
    pub gap_hold_bars: u32,
    /// Share of the equity that an entry is worth, 0 to 1.
    pub position_fraction: Decimal,
    /// Balance at the start, quote currency.
    pub start_balance: Money,
    /// Limits.
    pub limits: RiskLimits,
    /// Fee of resting orders.
    pub maker_fee: Bps,
    /// Fee of all others.
    pub taker_fee: Bps,
    /// How much worse than the market a taker trades.
    pub slippage: Bps,
    /// Share of a bar's volume that our orders get, 0 to 1.
    pub max_participation: Decimal,
    /// Simulated time until an order may trade.
    pub latency: Span,
    /// Decimals of a fee.
    pub fee_decimals: u32,
    /// Restarts of the strategy within its window.
    pub max_restarts: u32,
}

/// Builds the four stages on a paper venue behind `gate`.
///
/// # Errors
/// [`AssembleError`] when the parts do not fit together.
pub fn engine(
    settings: &CoreSettings,
    source: &SourceInfo,
    factory: StrategyFactory,
    gate: Arc<HaltGate>,
) -> Result<Engine, AssembleError> {
    let market = MarketStage::new(
        source,
        StageParams {
            timeframe: settings.timeframe,
            warmup_candles: settings.warmup_candles,
            steps: settings.steps,
            duration: settings.duration,
            max_jump_pct: settings.max_jump_pct,
            level_confirmations: settings.level_confirmations,
        },
    )?;
    let costs = CostAssumption { taker_fee: settings.taker_fee, slippage: settings.slippage };
    let core =
        RiskCore::new(settings.limits.clone(), vec![settings.instrument], settings.start_balance, costs);
    let risk = RiskStage::new(
        core,
        RiskStageParams {
            instrument: settings.instrument,
            position_fraction: settings.position_fraction,
            gap_hold_bars: settings.gap_hold_bars,
        },
    );
    let venue = PaperVenue::new(PaperParams {
        instrument: settings.instrument,
        maker_fee: settings.maker_fee,
        taker_fee: settings.taker_fee,
        slippage: settings.slippage,
        max_participation: settings.max_participation,
        latency: settings.latency,
        fee_decimals: settings.fee_decimals,
    })?;
    let symbol = settings.instrument.symbol;
    let strategy = std::panic::catch_unwind(AssertUnwindSafe(|| StrategyStage::new(factory, symbol)))
        .map_err(|payload| AssembleError::StrategyMaker(panic_text(&*payload)))?;
    Ok(Engine {
        market,
        strategy,
        risk,
        execution: ExecutionStage::new(gate, Box::new(venue)),
        max_restarts: settings.max_restarts,
    })
}
