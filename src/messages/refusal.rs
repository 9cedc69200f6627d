//! Refusals as values: which check said no, and to what.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::execution::OrderState;

/// The checks of the risk core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskCheck {
    /// Notional of one order, in quote currency.
    MaxOrderNotional,
    /// Worst-case notional of one symbol: held, resting, unacknowledged and new.
    MaxSymbolExposureNotional,
    /// Sum of all symbols' worst-case notionals.
    MaxTotalExposureNotional,
    /// Symbols with a position or an order that would open one.
    MaxOpenPositions,
    /// Loss since the start of the UTC day, in quote currency.
    MaxDailyLossAbs,
    /// The same in per cent of the day's opening equity.
    MaxDailyLossPct,
    /// Distance of a limit or stop price from the mark, in per cent.
    PriceCollar,
    /// Age of the mark, in seconds of session time.
    StalePrice,
    /// No usable mark for the symbol.
    PriceMissing,
    /// The same intent again (its id was seen, or an identical one within the window).
    DuplicateIntent,
    /// Orders within one second of session time.
    OrdersPerSecond,
    /// A reduce-only order that would enlarge or flip a position.
    ReduceOnly,
    /// The amounts do not fit exact arithmetic.
    Arithmetic,
}

impl RiskCheck {
    /// Its name in snake case, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxOrderNotional => "max_order_notional",
            Self::MaxSymbolExposureNotional => "max_symbol_exposure_notional",
            Self::MaxTotalExposureNotional => "max_total_exposure_notional",
            Self::MaxOpenPositions => "max_open_positions",
            Self::MaxDailyLossAbs => "max_daily_loss_abs",
            Self::MaxDailyLossPct => "max_daily_loss_pct",
            Self::PriceCollar => "price_collar_pct",
            Self::StalePrice => "max_price_age_seconds",
            Self::PriceMissing => "price_missing",
            Self::DuplicateIntent => "duplicate_intent",
            Self::OrdersPerSecond => "max_orders_per_second",
            Self::ReduceOnly => "reduce_only",
            Self::Arithmetic => "arithmetic",
        }
    }
}

impl fmt::Display for RiskCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the observed value broke the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    /// Blocked above the limit: `observed > limit`.
    Exceeded,
    /// Blocked from the limit on: `observed >= limit`.
    Reached,
}

/// One reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RiskReason {
    /// A limit was broken.
    Limit {
        /// Which.
        check: RiskCheck,
        /// What was seen.
        observed: Decimal,
        /// What is allowed.
        limit: Decimal,
        /// Above, or from the limit on.
        comparison: Comparison,
    },
    /// A check that knows no number.
    Failed {
        /// Which.
        check: RiskCheck,
        /// What was wrong.
        detail: String,
    },
}

impl RiskReason {
    /// Which check said no.
    #[must_use]
    pub const fn check(&self) -> RiskCheck {
        match self {
            Self::Limit { check, .. } | Self::Failed { check, .. } => *check,
        }
    }
}

impl fmt::Display for RiskReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { check, observed, limit, comparison } => {
                let (word, sign) = match comparison {
                    Comparison::Exceeded => ("exceeded", ">"),
                    Comparison::Reached => ("reached", ">="),
                };
                write!(f, "{check} {word} ({} {sign} {})", observed.normalize(), limit.normalize())
            }
            Self::Failed { check, detail } => write!(f, "{check}: {detail}"),
        }
    }
}

/// A refusal: the result it gives the order, and every reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `invalid`, `blocked_by_safety`, `blocked_by_risk`, …
    pub result: OrderState,
    /// Reasons of the risk core, worst first; empty for other refusals.
    pub reasons: Vec<RiskReason>,
    /// In words, for refusals that are not the risk core's.
    pub detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reasons.is_empty() {
            return f.write_str(&self.detail);
        }
        for (i, reason) in self.reasons.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{reason}")?;
        }
        Ok(())
    }
}
