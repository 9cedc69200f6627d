//! What a session amounts to: the runbook's figures.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::{Money, Quantity, RunId};
use crate::messages::StepRow;
use crate::risk::RiskStage;

/// The figures at the end of a session, with the runbook's names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionMetrics {
    /// Bars processed after the warm-up.
    pub steps: u64,
    /// Inputs that arrived, warm-up and dropped ones included.
    pub inputs: u64,
    /// Orders decided.
    pub total_orders_generated: u64,
    /// Orders filled completely.
    pub orders_executed: u64,
    /// Orders denied by a risk limit.
    pub orders_blocked_risk: u64,
    /// Orders stopped at the gate.
    pub orders_blocked_safety: u64,
    /// Orders refused by the venue.
    pub orders_rejected: u64,
    /// Orders cancelled or expired.
    pub orders_cancelled: u64,
    /// Trades of ours.
    pub fills: u64,
    /// Orders executed / orders generated, 0 to 1; 0 when there were none.
    pub fill_rate: f64,
    /// Realised profit and loss before fees, quote currency.
    pub realized_pnl: Money,
    /// Unrealised profit and loss at the last mark, quote currency.
    pub unrealized_pnl: Money,
    /// Fees paid, quote currency.
    pub fees_paid: Money,
    /// Realised + unrealised − fees, quote currency.
    pub net_pnl: Money,
    /// Cash + position × last mark, quote currency.
    pub equity: Money,
    /// Largest fall of equity from its peak, as a fraction of the peak (0.05 = 5 %).
    pub max_drawdown: Decimal,
    /// Signed position, base currency.
    pub current_position: Quantity,
    /// The strategy's last word: −1, 0, +1.
    pub last_signal: i8,
    /// Restarts of the strategy.
    pub strategy_restarts: u32,
    /// Wall-clock seconds from start to end.
    pub duration_seconds: f64,
}

impl SessionMetrics {
    /// The figures of a risk stage at the end of its session.
    #[must_use]
    pub fn of(stage: &RiskStage, restarts: u32, duration_seconds: f64) -> Self {
        let totals = stage.totals();
        let core = stage.core();
        let account = core.account();
        let fill_rate =
            if totals.generated == 0 { 0.0 } else { totals.filled as f64 / totals.generated as f64 };
        let unrealized_pnl = core.unrealized_pnl();
        Self {
            steps: stage.steps(),
            inputs: stage.last_input().0,
            total_orders_generated: totals.generated,
            orders_executed: totals.filled,
            orders_blocked_risk: totals.blocked_risk,
            orders_blocked_safety: totals.blocked_safety,
            orders_rejected: totals.rejected,
            orders_cancelled: totals.cancelled,
            fills: totals.fills,
            fill_rate,
            realized_pnl: account.realized_pnl(),
            unrealized_pnl,
            fees_paid: account.fees(),
            net_pnl: account.realized_pnl() + unrealized_pnl - account.fees(),
            equity: core.equity(),
            max_drawdown: core.max_drawdown().fraction,
            current_position: core.position(stage.symbol()),
            last_signal: stage.desired().as_i8(),
            strategy_restarts: restarts,
            duration_seconds,
        }
    }
}

impl SessionMetrics {
    /// What the last row of a journal and the sums over its rows prove, when the account itself
    /// is gone. `totals` are orders generated, filled, blocked and rejected.
    #[must_use]
    pub fn of_last_row(
        row: Option<&StepRow>,
        start_balance: Money,
        totals: (u64, u64, u64, u64),
        max_drawdown: Decimal,
        restarts: u32,
        seconds: f64,
    ) -> Self {
        let (generated, executed, blocked, rejected) = totals;
        let fill_rate = if generated == 0 { 0.0 } else { executed as f64 / generated as f64 };
        let money = |of: fn(&StepRow) -> Money| row.map(of).unwrap_or_default();
        Self {
            steps: row.map_or(0, |row| row.step),
            inputs: row.map_or(0, |row| row.input),
            total_orders_generated: generated,
            orders_executed: executed,
            orders_blocked_risk: blocked,
            orders_blocked_safety: 0,
            orders_rejected: rejected,
            orders_cancelled: 0,
            fills: executed,
            fill_rate,
            realized_pnl: money(|row| row.realized_pnl),
            unrealized_pnl: money(|row| row.unrealized_pnl),
            fees_paid: money(|row| row.fees),
            net_pnl: money(|row| row.realized_pnl + row.unrealized_pnl - row.fees),
            equity: row.map_or(start_balance, |row| row.equity),
            max_drawdown,
            current_position: row.map(|row| row.position).unwrap_or_default(),
            last_signal: row.map_or(0, |row| row.signal.as_i8()),
            strategy_restarts: restarts,
            duration_seconds: seconds,
        }
    }
}

/// A session's result as printed with `--json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionReport {
    /// The run's id.
    pub run_id: RunId,
    /// Its folder.
    pub run_dir: String,
    /// Run state: completed, stopped, failed, killed.
    pub status: String,
    /// Why it ended.
    pub exit_reason: String,
    /// What was traded.
    pub symbol: String,
    /// Bar length.
    pub timeframe: String,
    /// Strategy key.
    pub strategy: String,
    /// Kind and content identity of the source.
    pub source: String,
    /// True for a synthetic market.
    pub is_synthetic: bool,
    /// Gaps found in the market data.
    pub data_gaps: u64,
    /// Inputs dropped: duplicates and late ones.
    pub data_dropped: u64,
    /// Inputs quarantined: impossible or absurd ones.
    pub data_quarantined: u64,
    /// The figures.
    #[serde(flatten)]
    pub metrics: SessionMetrics,
}
