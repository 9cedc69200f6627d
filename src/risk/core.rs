//! The risk core: values the account, counts what is on its way, approves or refuses.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::account::{Account, AccountError, FillEffect};
use super::approved::ApprovedOrder;
use super::equity::{Drawdown, EquityTrack};
use super::exact;
use super::limits::{CostAssumption, RiskLimits};
use super::recent::{IdWindow, OrderRate, RecentEntries, Seen};
use super::reserved::{OpenOrder, Pricing, Reserved};
use crate::domain::{Instrument, Money, OrderId, Price, Quantity, Side, Symbol, Timestamp};
use crate::messages::{Fill, OrderIntent, OrderUpdate, Purpose, Refusal};

/// The last usable price and when it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) price: Decimal,
    pub(super) at: Timestamp,
}

/// One symbol: what may be ordered of it, its mark, what is on its way.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) instrument: Instrument,
    pub(super) mark: Option<Mark>,
    pub(super) reserved: Reserved,
}

/// The risk core. Feed it every accepted price ([`mark`](Self::mark)), every report of the venue
/// ([`on_fill`](Self::on_fill), [`on_update`](Self::on_update)) and ask it about every intent
/// ([`evaluate`](Self::evaluate)). `checks.rs` documents the checks and their order.
///
/// - Equity is cash + Σ position × mark (a position without a mark counts at its cost), after fees.
/// - The UTC day opens at its first input: the first mark (or evaluation) whose time lies in a
///   later UTC day than any before. The day's opening equity is the equity valued at that mark, so
///   that the day's loss counts from that row of the run log on.
/// - An order is reserved from its approval until it is filled or a terminal state is reported.
///   `unknown` keeps it reserved. A terminal state that tells of more fills than have arrived
///   keeps the difference reserved until they arrive. A fill after that is legal and counts.
#[derive(Debug, Clone)]
pub struct RiskCore {
    pub(super) limits: RiskLimits,
    pub(super) costs: CostAssumption,
    /// 1 + slippage.
    pub(super) slipped: Decimal,
    pub(super) account: Account,
    /// Same indexes as the account's holdings.
    pub(super) books: Vec<Book>,
    orders: BTreeMap<OrderId, OpenOrder>,
    pub(super) track: EquityTrack,
    /// False while the equity does not fit exact arithmetic: entries are blocked.
    pub(super) valued: bool,
    pub(super) ids: IdWindow,
    pub(super) rate: OrderRate,
    pub(super) recent: RecentEntries,
}

impl RiskCore {
    /// A core over a fresh account. Only the given instruments can be traded.
    #[must_use]
    pub fn new(
        limits: RiskLimits,
        instruments: Vec<Instrument>,
        start_balance: Money,
        costs: CostAssumption,
    ) -> Self {
        let mut account = Account::new(start_balance);
        let mut books: Vec<Book> = Vec::with_capacity(instruments.len());
        for instrument in instruments {
            // A symbol given twice keeps its first instrument, and the indexes stay the same.
            if account.slot(instrument.symbol) == books.len() {
                books.push(Book { instrument, mark: None, reserved: Reserved::default() });
            }
        }
        Self {
            limits,
            costs,
            slipped: Decimal::ONE + costs.slippage.factor(),
            account,
            books,
            orders: BTreeMap::new(),
            track: EquityTrack::new(start_balance.get()),
            valued: true,
            ids: IdWindow::new(),
            rate: OrderRate::default(),
            recent: RecentEntries::default(),
        }
    }

    /// Takes a price as the last one of its symbol and values what is held. False, and nothing
    /// changes, if the price is not positive, the symbol is unknown, or the position's value at it
    /// does not fit exact arithmetic.
    #[inline]
    pub fn mark(&mut self, symbol: Symbol, price: Price, at: Timestamp) -> bool {
        let Some(slot) = self.slot(symbol) else { return false };
        if !price.is_positive() {
            return false;
        }
        let mark = Mark { price: price.get(), at };
        if !self.account.quantity_at(slot).is_zero() {
            let Some(equity) = self.equity_with(slot, Some(mark)) else { return false };
            self.track.set(equity);
            self.valued = true;
        }
        self.books[slot].mark = Some(mark);
        self.track.open_day(at);
        true
    }

    /// Runs every check on an intent. Approval reserves it; a refusal gives the intent back with
    /// every reason, worst first. Its id counts as seen in either case.
    ///
    /// # Errors
    /// The intent and why it was refused.
    pub fn evaluate(
        &mut self,
        intent: OrderIntent,
        now: Timestamp,
    ) -> Result<ApprovedOrder, Box<(OrderIntent, Refusal)>> {
        self.track.open_day(now);
        let verdict = self.check(&intent, now).and_then(|slot| self.reserve(slot, &intent));
        if self.ids.get(intent.id.0) == Seen::New {
            self.ids.insert(intent.id.0);
        }
        match verdict {
            Ok(slot) => {
                if let Some(limit) = self.limits.max_orders_per_second {
                    self.rate.approved(now, limit);
                }
                if !is_exit(&intent) {
                    self.recent.approved(slot, &intent, now, self.limits.duplicate_window);
                }
                Ok(ApprovedOrder::new(intent))
            }
            Err(refusal) => Err(Box::new((intent, refusal))),
        }
    }

    fn reserve(&mut self, slot: usize, intent: &OrderIntent) -> Result<usize, Refusal> {
        let order = OpenOrder {
            slot,
            side: intent.side,
            pricing: Pricing::of(intent),
            reduce_only: is_exit(intent),
            remaining: intent.quantity.get(),
            filled: Decimal::ZERO,
        };
        let reserved = &mut self.books[slot].reserved;
        reserved.change(&order, order.remaining).ok_or_else(super::checks::does_not_fit)?;
        reserved.count(order.side, true);
        self.orders.insert(intent.id, order);
        Ok(slot)
    }

    /// Counts a fill, once: moves what was reserved for it to the position. A fill of an order
    /// that is closed or was never approved here counts as well: it happened.
    ///
    /// # Errors
    /// The account could not take it; nothing was changed.
    pub fn on_fill(&mut self, fill: &Fill) -> Result<FillEffect, AccountError> {
        let slot = self.slot(fill.symbol).ok_or(AccountError::UnknownSymbol { symbol: fill.symbol })?;
        let effect = self.account.apply_at(slot, fill)?;
        if effect == FillEffect::Duplicate {
            return Ok(effect);
        }
        if let Some(order) = self.orders.get_mut(&fill.order_id) {
            order.filled = order.filled.saturating_add(fill.quantity.get());
            let left = exact::sub(order.remaining, fill.quantity.get()).unwrap_or(order.remaining);
            self.release_to(fill.order_id, left);
        }
        match self.equity_with(slot, self.books[slot].mark) {
            Some(equity) => {
                self.track.set(equity);
                self.valued = true;
            }
            None => self.valued = false,
        }
        Ok(effect)
    }

    /// Follows an order's state: a terminal one releases what is left of its reservation.
    pub fn on_update(&mut self, update: &OrderUpdate) {
        if !update.state.is_terminal() {
            return;
        }
        if let Some(order) = self.orders.get(&update.order_id) {
            let missing = exact::sub(update.filled.get(), order.filled).unwrap_or(order.remaining);
            self.release_to(update.order_id, missing.min(order.remaining));
        }
    }

    /// Lowers an order's reservation to `left`; at nought or less the order is closed.
    fn release_to(&mut self, id: OrderId, left: Decimal) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let left = left.max(Decimal::ZERO);
        let reserved = &mut self.books[order.slot].reserved;
        let change = exact::sub(left, order.remaining).and_then(|change| reserved.change(order, change));
        if change.is_none() {
            // Amounts that were added exactly can be taken off exactly; should they not, the
            // order stays reserved, which is the safe side.
            return;
        }
        order.remaining = left;
        if left.is_zero() {
            reserved.count(order.side, false);
            self.orders.remove(&id);
        }
    }

    #[inline]
    pub(super) fn slot(&self, symbol: Symbol) -> Option<usize> {
        self.books.iter().position(|book| book.instrument.symbol == symbol)
    }

    /// Cash + Σ position × mark, with `mark` in place of the slot's own.
    #[inline]
    fn equity_with(&self, slot: usize, mark: Option<Mark>) -> Option<Decimal> {
        let mut equity = self.account.cash().get();
        for (i, book) in self.books.iter().enumerate() {
            let quantity = self.account.quantity_at(i);
            if quantity.is_zero() {
                continue;
            }
            let value = match if i == slot { mark } else { book.mark } {
                Some(mark) => exact::mul(quantity, mark.price)?,
                None => self.account.cost_at(i),
            };
            equity = exact::add(equity, value)?;
        }
        Some(equity)
    }

    /// The worst case of one symbol; `None` if it has no mark or does not fit.
    pub(super) fn exposure_at(&self, slot: usize) -> Option<Decimal> {
        let book = &self.books[slot];
        let position = self.account.quantity_at(slot);
        if position.is_zero() && book.reserved.is_empty() {
            return Some(Decimal::ZERO);
        }
        book.reserved.exposure(position, book.mark?.price, self.slipped, None)
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &RiskLimits {
        &self.limits
    }

    /// Signed position in base currency.
    #[must_use]
    pub fn position(&self, symbol: Symbol) -> Quantity {
        self.account.position(symbol)
    }

    /// The last usable price.
    #[must_use]
    pub fn price(&self, symbol: Symbol) -> Option<Price> {
        self.books[self.slot(symbol)?].mark.map(|mark| Price(mark.price))
    }

    /// Nothing is held, of no symbol.
    #[must_use]
    #[inline]
    pub fn is_flat(&self) -> bool {
        (0..self.books.len()).all(|slot| self.account.quantity_at(slot).is_zero())
    }

    /// Cash + Σ position × mark.
    #[must_use]
    pub fn equity(&self) -> Money {
        Money(self.track.equity())
    }

    /// Σ position × mark − cost. After an inexact amount (entries are then blocked) it saturates.
    #[must_use]
    pub fn unrealized_pnl(&self) -> Money {
        let open = self.books.iter().enumerate().filter_map(|(slot, book)| {
            let value = book.mark?.price.saturating_mul(self.account.quantity_at(slot));
            Some(value.saturating_sub(self.account.cost_at(slot)))
        });
        Money(open.fold(Decimal::ZERO, Decimal::saturating_add))
    }

    /// Equity at the first input of the UTC day.
    #[must_use]
    pub fn day_open_equity(&self) -> Money {
        Money(self.track.day_open())
    }

    /// What the UTC day has lost so far; nought after a gain.
    #[must_use]
    pub fn daily_loss(&self) -> Money {
        Money(self.track.day_open().saturating_sub(self.track.equity()).max(Decimal::ZERO))
    }

    /// The highest equity so far.
    #[must_use]
    pub fn equity_peak(&self) -> Money {
        Money(self.track.peak())
    }

    /// How far equity is below its peak now.
    #[must_use]
    pub fn drawdown(&self) -> Drawdown {
        self.track.drawdown()
    }

    /// The largest drawdown so far, in money and (perhaps at another time) as a fraction.
    #[must_use]
    pub fn max_drawdown(&self) -> Drawdown {
        self.track.max_drawdown()
    }

    /// The worst-case notional of a symbol: held, resting, unacknowledged and unknown. `None`
    /// without a price.
    #[must_use]
    pub fn symbol_exposure(&self, symbol: Symbol) -> Option<Money> {
        self.exposure_at(self.slot(symbol)?).map(Money)
    }

    /// The sum of all symbols' worst cases. `None` if one of them has no price.
    #[must_use]
    pub fn total_exposure(&self) -> Option<Money> {
        (0..self.books.len())
            .try_fold(Decimal::ZERO, |sum, slot| exact::add(sum, self.exposure_at(slot)?))
            .map(Money)
    }

    /// An order of the symbol is unacknowledged, resting or unknown.
    #[must_use]
    pub fn has_open_orders(&self, symbol: Symbol) -> bool {
        self.slot(symbol).is_some_and(|slot| !self.books[slot].reserved.is_empty())
    }

    /// How many orders of a symbol and side are unacknowledged, resting or unknown.
    #[must_use]
    pub fn open_orders(&self, symbol: Symbol, side: Side) -> usize {
        self.slot(symbol).map_or(0, |slot| {
            let reserved = &self.books[slot].reserved;
            if side == Side::Buy { reserved.buy_count } else { reserved.sell_count }
        })
    }
}

/// Orders that can only take a position down.
pub(super) fn is_exit(intent: &OrderIntent) -> bool {
    intent.purpose == Purpose::Exit || intent.reduce_only
}
