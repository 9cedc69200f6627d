//! Our own orders: what was asked, what came back, what is left.

use std::collections::{BTreeMap, VecDeque};

use thiserror::Error;

use super::{IllegalTransition, OrderEvent, transition};
use crate::domain::{OrderId, Price, Quantity, Side};
use crate::messages::{Fill, OrderIntent, OrderState, OrderUpdate, VenueReport};

/// How many closed orders are kept for late and duplicate fills, unless told otherwise.
const CLOSED_KEPT: usize = 4_096;

/// A fill that was counted; enough of it to tell a duplicate from a contradiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SeenFill {
    id: u64,
    quantity: Quantity,
    price: Price,
}

/// One order of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    intent: OrderIntent,
    state: OrderState,
    filled: Quantity,
    /// By ascending id.
    fills: Vec<SeenFill>,
}

impl OrderRecord {
    /// What was asked for.
    #[must_use]
    pub fn intent(&self) -> &OrderIntent {
        &self.intent
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> OrderState {
        self.state
    }

    /// The sum of its fills, each counted once; base currency.
    #[must_use]
    pub fn filled(&self) -> Quantity {
        self.filled
    }

    /// What is not filled; base currency. Says nothing about whether it still can be.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        self.intent.quantity - self.filled
    }

    /// Number of different fills.
    #[must_use]
    pub fn fill_count(&self) -> usize {
        self.fills.len()
    }
}

/// What a report did to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The state changed.
    StateChanged,
    /// The report said what was already known.
    Confirmed,
    /// A trade was counted; `late` when the order was cancelled or expired before.
    Filled {
        /// It came after the order's end.
        late: bool,
    },
    /// The same trade again: not counted.
    DuplicateFill,
}

/// The outcome of one report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Whose report.
    pub order_id: OrderId,
    /// State before.
    pub from: OrderState,
    /// State from now on.
    pub to: OrderState,
    /// What it did.
    pub effect: Effect,
    /// Filled by the venue's count but not yet reported as trades; base currency. More than
    /// nought only where a venue tells of a cancel before it tells of the last trades.
    pub unreported: Quantity,
}

/// A report that contradicts what is known. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// No such order, or closed so long ago that it was dropped.
    #[error("order {0} is not known here")]
    UnknownOrder(OrderId),
    /// The id was used before.
    #[error("order {0} was opened before: ids are never reused")]
    AlreadyOpened(OrderId),
    /// The event cannot happen to an order in this state.
    #[error("order {order}: {source}")]
    Illegal {
        /// Whose.
        order: OrderId,
        /// Which transition.
        #[source]
        source: IllegalTransition,
    },
    /// More would be filled than was ordered.
    #[error("order {order}: {claimed} filled is more than the {ordered} ordered")]
    OverFill {
        /// Whose.
        order: OrderId,
        /// Filled, with this report.
        claimed: Quantity,
        /// Quantity of the order.
        ordered: Quantity,
    },
    /// A fill id came again with another price or quantity.
    #[error("order {order}: fill {fill_id} came again with other contents")]
    ConflictingFill {
        /// Whose.
        order: OrderId,
        /// Which fill.
        fill_id: u64,
    },
    /// A fill that cannot be this order's.
    #[error("order {order}: fill {fill_id} does not fit: {detail}")]
    ForeignFill {
        /// Whose.
        order: OrderId,
        /// Which fill.
        fill_id: u64,
        /// What contradicts what.
        detail: String,
    },
    /// The venue counts otherwise than the trades it reported.
    #[error("order {order}: the venue says {state} with {venue} filled, its trades sum to {ours}")]
    FilledMismatch {
        /// Whose.
        order: OrderId,
        /// The state it reports.
        state: OrderState,
        /// Filled by its count.
        venue: Quantity,
        /// Sum of its trades.
        ours: Quantity,
    },
    /// `pending` is where an order starts; no report leads there.
    #[error("order {0}: no report leads to pending")]
    ReportOfPending(OrderId),
    /// Trades carry quantities and come by report only.
    #[error("order {0}: a fill is recorded by its report only")]
    FillWithoutReport(OrderId),
}

/// All orders that are open, and the last ones that closed.
///
/// Memory is bounded: closed orders stay in a ring (for late and duplicate fills), the oldest is
/// dropped when it is full, and drops are counted. So is time: an operation costs the logarithm
/// of the orders *kept*, whatever number went before.
#[derive(Debug, Clone)]
pub struct OrderLedger {
    open: BTreeMap<OrderId, OrderRecord>,
    closed: BTreeMap<OrderId, OrderRecord>,
    /// Keys of `closed`, oldest closure first.
    closed_order: VecDeque<OrderId>,
    closed_kept: usize,
    evicted: u64,
}

impl Default for OrderLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl OrderLedger {
    /// An empty ledger that keeps the last 4,096 closed orders.
    #[must_use]
    pub fn new() -> Self {
        Self::keeping(CLOSED_KEPT)
    }

    /// An empty ledger that keeps the last `closed` closed orders.
    #[must_use]
    pub fn keeping(closed: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            closed_order: VecDeque::new(),
            closed_kept: closed,
            evicted: 0,
        }
    }

    /// Enters a new order as `pending`.
    ///
    /// # Errors
    /// When the id is open or among the closed orders that are kept.
    pub fn open(&mut self, intent: OrderIntent) -> Result<(), LedgerError> {
        let id = intent.id;
        if self.open.contains_key(&id) || self.closed.contains_key(&id) {
            return Err(LedgerError::AlreadyOpened(id));
        }
        let record =
            OrderRecord { intent, state: OrderState::Pending, filled: Quantity::ZERO, fills: Vec::new() };
        self.open.insert(id, record);
        Ok(())
    }

    /// Applies a venue's report.
    ///
    /// # Errors
    /// When it contradicts what is known; then nothing changes.
    pub fn apply(&mut self, report: &VenueReport) -> Result<Applied, LedgerError> {
        match report {
            VenueReport::Fill(fill) => self.apply_fill(fill),
            VenueReport::Update(update) => self.apply_update(update),
        }
    }

    /// Applies something that happened on this side: a denial, a hand-over, a lost connection.
    ///
    /// # Errors
    /// When the order's state does not allow it; then nothing changes.
    pub fn record(&mut self, order: OrderId, event: OrderEvent) -> Result<Applied, LedgerError> {
        if matches!(event, OrderEvent::PartialFill | OrderEvent::Fill) {
            return Err(LedgerError::FillWithoutReport(order));
        }
        self.step(order, event, Quantity::ZERO)
    }

    /// An order that is open, or closed and still kept.
    #[must_use]
    pub fn get(&self, order: OrderId) -> Option<&OrderRecord> {
        self.open.get(&order).or_else(|| self.closed.get(&order))
    }

    /// The open orders (pending, working or unknown), by id.
    pub fn open_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.open.values()
    }

    /// Number of open orders.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Number of closed orders that are kept.
    #[must_use]
    pub fn closed_count(&self) -> usize {
        self.closed.len()
    }

    /// Number of closed orders that were dropped: a late fill of one of them is
    /// [`LedgerError::UnknownOrder`].
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn record_mut(&mut self, order: OrderId) -> Result<&mut OrderRecord, LedgerError> {
        match self.open.get_mut(&order) {
            Some(record) => Ok(record),
            None => self.closed.get_mut(&order).ok_or(LedgerError::UnknownOrder(order)),
        }
    }

    fn apply_fill(&mut self, fill: &Fill) -> Result<Applied, LedgerError> {
        let order = fill.order_id;
        let record = self.record_mut(order)?;
        let from = record.state;
        let seen = SeenFill { id: fill.fill_id, quantity: fill.quantity, price: fill.price };
        let place = match record.fills.binary_search_by_key(&fill.fill_id, |f| f.id) {
            Ok(at) if record.fills.get(at) == Some(&seen) => {
                let effect = Effect::DuplicateFill;
                return Ok(Applied { order_id: order, from, to: from, effect, unreported: Quantity::ZERO });
            }
            Ok(_) => return Err(LedgerError::ConflictingFill { order, fill_id: fill.fill_id }),
            Err(place) => place,
        };
        check_fits(record, fill)?;
        let filled = record.filled + fill.quantity;
        let ordered = record.intent.quantity;
        if filled > ordered {
            return Err(LedgerError::OverFill { order, claimed: filled, ordered });
        }
        let event = if filled == ordered { OrderEvent::Fill } else { OrderEvent::PartialFill };
        let to = transition(from, event).map_err(|source| LedgerError::Illegal { order, source })?;
        record.fills.insert(place, seen);
        record.filled = filled;
        record.state = to;
        self.close_if_terminal(order, to);
        let late = matches!(from, OrderState::Cancelled | OrderState::Expired);
        Ok(Applied { order_id: order, from, to, effect: Effect::Filled { late }, unreported: Quantity::ZERO })
    }

    fn apply_update(&mut self, update: &OrderUpdate) -> Result<Applied, LedgerError> {
        let order = update.order_id;
        let record = self.record_mut(order)?;
        let ordered = record.intent.quantity;
        if update.filled > ordered {
            return Err(LedgerError::OverFill { order, claimed: update.filled, ordered });
        }
        // These two states are reached by trades, which come before the update they cause.
        let proven = match update.state {
            OrderState::Filled => update.filled == record.filled && record.filled == ordered,
            OrderState::PartiallyFilled => update.filled == record.filled && record.filled.is_positive(),
            _ => true,
        };
        if !proven {
            return Err(LedgerError::FilledMismatch {
                order,
                state: update.state,
                venue: update.filled,
                ours: record.filled,
            });
        }
        let ahead = update.filled - record.filled;
        let unreported = if ahead.is_positive() { ahead } else { Quantity::ZERO };
        let event = match update.state {
            // An unknown order that turns up working may be partly filled already.
            OrderState::Success if record.state == OrderState::Unknown && record.filled.is_positive() => {
                OrderEvent::PartialFill
            }
            state => OrderEvent::of_report(state).ok_or(LedgerError::ReportOfPending(order))?,
        };
        self.step(order, event, unreported)
    }

    fn step(
        &mut self,
        order: OrderId,
        event: OrderEvent,
        unreported: Quantity,
    ) -> Result<Applied, LedgerError> {
        let record = self.record_mut(order)?;
        let from = record.state;
        if OrderEvent::of_report(from) == Some(event) {
            return Ok(Applied { order_id: order, from, to: from, effect: Effect::Confirmed, unreported });
        }
        let to = transition(from, event).map_err(|source| LedgerError::Illegal { order, source })?;
        record.state = to;
        self.close_if_terminal(order, to);
        let effect = if from == to { Effect::Confirmed } else { Effect::StateChanged };
        Ok(Applied { order_id: order, from, to, effect, unreported })
    }

    /// Moves an order that has just ended to the ring.
    fn close_if_terminal(&mut self, order: OrderId, state: OrderState) {
        if !state.is_terminal() {
            return;
        }
        let Some(record) = self.open.remove(&order) else { return };
        self.closed.insert(order, record);
        self.closed_order.push_back(order);
        while self.closed_order.len() > self.closed_kept {
            if let Some(oldest) = self.closed_order.pop_front() {
                self.closed.remove(&oldest);
                self.evicted += 1;
            }
        }
    }
}

fn check_fits(record: &OrderRecord, fill: &Fill) -> Result<(), LedgerError> {
    let intent = &record.intent;
    let detail = if fill.side != intent.side {
        format!("it is a {}, the order a {}", fill.side, intent.side)
    } else if fill.symbol != intent.symbol {
        format!("it is in {}, the order in {}", fill.symbol, intent.symbol)
    } else if !fill.quantity.is_positive() {
        format!("its quantity {} is not positive", fill.quantity)
    } else if !fill.price.is_positive() {
        format!("its price {} is not positive", fill.price)
    } else if breaks_limit(intent, fill.price) {
        format!("its price {} is beyond the limit", fill.price)
    } else {
        return Ok(());
    };
    Err(LedgerError::ForeignFill { order: intent.id, fill_id: fill.fill_id, detail })
}

fn breaks_limit(intent: &OrderIntent, price: Price) -> bool {
    match (intent.limit_price, intent.side) {
        (None, _) => false,
        (Some(limit), Side::Buy) => price > limit,
        (Some(limit), Side::Sell) => price < limit,
    }
}

#[cfg(test)]
mod tests;
