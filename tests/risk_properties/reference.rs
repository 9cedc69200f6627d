//! The naive reference: keeps every order, fill and approval in a list and works out everything
//! from the beginning whenever it is asked.

use std::collections::{BTreeMap, BTreeSet};

use peak_trade::domain::*;
use peak_trade::messages::*;
use peak_trade::risk::{CostAssumption, DailyLossBlocks, RiskLimits};
use rust_decimal::{Decimal, RoundingStrategy};

#[derive(Debug, PartialEq)]
pub enum Verdict {
    Approved,
    Invalid,
    Blocked(Vec<RiskReason>),
}

pub struct Order {
    pub intent: OrderIntent,
    approved_at: Timestamp,
    /// Told by terminal states: it will not fill beyond this.
    ends_at: Option<Decimal>,
}

pub struct Reference {
    limits: RiskLimits,
    instruments: Vec<Instrument>,
    start: Decimal,
    slip: Decimal,
    fee: Decimal,
    pub orders: Vec<Order>,
    pub fills: Vec<Fill>,
    pub ids: BTreeSet<OrderId>,
    marks: BTreeMap<Symbol, (Decimal, Timestamp)>,
    day: Option<i64>,
    pub day_open: Decimal,
}

fn is_exit(intent: &OrderIntent) -> bool {
    intent.reduce_only || intent.purpose == Purpose::Exit
}

fn limit(check: RiskCheck, observed: Decimal, limit: Decimal, comparison: Comparison) -> RiskReason {
    RiskReason::Limit { check, observed, limit, comparison }
}

impl Reference {
    pub fn new(
        limits: RiskLimits,
        instruments: Vec<Instrument>,
        start: Money,
        costs: CostAssumption,
    ) -> Self {
        let per_bps = Decimal::new(1, 4);
        Self {
            limits,
            instruments,
            start: start.get(),
            slip: costs.slippage.0 * per_bps,
            fee: costs.taker_fee.0 * per_bps,
            orders: Vec::new(),
            fills: Vec::new(),
            ids: BTreeSet::new(),
            marks: BTreeMap::new(),
            day: None,
            day_open: start.get(),
        }
    }

    pub fn mark(&mut self, symbol: Symbol, price: Price, now: Timestamp) {
        self.marks.insert(symbol, (price.get(), now));
        self.open_day(now);
    }

    fn open_day(&mut self, now: Timestamp) {
        if self.day.is_none_or(|day| now.utc_day() > day) {
            self.day = Some(now.utc_day());
            self.day_open = self.equity();
        }
    }

    pub fn price(&self, symbol: Symbol) -> Option<Decimal> {
        self.marks.get(&symbol).map(|(price, _)| *price)
    }

    pub fn position(&self, symbol: Symbol) -> Decimal {
        self.fills.iter().filter(|fill| fill.symbol == symbol).map(|f| f.side.signed(f.quantity).get()).sum()
    }

    pub fn cash(&self) -> Decimal {
        let spent = |fill: &Fill| fill.price.get() * fill.side.signed(fill.quantity).get() + fill.fee.get();
        self.start - self.fills.iter().map(spent).sum::<Decimal>()
    }

    pub fn equity(&self) -> Decimal {
        // Orders are only approved with a price, so that what is held has one.
        let value = |i: &Instrument| self.position(i.symbol) * self.price(i.symbol).unwrap_or_default();
        self.cash() + self.instruments.iter().map(value).sum::<Decimal>()
    }

    pub fn filled(&self, order: &Order) -> Decimal {
        self.fills
            .iter()
            .filter(|fill| fill.order_id == order.intent.id)
            .map(|fill| fill.quantity.get())
            .sum()
    }

    /// What an order may still fill.
    pub fn remaining(&self, order: &Order) -> Decimal {
        let ends_at = order.ends_at.unwrap_or(Decimal::MAX).min(order.intent.quantity.get());
        (ends_at - self.filled(order)).max(Decimal::ZERO)
    }

    pub fn open(&self, symbol: Symbol, side: Side) -> impl Iterator<Item = (&OrderIntent, Decimal)> {
        self.orders
            .iter()
            .filter(move |order| order.intent.symbol == symbol && order.intent.side == side)
            .map(|order| (&order.intent, self.remaining(order)))
            .filter(|(_, remaining)| !remaining.is_zero())
    }

    fn open_quantity(&self, symbol: Symbol, side: Side) -> Decimal {
        self.open(symbol, side).map(|(_, remaining)| remaining).sum()
    }

    pub fn open_exits(&self, symbol: Symbol, side: Side) -> Decimal {
        self.open(symbol, side).filter(|(intent, _)| is_exit(intent)).map(|(_, remaining)| remaining).sum()
    }

    /// At what price an order counts.
    fn worst(&self, intent: &OrderIntent, mark: Decimal) -> Decimal {
        match intent.order_type {
            OrderType::Market => mark * (Decimal::ONE + self.slip),
            OrderType::Limit | OrderType::StopLimit => mark.max(intent.limit_price.unwrap().get()),
            OrderType::Stop => mark.max(intent.stop_price.unwrap().get()) * (Decimal::ONE + self.slip),
        }
    }

    fn exposure_with(&self, symbol: Symbol, mark: Decimal, new: Option<&OrderIntent>) -> Decimal {
        let position = self.position(symbol);
        let mut buys: Vec<_> = self.open(symbol, Side::Buy).collect();
        let mut sells: Vec<_> = self.open(symbol, Side::Sell).collect();
        if let Some(new) = new {
            let list = if new.side == Side::Buy { &mut buys } else { &mut sells };
            list.push((new, new.quantity.get()));
        }
        let all_buys: Decimal = buys.iter().map(|(_, quantity)| quantity).sum();
        let all_sells: Decimal = sells.iter().map(|(_, quantity)| quantity).sum();
        let dearer: Decimal =
            buys.iter().map(|(intent, quantity)| quantity * (self.worst(intent, mark) - mark)).sum();
        let up = (position + all_buys).abs() * mark + dearer;
        let down = (position - all_sells).abs() * mark;
        up.max(down)
    }

    fn is_active(&self, symbol: Symbol) -> bool {
        !self.position(symbol).is_zero()
            || self.open(symbol, Side::Buy).next().is_some()
            || self.open(symbol, Side::Sell).next().is_some()
    }

    pub fn exposure(&self, symbol: Symbol) -> Option<Decimal> {
        if !self.is_active(symbol) {
            return Some(Decimal::ZERO);
        }
        Some(self.exposure_with(symbol, self.price(symbol)?, None))
    }

    fn others(&self, symbol: Symbol) -> Decimal {
        let others = self.instruments.iter().filter(|i| i.symbol != symbol);
        others.map(|i| self.exposure(i.symbol).unwrap()).sum()
    }

    fn reduces(&self, intent: &OrderIntent) -> bool {
        let position = self.position(intent.symbol);
        let against = match intent.side {
            Side::Sell => position,
            Side::Buy => -position,
        };
        self.open_quantity(intent.symbol, intent.side) + intent.quantity.get() <= against
    }

    fn reducible(&self, symbol: Symbol, side: Side) -> Decimal {
        let position = self.position(symbol);
        let held = if side == Side::Sell { position } else { -position };
        (held - self.open_exits(symbol, side)).max(Decimal::ZERO)
    }

    fn instrument(&self, symbol: Symbol) -> &Instrument {
        self.instruments.iter().find(|instrument| instrument.symbol == symbol).unwrap()
    }

    fn is_valid(&self, intent: &OrderIntent) -> bool {
        let instrument = self.instrument(intent.symbol);
        let (limit, stop) = match intent.order_type {
            OrderType::Market => (false, false),
            OrderType::Limit => (true, false),
            OrderType::Stop => (false, true),
            OrderType::StopLimit => (true, true),
        };
        let price_fits = |price: Option<Price>, wanted: bool| match price {
            Some(price) => {
                wanted && price.is_positive() && (price.get() % instrument.tick_size.get()).is_zero()
            }
            None => !wanted,
        };
        if !price_fits(intent.limit_price, limit) || !price_fits(intent.stop_price, stop) {
            return false;
        }
        if intent.purpose == Purpose::Exit && !intent.reduce_only {
            return false;
        }
        let quantity = intent.quantity.get();
        if is_exit(intent)
            && quantity > Decimal::ZERO
            && quantity == self.reducible(intent.symbol, intent.side)
        {
            return true;
        }
        let own = intent.limit_price.or(intent.stop_price).map(Price::get);
        let price = own.or(self.price(intent.symbol));
        quantity > Decimal::ZERO
            && (quantity % instrument.lot_size.get()).is_zero()
            && quantity >= instrument.min_quantity.get()
            && price.is_none_or(|price| price * quantity >= instrument.min_notional.get())
    }

    pub fn verdict(&mut self, intent: &OrderIntent, now: Timestamp) -> Verdict {
        self.open_day(now);
        if !self.is_valid(intent) {
            return Verdict::Invalid;
        }
        let reasons = self.reasons(intent, now);
        if reasons.is_empty() { Verdict::Approved } else { Verdict::Blocked(reasons) }
    }

    fn reasons(&self, intent: &OrderIntent, now: Timestamp) -> Vec<RiskReason> {
        use Comparison::{Exceeded, Reached};
        let limits = &self.limits;
        let (symbol, quantity, exit) = (intent.symbol, intent.quantity.get(), is_exit(intent));
        let reduces = self.reduces(intent);
        let mut out = Vec::new();
        let mark = self.marks.get(&symbol).copied();
        if mark.is_none() {
            let detail = format!("no price for {symbol}");
            out.push(RiskReason::Failed { check: RiskCheck::PriceMissing, detail });
        }
        if let (Some(max), Some((_, at)), false) = (limits.max_price_age, mark, exit)
            && now - at > max
        {
            let seconds = |span: Span| Decimal::new(span.0, 9);
            out.push(limit(RiskCheck::StalePrice, seconds(now - at), seconds(max), Exceeded));
        }
        if !exit || limits.daily_loss_blocks == DailyLossBlocks::All {
            let loss = self.day_open - self.equity();
            if let Some(max) = limits.max_daily_loss_abs
                && loss >= max.get()
            {
                out.push(limit(RiskCheck::MaxDailyLossAbs, loss, max.get(), Reached));
            }
            if let Some(max) = limits.max_daily_loss_pct {
                if self.day_open <= Decimal::ZERO {
                    let detail = format!(
                        "the day opened with an equity of {}: no per cent of it",
                        self.day_open.normalize()
                    );
                    out.push(RiskReason::Failed { check: RiskCheck::MaxDailyLossPct, detail });
                } else if loss * Decimal::ONE_HUNDRED >= max * self.day_open {
                    let pct = (loss * Decimal::ONE_HUNDRED / self.day_open)
                        .round_dp_with_strategy(6, RoundingStrategy::ToNegativeInfinity);
                    out.push(limit(RiskCheck::MaxDailyLossPct, pct, max, Reached));
                }
            }
        }
        if exit && quantity > self.reducible(symbol, intent.side) {
            out.push(limit(RiskCheck::ReduceOnly, quantity, self.reducible(symbol, intent.side), Exceeded));
        }
        if let Some((mark, _)) = mark {
            let notional = self.worst(intent, mark) * quantity;
            if !exit && !reduces {
                let own = self.exposure_with(symbol, mark, Some(intent));
                if let Some(max) = limits.max_total_exposure_notional
                    && own + self.others(symbol) > max.get()
                {
                    let total = own + self.others(symbol);
                    out.push(limit(RiskCheck::MaxTotalExposureNotional, total, max.get(), Exceeded));
                }
                if let Some(max) = limits.max_symbol_exposure_notional
                    && own > max.get()
                {
                    out.push(limit(RiskCheck::MaxSymbolExposureNotional, own, max.get(), Exceeded));
                }
            }
            if let Some(max) = limits.max_order_notional
                && notional > max.get()
                && !(exit && self.cannot_be_split(intent, mark))
            {
                out.push(limit(RiskCheck::MaxOrderNotional, notional, max.get(), Exceeded));
            }
            if let Some(max) = limits.max_open_positions
                && !exit
                && !reduces
            {
                let n = self
                    .instruments
                    .iter()
                    .filter(|i| i.symbol == symbol || self.is_active(i.symbol))
                    .count();
                if n > max as usize {
                    out.push(limit(
                        RiskCheck::MaxOpenPositions,
                        Decimal::from(n),
                        Decimal::from(max),
                        Exceeded,
                    ));
                }
            }
            if let (Some(max), false) = (limits.price_collar_pct, exit) {
                let prices = [intent.limit_price, intent.stop_price];
                let far = prices.iter().flatten().map(|price| (price.get() - mark).abs()).max();
                if let Some(far) = far.filter(|far| far * Decimal::ONE_HUNDRED > max * mark) {
                    let pct = (far * Decimal::ONE_HUNDRED / mark)
                        .round_dp_with_strategy(6, RoundingStrategy::ToPositiveInfinity);
                    out.push(limit(RiskCheck::PriceCollar, pct, max, Exceeded));
                }
            }
        }
        self.repetitions(intent, now, exit, &mut out);
        out
    }

    fn repetitions(&self, intent: &OrderIntent, now: Timestamp, exit: bool, out: &mut Vec<RiskReason>) {
        if self.ids.contains(&intent.id) {
            let detail = format!("{} was seen before", intent.id);
            out.push(RiskReason::Failed { check: RiskCheck::DuplicateIntent, detail });
        } else if !exit {
            let equal = |order: &&Order| {
                let other = &order.intent;
                !is_exit(other)
                    && (other.symbol, other.side, other.quantity)
                        == (intent.symbol, intent.side, intent.quantity)
                    && (other.order_type, other.limit_price) == (intent.order_type, intent.limit_price)
                    && other.stop_price == intent.stop_price
                    && now - order.approved_at < self.limits.duplicate_window
            };
            if let Some(order) = self.orders.iter().rev().find(equal) {
                let age = Decimal::new((now - order.approved_at).0, 9).normalize();
                let detail = format!("an equal order was approved {age} s ago");
                out.push(RiskReason::Failed { check: RiskCheck::DuplicateIntent, detail });
            }
        }
        if let (Some(max), false) = (self.limits.max_orders_per_second, exit) {
            let young =
                self.orders.iter().filter(|order| now - order.approved_at < Span::from_secs(1)).count();
            if young >= max as usize {
                let max = Decimal::from(max);
                out.push(limit(RiskCheck::OrdersPerSecond, max + Decimal::ONE, max, Comparison::Exceeded));
            }
        }
    }

    /// No two orders of this size or less are possible, or it is a 1,000th of the position.
    fn cannot_be_split(&self, intent: &OrderIntent, mark: Decimal) -> bool {
        let instrument = self.instrument(intent.symbol);
        let mut smallest = instrument.lot_size.get().max(instrument.min_quantity.get());
        while smallest * mark < instrument.min_notional.get() {
            let missing = instrument.min_notional.get() - smallest * mark;
            let lots = (missing / mark / instrument.lot_size.get()).floor().max(Decimal::ONE);
            smallest += lots * instrument.lot_size.get();
        }
        let share = self.position(intent.symbol).abs() / Decimal::from(1_000);
        intent.quantity.get() < smallest * Decimal::TWO
            || intent.quantity.get() <= share + instrument.lot_size.get()
    }

    pub fn approve(&mut self, intent: &OrderIntent, now: Timestamp) {
        self.orders.push(Order { intent: intent.clone(), approved_at: now, ends_at: None });
    }

    pub fn update(&mut self, pick: usize, update: &OrderUpdate) {
        use OrderState::{PartiallyFilled, Pending, Submitted, Success, Unknown};
        if matches!(update.state, Pending | Submitted | Success | PartiallyFilled | Unknown) {
            return;
        }
        let told = update.filled.get();
        let order = &mut self.orders[pick];
        order.ends_at = Some(order.ends_at.unwrap_or(told).min(told));
    }

    /// Called after an approval: what is held and on its way, this order included, keeps the
    /// limits.
    pub fn assert_limits_hold(&self, intent: &OrderIntent, now: Timestamp) {
        let (mark, at) = self.marks.get(&intent.symbol).copied().expect("approved without a price");
        assert!(mark > Decimal::ZERO);
        if is_exit(intent) {
            let held = self.position(intent.symbol);
            let exits = self.open_exits(intent.symbol, intent.side);
            let held = if intent.side == Side::Sell { held } else { -held };
            assert!(exits <= held, "exits of {exits} against a position of {held}");
            return;
        }
        let worst = self.worst(intent, mark) * intent.quantity.get();
        assert!(self.limits.max_order_notional.is_none_or(|max| worst <= max.get()));
        assert!(self.limits.max_price_age.is_none_or(|max| now - at <= max));
        let loss = self.day_open - self.equity();
        assert!(self.limits.max_daily_loss_abs.is_none_or(|max| loss < max.get()));
        // `reduces` counted the order itself as new; now it is among the open ones.
        let against = if intent.side == Side::Sell { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        if self.open_quantity(intent.symbol, intent.side) <= self.position(intent.symbol) * against {
            return;
        }
        let own = self.exposure(intent.symbol).unwrap();
        let total = own + self.others(intent.symbol);
        assert!(self.limits.max_symbol_exposure_notional.is_none_or(|max| own <= max.get()));
        assert!(self.limits.max_total_exposure_notional.is_none_or(|max| total <= max.get()));
    }

    /// What a fraction of the equity asks for, and the most that every limit and the equity allow.
    pub fn size(&self, symbol: Symbol, side: Side, fraction: Decimal) -> (Decimal, Decimal) {
        let Some(mark) = self.price(symbol) else { return (Decimal::ZERO, Decimal::ZERO) };
        let lot = self.instrument(symbol).lot_size.get();
        let mut lots = (self.equity() * fraction / mark / lot).ceil().max(Decimal::ZERO);
        while lots * lot * mark > self.equity() * fraction && lots > Decimal::ZERO {
            lots -= Decimal::ONE;
        }
        let wanted = lots * lot;
        let order = |lots: Decimal| OrderIntent {
            id: OrderId(0),
            input: 0,
            decided_at: Timestamp(0),
            symbol,
            side,
            quantity: Quantity(lots * lot),
            order_type: OrderType::Market,
            limit_price: None,
            stop_price: None,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            reduce_only: false,
            purpose: Purpose::Entry,
            reason: IntentReason::EntryLong,
            decision_price: None,
        };
        let fits = |lots: Decimal| {
            let order = order(lots);
            let own = self.exposure_with(symbol, mark, Some(&order));
            let total = own + self.others(symbol);
            let worst = mark * (Decimal::ONE + self.slip) * order.quantity.get();
            let reduces = self.reduces(&order);
            let all = self.instruments.iter().flat_map(|i| {
                [Side::Buy, Side::Sell].into_iter().flat_map(move |side| {
                    let mark = self.price(i.symbol).unwrap_or_default();
                    self.open(i.symbol, side).map(move |(intent, left)| {
                        left * if side == Side::Buy { self.worst(intent, mark) } else { mark }
                    })
                })
            });
            let traded: Decimal = all.sum::<Decimal>() + worst;
            let limits = &self.limits;
            total + traded * self.fee <= self.equity()
                && limits.max_order_notional.is_none_or(|max| worst <= max.get())
                && (reduces || limits.max_symbol_exposure_notional.is_none_or(|max| own <= max.get()))
                && (reduces || limits.max_total_exposure_notional.is_none_or(|max| total <= max.get()))
        };
        if fits(lots) {
            return (wanted, wanted);
        }
        let (mut low, mut high) = (Decimal::ZERO, lots);
        while high - low > Decimal::ONE {
            let middle = ((low + high) / Decimal::TWO).floor();
            if fits(middle) { low = middle } else { high = middle }
        }
        (wanted, low * lot)
    }
}
