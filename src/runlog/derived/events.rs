//! One row a step.

use super::super::error::RunLogError;
use super::table::{Cell, Kind, Table, TableWriter, required};
use crate::messages::StepRow;

/// The columns of the old system in their order, then ours (`extra_…`).
pub(super) static TABLE: Table = Table {
    name: "events",
    columns: &[
        required("step", Kind::Int),
        required("ts_bar", Kind::Time),
        required("ts_event", Kind::Time),
        required("price", Kind::Float),
        required("open", Kind::Float),
        required("high", Kind::Float),
        required("low", Kind::Float),
        required("close", Kind::Float),
        required("volume", Kind::Float),
        required("position_size", Kind::Float),
        required("cash", Kind::Float),
        required("equity", Kind::Float),
        required("realized_pnl", Kind::Float),
        required("unrealized_pnl", Kind::Float),
        required("signal", Kind::Tiny),
        required("signal_changed", Kind::Bool),
        required("orders_generated", Kind::Int),
        required("orders_filled", Kind::Int),
        required("orders_rejected", Kind::Int),
        required("orders_blocked", Kind::Int),
        required("risk_allowed", Kind::Bool),
        required("risk_reasons", Kind::Text),
        required("extra_gap_before", Kind::Int),
        required("extra_fees", Kind::Float),
    ],
};

pub(super) fn put(table: &mut TableWriter<'_>, row: &StepRow) -> Result<(), RunLogError> {
    let reasons = row.risk_reasons.join("; ");
    table.row(&[
        Cell::count(row.step),
        Cell::Time(row.bar.open_time),
        Cell::Time(row.ts_event),
        Cell::Float(row.bar.close.to_f64()),
        Cell::Float(row.bar.open.to_f64()),
        Cell::Float(row.bar.high.to_f64()),
        Cell::Float(row.bar.low.to_f64()),
        Cell::Float(row.bar.close.to_f64()),
        Cell::Float(row.bar.volume.to_f64()),
        Cell::Float(row.position.to_f64()),
        Cell::Float(row.cash.to_f64()),
        Cell::Float(row.equity.to_f64()),
        Cell::Float(row.realized_pnl.to_f64()),
        Cell::Float(row.unrealized_pnl.to_f64()),
        Cell::Tiny(row.signal.as_i8()),
        Cell::Bool(row.signal_changed),
        Cell::Int(row.orders_generated.into()),
        Cell::Int(row.orders_filled.into()),
        Cell::Int(row.orders_rejected.into()),
        Cell::Int(row.orders_blocked.into()),
        Cell::Bool(row.orders_blocked == 0 && row.risk_reasons.is_empty()),
        Cell::Text(&reasons),
        Cell::Int(row.gap_before.into()),
        Cell::Float(row.fees.to_f64()),
    ])
}
