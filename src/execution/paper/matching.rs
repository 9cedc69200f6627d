//! One market event against the open orders.
//!
//! The event is worked through in this order (F10):
//! 1. **Expiry** of good-till-date orders whose date lies before the event's end.
//! 2. **First price** (a bar's open, a tick): everything that can trade there, oldest first.
//! 3. **Stops** that trigger inside the bar, in the order in which the price would reach them.
//! 4. **Resting limits** that the bar traded through, best price first, then oldest.
//! 5. Expiry of orders whose date is the event's end.

use std::cmp::Ordering;

use super::pricing::better;
use super::tape::{Prices, Tape};
use super::{PaperVenue, Stance, Working, update};
use crate::domain::{OrderType, Price, Quantity, Side, TimeInForce, Timestamp};
use crate::messages::{Fill, Input, Liquidity, OrderState, VenueReport};

const IOC_REST: &str = "immediate or cancel: the rest found no volume";
const IOC_NO_PRICE: &str = "immediate: the limit was not met at the first price";
const NOTHING_TRADED: &str = "immediate: nothing traded";
const FOK_SHORT: &str = "fill or kill: not enough volume for all of it";
const WOULD_TAKE: &str = "post-only: it would have taken liquidity";
const NOTHING_TO_REDUCE: &str = "reduce-only: no position is left to reduce";
const DATE_REACHED: &str = "good till date: the date was reached";
const DOES_NOT_FIT: &str = "price, fee or notional does not fit 28 decimal digits";

/// The event that is being matched, and where its reports go.
struct Event<'a> {
    input: u64,
    tape: Tape,
    /// The venue's time of a trade in the present phase: the first price's, then the event's end.
    trading_at: Timestamp,
    out: &'a mut Vec<VenueReport>,
}

impl Event<'_> {
    /// True when the order may trade on this event (F1, F2).
    fn concerns(&self, order: &Working) -> bool {
        order.open && order.sent_at_input < self.input && order.eligible_at <= self.tape.from
    }

    /// Ends an order and says so.
    fn end(&mut self, order: &mut Working, state: OrderState, reason: &str) {
        let report = order.close(state, reason, self.input, self.tape.until);
        self.out.push(report);
    }
}

/// Which good-till-date orders end (F16).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Boundary {
    /// Those whose date lies inside the event: they do not trade on it.
    Before,
    /// Those whose date is the event's end: they traded on it.
    After,
}

fn expire(open: &mut [Working], event: &mut Event<'_>, boundary: Boundary) {
    let until = event.tape.until;
    for order in open.iter_mut().filter(|order| order.open) {
        let TimeInForce::Gtd(date) = order.intent.time_in_force else { continue };
        // A bar covers the time up to, not including, its end; a tick is one moment.
        let over =
            if boundary == Boundary::Before && event.tape.is_bar { date < until } else { date <= until };
        if over {
            event.end(order, OrderState::Expired, DATE_REACHED);
        }
    }
}

/// True when the stop price has traded, given a price that did.
fn triggers(order: &Working, traded: Price) -> bool {
    match (order.intent.stop_price, order.intent.side) {
        (None, _) => false,
        (Some(stop), Side::Buy) => traded >= stop,
        (Some(stop), Side::Sell) => traded <= stop,
    }
}

/// What a triggered stop order becomes.
fn after_trigger(order_type: OrderType) -> Stance {
    if order_type.has_limit() { Stance::Taking } else { Stance::Market }
}

/// How much an order on this side could take off the position.
fn reducible(position: Quantity, side: Side) -> Quantity {
    match side {
        Side::Buy => -position,
        Side::Sell => position,
    }
}

/// Buyers before sellers; on each side the lowest price first for buyers and the highest first
/// for sellers (`Ordering::Less`), or the other way round.
fn sort_by_price(
    queue: &mut [usize],
    open: &[Working],
    price: impl Fn(&Working) -> Option<Price>,
    cheapest_buyer: Ordering,
) {
    queue.sort_by(|&a, &b| {
        let (Some(a), Some(b)) = (open.get(a), open.get(b)) else { return Ordering::Equal };
        match (a.intent.side, b.intent.side) {
            (Side::Buy, Side::Sell) => Ordering::Less,
            (Side::Sell, Side::Buy) => Ordering::Greater,
            (Side::Buy, Side::Buy) if cheapest_buyer == Ordering::Less => price(a).cmp(&price(b)),
            (Side::Sell, Side::Sell) if cheapest_buyer == Ordering::Greater => price(a).cmp(&price(b)),
            _ => price(b).cmp(&price(a)),
        }
    });
}

impl PaperVenue {
    /// Matches an accepted input against the open orders, of which there is at least one.
    pub(super) fn match_input(&mut self, input: &Input, out: &mut Vec<VenueReport>) {
        self.consumed.forget_if_moved(&input.event);
        let tape = Tape::of(&input.event, self.params.max_participation, self.params.instrument.lot_size);
        let trading_at = tape.from;
        let mut event = Event { input: input.number, tape, trading_at, out };
        let mut open = std::mem::take(&mut self.open);

        expire(&mut open, &mut event, Boundary::Before);
        for at in 0..open.len() {
            if open.get(at).is_some_and(|order| event.concerns(order)) {
                self.at_first_price(&mut open, at, &mut event);
            }
        }
        event.trading_at = event.tape.until;
        if event.tape.is_bar {
            self.stops_inside(&mut open, &mut event);
            self.limits_inside(&mut open, &mut event);
        }
        expire(&mut open, &mut event, Boundary::After);

        open.retain(|order| order.open);
        self.open = open;
    }

    /// Phase 2: what can trade at the event's first price does.
    fn at_first_price(&mut self, open: &mut [Working], at: usize, event: &mut Event<'_>) {
        let Some(order) = open.get_mut(at) else { return };
        let side = order.intent.side;
        let Some(prices) = event.tape.prices(side) else {
            if order.is_immediate() && order.stance != Stance::Dormant {
                event.end(order, OrderState::Cancelled, NOTHING_TRADED);
            }
            return;
        };
        if order.stance == Stance::Dormant {
            if !triggers(order, prices.first) {
                return;
            }
            order.stance = after_trigger(order.intent.order_type);
        }
        match (order.stance, order.intent.limit_price) {
            (Stance::Market, _) => self.take(open, at, prices.first, None, event),
            (Stance::Taking, _) => self.take_or_rest(open, at, prices, prices.first, 0, event),
            (Stance::Resting { .. }, Some(limit)) if prices.reaches(side, prices.first, limit) => {
                // Traded through between two events. On bars the price stays within the bar:
                // its worst price, or the limit if that is better (F12).
                let price = if event.tape.is_bar { better(side, limit, prices.worst(side)) } else { limit };
                self.trade(open, at, price, Liquidity::Maker, event);
            }
            _ => {}
        }
    }

    /// Phase 3: stops between the open and the bar's extremes.
    fn stops_inside(&mut self, open: &mut [Working], event: &mut Event<'_>) {
        let mut queue = std::mem::take(&mut self.queue);
        queue.clear();
        queue.extend(open.iter().enumerate().filter_map(|(at, order)| {
            let prices = event.tape.prices(order.intent.side)?;
            let waits = event.concerns(order) && order.stance == Stance::Dormant;
            (waits && triggers(order, prices.worst(order.intent.side))).then_some(at)
        }));
        // Nearest to the open first; buyers before sellers. The sort is stable: oldest first.
        sort_by_price(&mut queue, open, |order| order.intent.stop_price, Ordering::Less);
        for &at in &queue {
            let Some(order) = open.get_mut(at).filter(|order| order.open) else { continue };
            let Some(stop) = order.intent.stop_price else { continue };
            let Some(prices) = event.tape.prices(order.intent.side) else { continue };
            order.stance = after_trigger(order.intent.order_type);
            match (order.stance, order.intent.limit_price) {
                (Stance::Taking, _) => {
                    let placed = event.input;
                    self.take_or_rest(open, at, prices, stop, placed, event);
                }
                _ => self.take(open, at, stop, None, event),
            }
        }
        self.queue = queue;
    }

    /// Phase 4: resting limits that the bar traded through.
    fn limits_inside(&mut self, open: &mut [Working], event: &mut Event<'_>) {
        let mut queue = std::mem::take(&mut self.queue);
        queue.clear();
        queue.extend(open.iter().enumerate().filter_map(|(at, order)| {
            let side = order.intent.side;
            let prices = event.tape.prices(side)?;
            let Stance::Resting { placed } = order.stance else { return None };
            let through = prices.reaches(side, prices.best(side), order.intent.limit_price?);
            (event.concerns(order) && placed != event.input && through).then_some(at)
        }));
        sort_by_price(&mut queue, open, |order| order.intent.limit_price, Ordering::Greater);
        for &at in &queue {
            let Some(order) = open.get(at).filter(|order| order.open) else { continue };
            let Some(limit) = order.intent.limit_price else { continue };
            self.trade(open, at, limit, Liquidity::Maker, event);
        }
        self.queue = queue;
    }

    /// A limit order where the market is at `price`: it takes what is better than its limit,
    /// otherwise it lies down in the book.
    fn take_or_rest(
        &mut self,
        open: &mut [Working],
        at: usize,
        prices: Prices,
        price: Price,
        placed: u64,
        event: &mut Event<'_>,
    ) {
        let Some(order) = open.get_mut(at) else { return };
        let Some(limit) = order.intent.limit_price else { return };
        if prices.reaches(order.intent.side, price, limit) {
            if order.intent.post_only {
                event.end(order, OrderState::Cancelled, WOULD_TAKE);
            } else {
                self.take(open, at, price, Some(limit), event);
            }
        } else if order.is_immediate() {
            event.end(order, OrderState::Cancelled, IOC_NO_PRICE);
        } else {
            order.stance = Stance::Resting { placed };
        }
    }

    /// Takes liquidity where the market is at `price`, with slippage, but never beyond the limit.
    fn take(
        &mut self,
        open: &mut [Working],
        at: usize,
        price: Price,
        limit: Option<Price>,
        event: &mut Event<'_>,
    ) {
        let Some(order) = open.get_mut(at) else { return };
        let side = order.intent.side;
        let Some(slipped) = self.params.taker_price(side, price) else {
            event.end(order, OrderState::Cancelled, DOES_NOT_FIT);
            return;
        };
        let price = limit.map_or(slipped, |limit| better(side, slipped, limit));
        self.trade(open, at, price, Liquidity::Taker, event);
        if let Some(order) = open.get_mut(at).filter(|order| order.open && order.is_immediate()) {
            event.end(order, OrderState::Cancelled, IOC_REST);
        }
    }

    /// Fills as much as the order, the position (for reduce-only) and the volume allow.
    fn trade(
        &mut self,
        open: &mut [Working],
        at: usize,
        price: Price,
        liquidity: Liquidity,
        event: &mut Event<'_>,
    ) {
        let Some(order) = open.get_mut(at) else { return };
        let side = order.intent.side;
        let mut wanted = order.remaining();
        if order.intent.reduce_only {
            wanted = wanted.min(reducible(self.position, side));
            if !wanted.is_positive() {
                event.end(order, OrderState::Cancelled, NOTHING_TO_REDUCE);
                return;
            }
        }
        let left = event.tape.left(side, &self.consumed);
        if order.intent.time_in_force == TimeInForce::Fok && left < wanted {
            event.end(order, OrderState::Cancelled, FOK_SHORT);
            return;
        }
        let quantity = Quantity(wanted.min(left).get().normalize());
        if !quantity.is_positive() {
            return;
        }
        let Some(fee) = self.params.fee(price, quantity, liquidity) else {
            event.end(order, OrderState::Cancelled, DOES_NOT_FIT);
            return;
        };

        let before = self.position;
        self.last_fill_id += 1;
        self.position += side.signed(quantity);
        event.tape.take(side, quantity, &mut self.consumed);
        order.filled = Quantity((order.filled + quantity).get().normalize());
        let done = order.remaining().is_zero();
        order.open = !done;
        let state = if done { OrderState::Filled } else { OrderState::PartiallyFilled };
        event.out.push(VenueReport::Fill(Fill {
            fill_id: self.last_fill_id,
            order_id: order.intent.id,
            input: event.input,
            at: event.trading_at,
            symbol: order.intent.symbol,
            side,
            quantity,
            price: Price(price.get().normalize()),
            fee,
            liquidity,
        }));
        event.out.push(update(&order.intent, event.input, event.tape.until, state, order.filled, ""));

        // The position that orders on this side reduced is gone: so are they (F17).
        if reducible(before, side).is_positive() && !reducible(self.position, side).is_positive() {
            for other in open.iter_mut().filter(|other| other.open && other.intent.reduce_only) {
                if other.intent.side == side {
                    event.end(other, OrderState::Cancelled, NOTHING_TO_REDUCE);
                }
            }
        }
    }
}
