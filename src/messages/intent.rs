//! What is wanted of the market, before anybody approved it.

use serde::{Deserialize, Serialize};

use crate::domain::{OrderId, OrderType, Price, Quantity, Side, Symbol, TimeInForce, Timestamp};

/// Whether an order builds a position or takes one down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Opens or enlarges a position.
    Entry,
    /// Reduces or closes one; always reduce-only.
    Exit,
}

/// Why an intent exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentReason {
    /// Flat, wants to be long.
    EntryLong,
    /// Flat, wants to be short.
    EntryShort,
    /// Long, wants to be flat.
    ExitLong,
    /// Short, wants to be flat.
    ExitShort,
    /// Long, wants to be short: the close that comes first.
    CloseLong,
    /// Short, wants to be long: the close that comes first.
    CloseShort,
}

impl IntentReason {
    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EntryLong => "entry_long",
            Self::EntryShort => "entry_short",
            Self::ExitLong => "exit_long",
            Self::ExitShort => "exit_short",
            Self::CloseLong => "close_long",
            Self::CloseShort => "close_short",
        }
    }
}

/// An order that somebody wants. Worth nothing to a venue: only the risk core can make an
/// approved order of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderIntent {
    /// Its number within the run.
    pub id: OrderId,
    /// The input at which it was decided.
    pub input: u64,
    /// Session time of the decision.
    pub decided_at: Timestamp,
    /// The pair.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Base currency, positive.
    pub quantity: Quantity,
    /// Market, limit, stop, stop-limit.
    pub order_type: OrderType,
    /// For limit and stop-limit orders.
    pub limit_price: Option<Price>,
    /// For stop and stop-limit orders.
    pub stop_price: Option<Price>,
    /// How long it stays.
    pub time_in_force: TimeInForce,
    /// Refuse to take liquidity.
    pub post_only: bool,
    /// Never enlarge or flip a position.
    pub reduce_only: bool,
    /// Entry or exit.
    pub purpose: Purpose,
    /// Why it exists.
    pub reason: IntentReason,
    /// The mark at the decision; the reference for slippage. None when no price is known.
    pub decision_price: Option<Price>,
}
