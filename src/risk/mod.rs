//! Risk: the account, sizing, limits, and the one place that can approve an order.
//!
//! [`RiskCore`] owns everything: it values the [`Account`] at the marks it is told, counts what is
//! held, resting, unacknowledged and unknown, runs every check on an intent, and makes the
//! [`ApprovedOrder`] that a venue demands. It has no clock: session time comes with each call.

mod account;
mod approved;
mod checks;
mod core;
mod equity;
mod exact;
mod limits;
mod recent;
mod requests;
mod reserved;
mod sizing;
mod stage;
#[cfg(test)]
mod tests;

pub use account::{Account, AccountError, COST_DECIMALS, FillEffect};
pub use approved::ApprovedOrder;
pub use checks::{refusal_log_line, risk_log_line};
pub use core::RiskCore;
pub use equity::Drawdown;
pub use limits::{CostAssumption, DailyLossBlocks, RiskLimits};
pub use recent::ID_WINDOW;
pub use requests::{ExecutionReply, ExecutionRequest, OrderTotals, RiskStep};
pub use sizing::{MAX_EXIT_CHILDREN, Sized};
pub use stage::{RiskStage, RiskStageParams};
