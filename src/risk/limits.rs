//! The limits as plain data.

use rust_decimal::Decimal;

use crate::domain::{Bps, Money, Span};

/// What a reached daily-loss limit blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DailyLossBlocks {
    /// Entries only: a losing position can still be closed.
    #[default]
    Entries,
    /// Every order, exits included: the runbook's letter, which also traps a losing position.
    All,
}

/// The limits of a session. `None` means not checked. Amounts are in quote currency.
///
/// Blocked above a limit (`observed > max`); the daily-loss limits block from the limit on
/// (`loss >= limit`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskLimits {
    /// Largest notional of one order.
    pub max_order_notional: Option<Money>,
    /// Largest worst-case notional of one symbol: held, resting, unacknowledged, unknown, new.
    pub max_symbol_exposure_notional: Option<Money>,
    /// Largest sum of the symbols' worst-case notionals.
    pub max_total_exposure_notional: Option<Money>,
    /// Most symbols that may have a position or an open order at the same time.
    pub max_open_positions: Option<u32>,
    /// Largest loss since the start of the UTC day.
    pub max_daily_loss_abs: Option<Money>,
    /// The same in per cent of the equity at the start of the UTC day.
    pub max_daily_loss_pct: Option<Decimal>,
    /// What the two daily-loss limits block.
    pub daily_loss_blocks: DailyLossBlocks,
    /// Furthest distance of an entry's limit or stop price from the mark, in per cent of the mark.
    pub price_collar_pct: Option<Decimal>,
    /// Oldest mark that an entry may be decided on.
    pub max_price_age: Option<Span>,
    /// Most orders within one second of session time.
    pub max_orders_per_second: Option<u32>,
    /// An entry equal to one approved less than this ago is a duplicate; nought switches it off.
    pub duplicate_window: Span,
}

impl RiskLimits {
    /// Nothing checked but what is never optional: validity, a price, reduce-only, ids.
    pub const UNCHECKED: Self = Self {
        max_order_notional: None,
        max_symbol_exposure_notional: None,
        max_total_exposure_notional: None,
        max_open_positions: None,
        max_daily_loss_abs: None,
        max_daily_loss_pct: None,
        daily_loss_blocks: DailyLossBlocks::Entries,
        price_collar_pct: None,
        max_price_age: None,
        max_orders_per_second: None,
        duplicate_window: Span::ZERO,
    };
}

/// What an order is assumed to cost when it is valued before it trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CostAssumption {
    /// Fee of a taker, of the notional.
    pub taker_fee: Bps,
    /// How far a market order trades from the mark.
    pub slippage: Bps,
}
