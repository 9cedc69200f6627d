//! One row an order, one row a fill.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::super::error::RunLogError;
use super::table::{Cell, Kind, Table, TableWriter, optional, required};
use crate::domain::{Money, OrderId, Price, Quantity, Side, Timestamp, exact_f64};
use crate::messages::{DecisionRecord, Fill, Liquidity, OrderIntent, OrderState, Purpose};

pub(super) static ORDERS: Table = Table {
    name: "orders",
    columns: &[
        required("order_id", Kind::Int),
        required("input", Kind::Int),
        required("decided_at", Kind::Time),
        required("symbol", Kind::Text),
        required("side", Kind::Text),
        required("type", Kind::Text),
        required("quantity", Kind::Float),
        optional("limit_price", Kind::Float),
        optional("stop_price", Kind::Float),
        required("time_in_force", Kind::Text),
        required("purpose", Kind::Text),
        required("reason", Kind::Text),
        optional("decision_price", Kind::Float),
        required("result", Kind::Text),
        required("filled_quantity", Kind::Float),
        optional("average_price", Kind::Float),
        required("fees", Kind::Float),
        // Average price against decision price; positive is worse for us.
        optional("slippage_bps", Kind::Float),
        optional("refusal", Kind::Text),
        required("updated_at", Kind::Time),
    ],
};

pub(super) static FILLS: Table = Table {
    name: "fills",
    columns: &[
        required("fill_id", Kind::Int),
        required("order_id", Kind::Int),
        required("ts", Kind::Time),
        required("symbol", Kind::Text),
        required("side", Kind::Text),
        required("quantity", Kind::Float),
        required("price", Kind::Float),
        required("notional", Kind::Float),
        required("fee", Kind::Float),
        required("liquidity", Kind::Text),
    ],
};

/// Records that the tables of orders and fills come from.
pub(super) fn is_trading(record: &DecisionRecord) -> bool {
    matches!(
        record,
        DecisionRecord::Intent { .. }
            | DecisionRecord::Refused { .. }
            | DecisionRecord::Order(_)
            | DecisionRecord::Fill(_)
    )
}

/// An order as far as the records told.
#[derive(Debug)]
struct OrderRow {
    intent: OrderIntent,
    state: OrderState,
    /// By the venue's updates.
    reported: Quantity,
    /// By fills.
    filled: Quantity,
    cost: Cost,
    fees: Money,
    refusal: Option<String>,
    updated_at: Timestamp,
}

/// Sum of price × quantity; falls back to floating point where 28 digits do not suffice.
#[derive(Debug, Clone, Copy)]
enum Cost {
    Exact(Decimal),
    Nearly(f64),
}

impl Cost {
    fn add(&mut self, price: Price, quantity: Quantity) {
        let exact = match (*self, price.notional(quantity)) {
            (Self::Exact(sum), Ok(notional)) => sum.checked_add(notional.get()),
            _ => None,
        };
        *self =
            exact.map_or_else(|| Self::Nearly(self.to_f64() + notional_f64(price, quantity)), Self::Exact);
    }

    fn to_f64(self) -> f64 {
        match self {
            Self::Exact(sum) => exact_f64(sum),
            Self::Nearly(sum) => sum,
        }
    }

    fn average(self, quantity: Quantity) -> Option<f64> {
        if quantity.is_zero() {
            return None;
        }
        Some(match self {
            Self::Exact(sum) => sum.checked_div(quantity.get()).map_or(f64::NAN, exact_f64),
            Self::Nearly(sum) => sum / quantity.to_f64(),
        })
    }
}

fn notional_f64(price: Price, quantity: Quantity) -> f64 {
    price.notional(quantity).map_or_else(|_| price.to_f64() * quantity.to_f64(), Money::to_f64)
}

/// Collects orders from records in canonical order.
#[derive(Debug, Default)]
pub(super) struct OrderBook {
    rows: BTreeMap<OrderId, OrderRow>,
    seen: BTreeSet<u64>,
}

impl OrderBook {
    /// Takes a record; returns the fill if it is one that was not seen before.
    pub(super) fn take(&mut self, record: DecisionRecord) -> Option<Fill> {
        match record {
            DecisionRecord::Intent { intent, sizing: _ } => {
                self.rows.entry(intent.id).or_insert_with(|| OrderRow {
                    state: OrderState::Pending,
                    reported: Quantity::ZERO,
                    filled: Quantity::ZERO,
                    cost: Cost::Exact(Decimal::ZERO),
                    fees: Money::ZERO,
                    refusal: None,
                    updated_at: intent.decided_at,
                    intent,
                });
            }
            DecisionRecord::Refused { order_id, refusal } => {
                if let Some(row) = self.rows.get_mut(&order_id) {
                    row.state = refusal.result;
                    row.refusal = Some(refusal.to_string());
                }
            }
            DecisionRecord::Order(update) => {
                if let Some(row) = self.rows.get_mut(&update.order_id) {
                    row.state = update.state;
                    row.reported = update.filled;
                    row.updated_at = update.at;
                    if row.refusal.is_none() && is_refusal(update.state) && !update.reason.is_empty() {
                        row.refusal = Some(update.reason);
                    }
                }
            }
            DecisionRecord::Fill(fill) => {
                if !self.seen.insert(fill.fill_id) {
                    return None;
                }
                if let Some(row) = self.rows.get_mut(&fill.order_id) {
                    row.filled += fill.quantity;
                    row.cost.add(fill.price, fill.quantity);
                    row.fees += fill.fee;
                    row.updated_at = row.updated_at.max(fill.at);
                }
                return Some(fill);
            }
            _ => {}
        }
        None
    }

    /// Writes the rows by order id.
    pub(super) fn put(&self, table: &mut TableWriter<'_>) -> Result<(), RunLogError> {
        for row in self.rows.values() {
            let intent = &row.intent;
            let average = row.cost.average(row.filled);
            let price = |price: Option<Price>| Cell::float(price.map(Price::to_f64));
            table.row(&[
                Cell::count(intent.id.0),
                Cell::count(intent.input),
                Cell::Time(intent.decided_at),
                Cell::Text(intent.symbol.as_str()),
                Cell::Text(intent.side.as_str()),
                Cell::Text(intent.order_type.as_str()),
                Cell::Float(intent.quantity.to_f64()),
                price(intent.limit_price),
                price(intent.stop_price),
                Cell::Text(intent.time_in_force.as_str()),
                Cell::Text(match intent.purpose {
                    Purpose::Entry => "entry",
                    Purpose::Exit => "exit",
                }),
                Cell::Text(intent.reason.as_str()),
                price(intent.decision_price),
                Cell::Text(row.state.as_str()),
                Cell::Float(row.filled.max(row.reported).to_f64()),
                Cell::float(average),
                Cell::Float(row.fees.to_f64()),
                Cell::float(slippage_bps(intent, average)),
                row.refusal.as_deref().map_or(Cell::Missing, Cell::Text),
                Cell::Time(row.updated_at),
            ])?;
        }
        Ok(())
    }
}

fn is_refusal(state: OrderState) -> bool {
    matches!(
        state,
        OrderState::Invalid
            | OrderState::BlockedByGovernance
            | OrderState::BlockedByEnvironment
            | OrderState::BlockedBySafety
            | OrderState::BlockedByRisk
            | OrderState::Rejected
            | OrderState::Error
    )
}

fn slippage_bps(intent: &OrderIntent, average: Option<f64>) -> Option<f64> {
    let decision = intent.decision_price.filter(|price| price.is_positive())?.to_f64();
    let sign = match intent.side {
        Side::Buy => 1.0,
        Side::Sell => -1.0,
    };
    Some(sign * (average? - decision) / decision * 10_000.0)
}

pub(super) fn put_fill(table: &mut TableWriter<'_>, fill: &Fill) -> Result<(), RunLogError> {
    table.row(&[
        Cell::count(fill.fill_id),
        Cell::count(fill.order_id.0),
        Cell::Time(fill.at),
        Cell::Text(fill.symbol.as_str()),
        Cell::Text(fill.side.as_str()),
        Cell::Float(fill.quantity.to_f64()),
        Cell::Float(fill.price.to_f64()),
        Cell::Float(notional_f64(fill.price, fill.quantity)),
        Cell::Float(fill.fee.to_f64()),
        Cell::Text(match fill.liquidity {
            Liquidity::Maker => "maker",
            Liquidity::Taker => "taker",
        }),
    ])
}
