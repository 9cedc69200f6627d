//! What happened to orders.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{Money, OrderId, Price, Quantity, Side, Symbol, Timestamp};

/// The state of an order; its text is the order result that operators see. Denied here
/// (`blocked_by_…`, `invalid`) and refused by the venue (`rejected`) are different things, and
/// what nobody proved is `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Decided; on its way through the checks.
    Pending,
    /// Malformed: off tick or lot, below a minimum, a price missing.
    Invalid,
    /// Locked by governance.
    BlockedByGovernance,
    /// Does not fit the environment's mode.
    BlockedByEnvironment,
    /// Kill switch, pause or session state.
    BlockedBySafety,
    /// A risk limit.
    BlockedByRisk,
    /// Handed to the venue, not acknowledged yet.
    Submitted,
    /// Checked by the venue (`validate=true`), not placed.
    Validated,
    /// Acknowledged by the venue and working.
    Success,
    /// Working, and partly filled.
    PartiallyFilled,
    /// Filled completely.
    Filled,
    /// Cancelled; may be partly filled.
    Cancelled,
    /// Its time in force ended; may be partly filled.
    Expired,
    /// Refused by the venue.
    Rejected,
    /// Nobody proved what became of it; counts as exposure until somebody does.
    Unknown,
    /// It could not be handed over, and provably was not.
    Error,
}

impl OrderState {
    /// All states.
    pub const ALL: [Self; 16] = [
        Self::Pending,
        Self::Invalid,
        Self::BlockedByGovernance,
        Self::BlockedByEnvironment,
        Self::BlockedBySafety,
        Self::BlockedByRisk,
        Self::Submitted,
        Self::Validated,
        Self::Success,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Cancelled,
        Self::Expired,
        Self::Rejected,
        Self::Unknown,
        Self::Error,
    ];

    /// The order result's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Invalid => "invalid",
            Self::BlockedByGovernance => "blocked_by_governance",
            Self::BlockedByEnvironment => "blocked_by_environment",
            Self::BlockedBySafety => "blocked_by_safety",
            Self::BlockedByRisk => "blocked_by_risk",
            Self::Submitted => "submitted",
            Self::Validated => "validated",
            Self::Success => "success",
            Self::PartiallyFilled => "partially_filled",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Error => "error",
        }
    }

    /// No further change is expected (a late fill may still correct a cancelled or expired one).
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(
            self,
            Self::Pending | Self::Submitted | Self::Success | Self::PartiallyFilled | Self::Unknown
        )
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a fill added or took liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// Rested in the book.
    Maker,
    /// Took what rested.
    Taker,
}

/// A trade of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Unique per venue and run; a repeated one is a duplicate and must not count twice.
    pub fill_id: u64,
    /// Whose fill.
    pub order_id: OrderId,
    /// The input that caused it.
    pub input: u64,
    /// Venue (exchange) time.
    pub at: Timestamp,
    /// The pair.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Base currency, positive.
    pub quantity: Quantity,
    /// Quote currency per unit.
    pub price: Price,
    /// Quote currency, positive when paid.
    pub fee: Money,
    /// Maker or taker.
    pub liquidity: Liquidity,
}

/// An order changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderUpdate {
    /// Whose change.
    pub order_id: OrderId,
    /// The input that caused it.
    pub input: u64,
    /// Session time.
    pub at: Timestamp,
    /// The state from now on.
    pub state: OrderState,
    /// Filled so far, base currency.
    pub filled: Quantity,
    /// Why, in words; empty when the state says it all.
    pub reason: String,
}

/// What a venue tells about our orders. A fill comes before the update that it causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VenueReport {
    /// A trade.
    Fill(Fill),
    /// A change of state.
    Update(OrderUpdate),
}
