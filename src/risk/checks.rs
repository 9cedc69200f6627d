//! The chain of checks, in its fixed order. Every reason is collected, worst first.
//!
//! First validity, by the [`Instrument`](crate::domain::Instrument): an order that breaks it is
//! `invalid` and nothing else is asked. Then risk; the order below is the order of the reasons:
//!
//! | check | entries | exits |
//! |---|---|---|
//! | `arithmetic`: an amount does not fit exact arithmetic | yes | only if it cannot be counted |
//! | `price_missing`: no usable mark | yes | yes |
//! | `max_price_age_seconds`: the mark is older | yes | no |
//! | `max_daily_loss_abs`, `max_daily_loss_pct`: loss of the UTC day `>=` limit | yes | if `All` |
//! | `reduce_only`: more than the position less the open reduce-only orders | no | yes |
//! | `max_total_exposure_notional`, `max_symbol_exposure_notional` | unless it reduces | no |
//! | `max_order_notional` | yes | yes, unless it cannot be split |
//! | `max_open_positions` | unless it reduces | no |
//! | `price_collar_pct` | yes | no |
//! | `duplicate_intent` | id and content | id only |
//! | `max_orders_per_second` | yes | no (but they count) |
//!
//! - An *exit* is an intent with purpose exit or the reduce-only flag. Its size is bounded by what
//!   is held, so nothing that protects against growing may hold it back: not the collar (a
//!   protective stop lies far from the mark by design), and not an equal exit before it (children
//!   of one exit are equal; a resting twin already lowers what it may reduce).
//! - *Unless it reduces*: an entry that opposes the position and, with all open orders of its side,
//!   does not exceed it.
//! - *Worst case of a symbol*: the larger of `|position + open buys|` and `|position − open sells|`
//!   at the mark, where buys count at the higher of mark and their own price, plus slippage if they
//!   are market or stop orders. One order's notional counts the same way for either side.
//! - *Cannot be split*: an exit must get out even if the smallest order is above the limit. An exit
//!   below twice the smallest order, or of at most a 1,000th of the position (see
//!   [`RiskCore::split_exit`]), passes.
//! - An exit of everything that is left is exempt from lot and minimums: a remainder has no other
//!   way out, and the venue has the last word on it.

use rust_decimal::{Decimal, RoundingStrategy};

use super::core::{RiskCore, is_exit};
use super::exact;
use super::limits::DailyLossBlocks;
use super::recent::Seen;
use super::reserved::Pricing;
use super::sizing::exit_always_allowed;
use crate::domain::{Price, Side, Span, Symbol, TimeInForce, Timestamp};
use crate::messages::{Comparison, OrderIntent, OrderState, Refusal, RiskCheck, RiskReason};

/// Decimals of a percentage in a reason.
const PCT_DECIMALS: u32 = 6;

/// The line that operators know: `[RISK] Order blocked: max_order_notional exceeded (500 > 100)`.
#[must_use]
pub fn risk_log_line(reason: &RiskReason) -> String {
    format!("[RISK] Order blocked: {reason}")
}

/// The same for a whole refusal, all reasons in one line.
#[must_use]
pub fn refusal_log_line(refusal: &Refusal) -> String {
    let word = if refusal.result == OrderState::Invalid { "invalid" } else { "blocked" };
    format!("[RISK] Order {word}: {refusal}")
}

/// Worst first.
const fn rank(check: RiskCheck) -> u8 {
    match check {
        RiskCheck::Arithmetic => 0,
        RiskCheck::PriceMissing => 1,
        RiskCheck::StalePrice => 2,
        RiskCheck::MaxDailyLossAbs => 3,
        RiskCheck::MaxDailyLossPct => 4,
        RiskCheck::ReduceOnly => 5,
        RiskCheck::MaxTotalExposureNotional => 6,
        RiskCheck::MaxSymbolExposureNotional => 7,
        RiskCheck::MaxOrderNotional => 8,
        RiskCheck::MaxOpenPositions => 9,
        RiskCheck::PriceCollar => 10,
        RiskCheck::DuplicateIntent => 11,
        RiskCheck::OrdersPerSecond => 12,
    }
}

/// The refusal of an order whose amounts cannot be counted.
pub(super) fn does_not_fit() -> Refusal {
    refusal(vec![inexact("the open quantity")])
}

fn inexact(what: &str) -> RiskReason {
    failed(RiskCheck::Arithmetic, format!("{what} does not fit 28 decimal digits exactly"))
}

fn failed(check: RiskCheck, detail: String) -> RiskReason {
    RiskReason::Failed { check, detail }
}

fn exceeded(check: RiskCheck, observed: Decimal, limit: Decimal) -> RiskReason {
    RiskReason::Limit { check, observed, limit, comparison: Comparison::Exceeded }
}

fn reached(check: RiskCheck, observed: Decimal, limit: Decimal) -> RiskReason {
    RiskReason::Limit { check, observed, limit, comparison: Comparison::Reached }
}

fn refusal(mut reasons: Vec<RiskReason>) -> Refusal {
    reasons.sort_by_key(|reason| rank(reason.check()));
    Refusal { result: OrderState::BlockedByRisk, reasons, detail: String::new() }
}

/// An entry's quantity, with what it is measured against.
pub(super) struct Measured {
    pub(super) slot: usize,
    pub(super) side: Side,
    pub(super) quantity: Decimal,
    pub(super) pricing: Pricing,
    pub(super) mark: Decimal,
}

impl RiskCore {
    /// What [`evaluate`](Self::evaluate) would say, without approving anything; gives the index of
    /// the symbol.
    pub(super) fn check(&self, intent: &OrderIntent, now: Timestamp) -> Result<usize, Refusal> {
        let slot = self.slot(intent.symbol).ok_or_else(|| Refusal {
            result: OrderState::Invalid,
            reasons: Vec::new(),
            detail: format!("{} is not among the instruments of this session", intent.symbol),
        })?;
        let broken = self.broken_rules(slot, intent, now);
        if !broken.is_empty() {
            let detail = broken.join("; ");
            return Err(Refusal { result: OrderState::Invalid, reasons: Vec::new(), detail });
        }
        let mut reasons = Vec::new();
        let exit = is_exit(intent);
        let mark = self.books[slot].mark;
        if mark.is_none() {
            reasons.push(failed(RiskCheck::PriceMissing, format!("no price for {}", intent.symbol)));
        }
        if !exit || self.limits.daily_loss_blocks == DailyLossBlocks::All {
            self.daily_loss_reasons(&mut reasons);
        }
        if exit {
            self.exit_reasons(slot, intent, &mut reasons);
        } else {
            self.entry_reasons(slot, intent, now, &mut reasons);
        }
        self.repetition_reasons(slot, intent, now, exit, &mut reasons);
        if reasons.is_empty() { Ok(slot) } else { Err(refusal(reasons)) }
    }

    /// What of the order's form is not allowed, in words.
    fn broken_rules(&self, slot: usize, intent: &OrderIntent, now: Timestamp) -> Vec<String> {
        let book = &self.books[slot];
        let mut broken = Vec::new();
        let kind = intent.order_type;
        for (name, price, wanted) in [
            ("limit price", intent.limit_price, kind.has_limit()),
            ("stop price", intent.stop_price, kind.has_stop()),
        ] {
            match price {
                Some(price) if wanted => {
                    if let Err(error) = book.instrument.check_price(price) {
                        broken.push(format!("{name}: {error}"));
                    }
                }
                Some(price) => broken.push(format!("a {} order has no {name} ({price})", kind.as_str())),
                None if wanted => broken.push(format!("a {} order needs a {name}", kind.as_str())),
                None => {}
            }
        }
        if intent.post_only && !kind.has_limit() {
            broken.push(format!("a {} order cannot be post-only", kind.as_str()));
        }
        if matches!(intent.time_in_force, TimeInForce::Gtd(until) if until <= now) {
            broken.push("its good-till date has passed".to_owned());
        }
        let exit = is_exit(intent);
        if exit && !intent.reduce_only {
            broken.push("an exit must be reduce-only".to_owned());
        }
        let last_of_it = exit
            && intent.quantity.is_positive()
            && intent.quantity.get() == self.reducible(slot, intent.side);
        if last_of_it {
            return broken;
        }
        if let Err(error) = book.instrument.check_quantity(intent.quantity) {
            broken.push(error.to_string());
        } else if let Some(price) =
            intent.limit_price.or(intent.stop_price).map(Price::get).or(book.mark.map(|m| m.price))
        {
            let minimum = book.instrument.min_notional.get();
            // Rounding (or an overflow, which is far above any minimum) decides nothing here.
            let notional = price.checked_mul(intent.quantity.get()).unwrap_or(Decimal::MAX);
            if notional < minimum {
                broken.push(format!("notional {} is below the minimum {minimum}", notional.normalize()));
            }
        }
        broken
    }

    fn daily_loss_reasons(&self, reasons: &mut Vec<RiskReason>) {
        let (open, equity) = (self.track.day_open(), self.track.equity());
        let loss = open.saturating_sub(equity);
        if let Some(limit) = self.limits.max_daily_loss_abs
            && loss >= limit.get()
        {
            reasons.push(reached(RiskCheck::MaxDailyLossAbs, loss, limit.get()));
        }
        if let Some(limit) = self.limits.max_daily_loss_pct {
            let hundred = Decimal::ONE_HUNDRED;
            if open <= Decimal::ZERO {
                let detail =
                    format!("the day opened with an equity of {}: no per cent of it", open.normalize());
                reasons.push(failed(RiskCheck::MaxDailyLossPct, detail));
            } else if loss.saturating_mul(hundred) >= limit.saturating_mul(open) {
                let pct = loss.saturating_mul(hundred).checked_div(open).unwrap_or(Decimal::MAX);
                let pct = pct.round_dp_with_strategy(PCT_DECIMALS, RoundingStrategy::ToNegativeInfinity);
                reasons.push(reached(RiskCheck::MaxDailyLossPct, pct, limit));
            }
        }
    }

    /// How much an exit of this side may take down: the position less the open exits.
    pub(super) fn reducible(&self, slot: usize, side: Side) -> Decimal {
        let (position, reserved) = (self.account.quantity_at(slot), &self.books[slot].reserved);
        let left = match side {
            Side::Sell => exact::sub(position, reserved.reducing_sells),
            Side::Buy => exact::sub(-position, reserved.reducing_buys),
        };
        left.unwrap_or_default().max(Decimal::ZERO)
    }

    fn exit_reasons(&self, slot: usize, intent: &OrderIntent, reasons: &mut Vec<RiskReason>) {
        let quantity = intent.quantity.get();
        let reducible = self.reducible(slot, intent.side);
        if quantity > reducible {
            reasons.push(exceeded(RiskCheck::ReduceOnly, quantity, reducible));
        }
        if let (Some(limit), Some(mark)) = (self.limits.max_order_notional, self.books[slot].mark) {
            let worst = Pricing::of(intent).worst(mark.price, self.slipped).unwrap_or(Decimal::MAX);
            let notional = worst.saturating_mul(quantity);
            let position = self.account.quantity_at(slot);
            if notional > limit.get()
                && !exit_always_allowed(&self.books[slot].instrument, mark.price, position, quantity)
            {
                reasons.push(exceeded(RiskCheck::MaxOrderNotional, notional, limit.get()));
            }
        }
    }

    fn entry_reasons(
        &self,
        slot: usize,
        intent: &OrderIntent,
        now: Timestamp,
        reasons: &mut Vec<RiskReason>,
    ) {
        if !self.valued {
            reasons.push(inexact("equity"));
        }
        for symbol in self.unpriced_others(slot) {
            let detail = format!("no price for {symbol}, which is held or on order");
            reasons.push(failed(RiskCheck::PriceMissing, detail));
        }
        let Some(mark) = self.books[slot].mark else { return };
        if let Some(limit) = self.limits.max_price_age {
            let age = now - mark.at;
            if age > limit {
                let seconds = |span: Span| Decimal::new(span.0, 9).normalize();
                reasons.push(exceeded(RiskCheck::StalePrice, seconds(age), seconds(limit)));
            }
        }
        let measured = Measured {
            slot,
            side: intent.side,
            quantity: intent.quantity.get(),
            pricing: Pricing::of(intent),
            mark: mark.price,
        };
        self.quantity_reasons(&measured, reasons);
        if let Some(limit) = self.limits.max_open_positions
            && !self.reduces(&measured)
        {
            let active =
                (0..self.books.len()).filter(|other| *other == slot || self.is_active(*other)).count();
            if active > limit as usize {
                reasons.push(exceeded(
                    RiskCheck::MaxOpenPositions,
                    Decimal::from(active),
                    Decimal::from(limit),
                ));
            }
        }
        if let Some(limit) = self.limits.price_collar_pct {
            let prices = [intent.limit_price, intent.stop_price];
            let furthest =
                prices.into_iter().flatten().map(|p| p.get().saturating_sub(mark.price).abs()).max();
            if let Some(distance) = furthest {
                let scaled = distance.saturating_mul(Decimal::ONE_HUNDRED);
                if scaled > limit.saturating_mul(mark.price) {
                    let pct = scaled.checked_div(mark.price).unwrap_or(Decimal::MAX);
                    let pct = pct.round_dp_with_strategy(PCT_DECIMALS, RoundingStrategy::ToPositiveInfinity);
                    reasons.push(exceeded(RiskCheck::PriceCollar, pct, limit));
                }
            }
        }
    }

    /// The limits that a smaller quantity may keep.
    pub(super) fn quantity_reasons(&self, order: &Measured, reasons: &mut Vec<RiskReason>) {
        let limits = &self.limits;
        let worst = order.pricing.worst(order.mark, self.slipped);
        let Some(worst) = worst else { return reasons.push(inexact("the order's price")) };
        let exposed =
            limits.max_symbol_exposure_notional.is_some() || limits.max_total_exposure_notional.is_some();
        if exposed && !self.reduces(order) {
            let position = self.account.quantity_at(order.slot);
            let new = Some((order.side, order.quantity, worst));
            let reserved = &self.books[order.slot].reserved;
            match reserved.exposure(position, order.mark, self.slipped, new) {
                None => reasons.push(inexact("the symbol's exposure")),
                Some(exposure) => {
                    if let Some(limit) = limits.max_total_exposure_notional {
                        let others = self.exposure_of_others(order.slot);
                        match others.and_then(|others| exact::add(exposure, others)) {
                            Some(total) if total > limit.get() => {
                                reasons.push(exceeded(
                                    RiskCheck::MaxTotalExposureNotional,
                                    total,
                                    limit.get(),
                                ));
                            }
                            Some(_) => {}
                            // Without a price there is a reason of its own.
                            None if self.unpriced_others(order.slot).next().is_some() => {}
                            None => reasons.push(inexact("the total exposure")),
                        }
                    }
                    if let Some(limit) = limits.max_symbol_exposure_notional
                        && exposure > limit.get()
                    {
                        reasons.push(exceeded(RiskCheck::MaxSymbolExposureNotional, exposure, limit.get()));
                    }
                }
            }
        }
        if let Some(limit) = limits.max_order_notional {
            match exact::mul(worst, order.quantity) {
                None => reasons.push(inexact("the order's notional")),
                Some(notional) if notional > limit.get() => {
                    reasons.push(exceeded(RiskCheck::MaxOrderNotional, notional, limit.get()));
                }
                Some(_) => {}
            }
        }
    }

    /// Opposes the position and, with everything open on its side, does not exceed it.
    pub(super) fn reduces(&self, order: &Measured) -> bool {
        let (position, reserved) = (self.account.quantity_at(order.slot), &self.books[order.slot].reserved);
        let after = match order.side {
            Side::Sell => exact::sub(position, reserved.sells),
            Side::Buy => exact::sub(-position, reserved.buys),
        };
        after.and_then(|left| exact::sub(left, order.quantity)).is_some_and(|left| left >= Decimal::ZERO)
    }

    /// The worst cases of the other symbols; `None` if one has no price or does not fit.
    pub(super) fn exposure_of_others(&self, slot: usize) -> Option<Decimal> {
        (0..self.books.len())
            .filter(|other| *other != slot)
            .try_fold(Decimal::ZERO, |sum, other| exact::add(sum, self.exposure_at(other)?))
    }

    /// Other symbols that are held or on order and have no mark.
    fn unpriced_others(&self, slot: usize) -> impl Iterator<Item = Symbol> {
        let unpriced = move |other: &usize| {
            *other != slot && self.books[*other].mark.is_none() && self.is_active(*other)
        };
        (0..self.books.len()).filter(unpriced).map(|other| self.books[other].instrument.symbol)
    }

    fn is_active(&self, slot: usize) -> bool {
        !self.account.quantity_at(slot).is_zero() || !self.books[slot].reserved.is_empty()
    }

    fn repetition_reasons(
        &self,
        slot: usize,
        intent: &OrderIntent,
        now: Timestamp,
        exit: bool,
        reasons: &mut Vec<RiskReason>,
    ) {
        if self.ids.get(intent.id.0) != Seen::New {
            let detail = format!("{} was seen before", intent.id);
            reasons.push(failed(RiskCheck::DuplicateIntent, detail));
        } else if !exit && let Some(age) = self.recent.since(slot, intent, now, self.limits.duplicate_window)
        {
            let detail = format!("an equal order was approved {} s ago", Decimal::new(age.0, 9).normalize());
            reasons.push(failed(RiskCheck::DuplicateIntent, detail));
        }
        if let Some(limit) = self.limits.max_orders_per_second
            && !exit
            && self.rate.is_full(now, limit)
        {
            let observed = Decimal::from(limit) + Decimal::ONE;
            reasons.push(exceeded(RiskCheck::OrdersPerSecond, observed, Decimal::from(limit)));
        }
    }
}
