//! The paper venue: orders meet recorded, synthetic or live market data, and nothing else.
//!
//! Every assumption about fills is numbered in `docs/fills.md`; `(F7)` in a comment refers to
//! number 7 there. The rule behind them all: where the data does not say what happened, the worse
//! for the trader is assumed.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the venue: taking and cancelling orders, what rests |
//! | `check.rs` | which orders are refused on arrival |
//! | `tape.rs` | what one market event offers to a buyer and to a seller, and how much of it |
//! | `pricing.rs` | slippage, fees |
//! | `matching.rs` | who trades on an event, in which order, at which price |

mod check;
mod matching;
mod pricing;
mod tape;
#[cfg(test)]
mod tests;

use rust_decimal::Decimal;
use thiserror::Error;

use super::gate::Permit;
use super::venue::Venue;
use crate::domain::{Bps, Instrument, OrderId, Quantity, Span, TimeInForce, Timestamp};
use crate::messages::{Input, OrderIntent, OrderState, OrderUpdate, VenueReport};
use crate::risk::ApprovedOrder;
use tape::Consumed;

/// How many orders may be open at once, unless told otherwise.
const MAX_OPEN_ORDERS: usize = 10_000;

/// What the paper venue assumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperParams {
    /// What is traded.
    pub instrument: Instrument,
    /// Fee on fills of resting orders; may be negative (a rebate).
    pub maker_fee: Bps,
    /// Fee on all other fills.
    pub taker_fee: Bps,
    /// How much worse than the market's price a taker trades; not negative.
    pub slippage: Bps,
    /// The share of a bar's volume, a trade's quantity or a displayed quantity that our orders
    /// get, all together; 0 to 1.
    pub max_participation: Decimal,
    /// Time from an order's decision until it may trade; not negative.
    pub latency: Span,
    /// Decimals that fees are rounded to, half away from nought; at most 28.
    pub fee_decimals: u32,
}

/// A parameter that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("paper venue: {name} = {value}; allowed: {allowed}")]
pub struct PaperParamsError {
    /// Which.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// What would be accepted.
    pub allowed: &'static str,
}

impl PaperParams {
    /// Checks every parameter.
    ///
    /// # Errors
    /// The first one that makes no sense.
    pub fn check(&self) -> Result<(), PaperParamsError> {
        let refuse = |name, value: String, allowed| Err(PaperParamsError { name, value, allowed });
        let whole = Decimal::new(10_000, 0);
        for (name, fee) in [("maker_fee", self.maker_fee), ("taker_fee", self.taker_fee)] {
            if fee.0.abs() >= whole {
                return refuse(name, fee.0.to_string(), "between -10,000 and 10,000 bps");
            }
        }
        if self.slippage.0 < Decimal::ZERO || self.slippage.0 >= whole {
            return refuse("slippage", self.slippage.0.to_string(), "0 to below 10,000 bps");
        }
        if self.max_participation < Decimal::ZERO || self.max_participation > Decimal::ONE {
            return refuse("max_participation", self.max_participation.to_string(), "0 to 1");
        }
        if self.latency < Span::ZERO {
            return refuse("latency", format!("{} ns", self.latency.0), "0 or more");
        }
        if self.fee_decimals > 28 {
            return refuse("fee_decimals", self.fee_decimals.to_string(), "0 to 28");
        }
        Ok(())
    }
}

/// How an open order stands towards the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    /// A stop or stop-limit order whose stop price did not trade yet.
    Dormant,
    /// Takes whatever price there is: a market order, or a triggered stop.
    Market,
    /// A limit order that has not rested yet: it takes while the market is better than its limit.
    Taking,
    /// A limit order in the book. Triggered and laid down inside the bar of input `placed` (0 for
    /// orders that were there from an open on), it cannot trade within that bar (F15).
    Resting { placed: u64 },
}

/// An order that is open at the venue.
#[derive(Debug, Clone)]
struct Working {
    intent: OrderIntent,
    filled: Quantity,
    /// From when on it may trade.
    eligible_at: Timestamp,
    /// The input at which it was sent; this one never fills it.
    sent_at_input: u64,
    stance: Stance,
    open: bool,
}

impl Working {
    fn remaining(&self) -> Quantity {
        self.intent.quantity - self.filled
    }

    /// Immediate or cancel, or fill or kill.
    fn is_immediate(&self) -> bool {
        matches!(self.intent.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
    }

    /// Ends it, and says so.
    fn close(&mut self, state: OrderState, reason: &str, input: u64, at: Timestamp) -> VenueReport {
        self.open = false;
        update(&self.intent, input, at, state, self.filled, reason)
    }
}

/// The paper venue. Deterministic: no clock, no randomness; time is what inputs and callers say.
///
/// Its own position starts flat and follows its fills; reduce-only orders are cut to it. Memory
/// holds open orders only, at most [`PaperVenue::max_open_orders`] of them; a market event costs
/// a pass over the open orders and nothing for those that closed.
#[derive(Debug, Clone)]
pub struct PaperVenue {
    params: PaperParams,
    max_open_orders: usize,
    /// Oldest first.
    open: Vec<Working>,
    position: Quantity,
    last_fill_id: u64,
    consumed: Consumed,
    /// Kept between events to save the allocation.
    queue: Vec<usize>,
}

impl PaperVenue {
    /// A venue without orders, flat.
    ///
    /// # Errors
    /// A parameter that makes no sense; see [`PaperParams::check`].
    pub fn new(params: PaperParams) -> Result<Self, PaperParamsError> {
        params.check()?;
        Ok(Self {
            params,
            max_open_orders: MAX_OPEN_ORDERS,
            open: Vec::new(),
            position: Quantity::ZERO,
            last_fill_id: 0,
            consumed: Consumed::default(),
            queue: Vec::new(),
        })
    }

    /// The same venue with another bound on open orders; orders beyond it are rejected.
    #[must_use]
    pub fn with_max_open_orders(mut self, max: usize) -> Self {
        self.max_open_orders = max;
        self
    }

    /// How many orders may be open at once.
    #[must_use]
    pub fn max_open_orders(&self) -> usize {
        self.max_open_orders
    }

    /// What it assumes.
    #[must_use]
    pub fn params(&self) -> &PaperParams {
        &self.params
    }

    /// Sum of its fills: base currency, long positive.
    #[must_use]
    pub fn position(&self) -> Quantity {
        self.position
    }
}

impl Venue for PaperVenue {
    fn send(
        &mut self,
        order: ApprovedOrder,
        permit: Permit,
        input: u64,
        now: Timestamp,
        out: &mut Vec<VenueReport>,
    ) {
        let intent = order.into_intent();
        let tell = |intent: &OrderIntent, state, reason: &str| {
            update(intent, input, now, state, Quantity::ZERO, reason)
        };
        // The order begins at the next line but one; the gate is asked immediately before.
        if !permit.still_open() {
            out.push(tell(&intent, OrderState::BlockedBySafety, "the gate is shut"));
            return;
        }
        out.push(tell(&intent, OrderState::Submitted, ""));
        if let Err(refused) = self.check(&intent, now) {
            out.push(tell(&intent, OrderState::Rejected, &refused.to_string()));
            return;
        }
        out.push(tell(&intent, OrderState::Success, ""));
        let stance = if intent.order_type.has_stop() {
            Stance::Dormant
        } else if intent.order_type.has_limit() {
            Stance::Taking
        } else {
            Stance::Market
        };
        let eligible_at = intent.decided_at.max(now) + self.params.latency;
        self.open.push(Working {
            intent,
            filled: Quantity::ZERO,
            eligible_at,
            sent_at_input: input,
            stance,
            open: true,
        });
    }

    fn cancel(
        &mut self,
        order: OrderId,
        reason: &str,
        input: u64,
        now: Timestamp,
        out: &mut Vec<VenueReport>,
    ) {
        let Some(at) = self.open.iter().position(|working| working.intent.id == order) else { return };
        let mut working = self.open.remove(at);
        out.push(working.close(OrderState::Cancelled, reason, input, now));
    }

    fn cancel_all(&mut self, reason: &str, input: u64, now: Timestamp, out: &mut Vec<VenueReport>) {
        for mut working in self.open.drain(..) {
            out.push(working.close(OrderState::Cancelled, reason, input, now));
        }
    }

    #[inline]
    fn on_input(&mut self, input: &Input, out: &mut Vec<VenueReport>) {
        if !input.accepted {
            return;
        }
        if self.open.is_empty() {
            self.consumed.forget_if_moved(&input.event);
            return;
        }
        self.match_input(input, out);
    }

    fn open_orders(&self) -> usize {
        self.open.len()
    }
}

fn update(
    intent: &OrderIntent,
    input: u64,
    at: Timestamp,
    state: OrderState,
    filled: Quantity,
    reason: &str,
) -> VenueReport {
    VenueReport::Update(OrderUpdate {
        order_id: intent.id,
        input,
        at,
        state,
        filled,
        reason: reason.to_owned(),
    })
}
