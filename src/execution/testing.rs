//! What the tests of this room share: orders, bars and a venue with round numbers.

use rust_decimal::Decimal;

use super::{HaltGate, PaperParams, PaperVenue, Venue};
use crate::domain::{
    Bar, Bps, Instrument, MarketEvent, Money, OrderId, OrderType, Price, Quantity, Quote, Side, Span,
    TimeInForce, Timeframe, Timestamp, Trade,
};
use crate::messages::{Fill, Input, IntentReason, OrderIntent, OrderState, Purpose, VenueReport};
use crate::risk::ApprovedOrder;

pub(crate) fn p(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(crate) fn d(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

/// `n` minutes after the first bar's open.
pub(crate) fn minute(n: i64) -> Timestamp {
    Timestamp::from_secs(1_727_740_800 + 60 * n)
}

pub(crate) fn instrument() -> Instrument {
    Instrument {
        symbol: "BTC/EUR".parse().unwrap(),
        tick_size: p("0.1"),
        lot_size: q("0.001"),
        min_quantity: q("0.01"),
        min_notional: Money::from_scaled(5, 0),
    }
}

/// No slippage, no latency, all of the volume, Kraken's fees.
pub(crate) fn params() -> PaperParams {
    PaperParams {
        instrument: instrument(),
        maker_fee: Bps(d("25")),
        taker_fee: Bps(d("40")),
        slippage: Bps(d("0")),
        max_participation: d("1"),
        latency: Span::ZERO,
        fee_decimals: 4,
    }
}

/// A market order of 1, decided at minute 1 (the close of the first bar) on input 1.
pub(crate) fn order(id: u64, side: Side) -> OrderIntent {
    OrderIntent {
        id: OrderId(id),
        input: 1,
        decided_at: minute(1),
        symbol: instrument().symbol,
        side,
        quantity: q("1"),
        order_type: OrderType::Market,
        limit_price: None,
        stop_price: None,
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        reduce_only: false,
        purpose: Purpose::Entry,
        reason: IntentReason::EntryLong,
        decision_price: Some(p("100")),
    }
}

/// Changes to an order, to be chained.
pub(crate) trait With: Sized {
    fn quantity(self, quantity: &str) -> Self;
    fn limit(self, price: &str) -> Self;
    fn stop(self, price: &str) -> Self;
    fn tif(self, time_in_force: TimeInForce) -> Self;
    fn post_only(self) -> Self;
    fn reduce_only(self) -> Self;
}

impl With for OrderIntent {
    fn quantity(mut self, quantity: &str) -> Self {
        self.quantity = q(quantity);
        self
    }
    fn limit(mut self, price: &str) -> Self {
        self.limit_price = Some(p(price));
        self.order_type = if self.stop_price.is_some() { OrderType::StopLimit } else { OrderType::Limit };
        self
    }
    fn stop(mut self, price: &str) -> Self {
        self.stop_price = Some(p(price));
        self.order_type = if self.limit_price.is_some() { OrderType::StopLimit } else { OrderType::Stop };
        self
    }
    fn tif(mut self, time_in_force: TimeInForce) -> Self {
        self.time_in_force = time_in_force;
        self
    }
    fn post_only(mut self) -> Self {
        self.post_only = true;
        self
    }
    fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self.purpose = Purpose::Exit;
        self
    }
}

/// The bar that opens at minute `n`.
pub(crate) fn bar(n: i64, [open, high, low, close]: [&str; 4], volume: &str) -> MarketEvent {
    MarketEvent::Bar(Bar {
        open_time: minute(n),
        timeframe: Timeframe::M1,
        open: p(open),
        high: p(high),
        low: p(low),
        close: p(close),
        volume: q(volume),
        trade_count: None,
    })
}

pub(crate) fn trade(time: Timestamp, price: &str, quantity: &str) -> MarketEvent {
    MarketEvent::Trade(Trade {
        time,
        price: p(price),
        quantity: q(quantity),
        taker_side: None,
        trade_id: None,
    })
}

pub(crate) fn quote(time: Timestamp, bid: [&str; 2], ask: [&str; 2]) -> MarketEvent {
    MarketEvent::Quote(Quote {
        time,
        bid: p(bid[0]),
        bid_quantity: q(bid[1]),
        ask: p(ask[0]),
        ask_quantity: q(ask[1]),
    })
}

/// A venue, with inputs numbered and reports rendered one line each.
pub(crate) struct Bench {
    pub(crate) venue: PaperVenue,
    input: u64,
    now: Timestamp,
    ids: u64,
}

impl Bench {
    /// After the first bar: input 1, minute 1.
    pub(crate) fn new(params: PaperParams) -> Self {
        Self { venue: PaperVenue::new(params).unwrap(), input: 1, now: minute(1), ids: 1_000 }
    }

    pub(crate) fn send_raw(&mut self, mut intent: OrderIntent) -> Vec<VenueReport> {
        intent.decided_at = self.now;
        intent.input = self.input;
        let mut out = Vec::new();
        let permit = HaltGate::new().permit().unwrap();
        self.venue.send(ApprovedOrder::unchecked(intent), permit, self.input, self.now, &mut out);
        out
    }

    pub(crate) fn send(&mut self, intent: OrderIntent) -> Vec<String> {
        lines(&self.send_raw(intent))
    }

    /// Sends an order that must be acknowledged.
    pub(crate) fn place(&mut self, intent: OrderIntent) {
        let reports = self.send_raw(intent);
        let state = |report: &VenueReport| match report {
            VenueReport::Update(update) => Some(update.state),
            VenueReport::Fill(_) => None,
        };
        let states: Vec<_> = reports.iter().filter_map(state).collect();
        assert_eq!(states, [OrderState::Submitted, OrderState::Success], "{reports:?}");
    }

    pub(crate) fn feed_raw(&mut self, event: MarketEvent) -> Vec<VenueReport> {
        self.input += 1;
        self.now = event.time();
        let mut out = Vec::new();
        self.venue.on_input(&Input { number: self.input, event, accepted: true }, &mut out);
        out
    }

    pub(crate) fn feed(&mut self, event: MarketEvent) -> Vec<String> {
        lines(&self.feed_raw(event))
    }

    /// Gives the venue a position by a market order on a bar of its own (which costs a minute).
    pub(crate) fn hold(&mut self, side: Side, quantity: &str) {
        self.ids += 1;
        self.place(order(self.ids, side).quantity(quantity));
        let open = (self.now - minute(0)).0 / 60_000_000_000;
        self.feed(bar(open, ["100", "100", "100", "100"], "1000000"));
        assert_eq!(self.venue.position().abs(), q(quantity));
    }

    pub(crate) fn cancel(&mut self, id: u64) -> Vec<String> {
        let mut out = Vec::new();
        self.venue.cancel(OrderId(id), "test", self.input, self.now, &mut out);
        lines(&out)
    }

    pub(crate) fn cancel_all(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        self.venue.cancel_all("stop", self.input, self.now, &mut out);
        lines(&out)
    }
}

/// `fill 7: buy 0.5 @ 100 fee 0.2 taker` and `7: cancelled 0.5 (reason)`.
pub(crate) fn lines(reports: &[VenueReport]) -> Vec<String> {
    reports.iter().map(line).collect()
}

fn line(report: &VenueReport) -> String {
    match report {
        VenueReport::Fill(Fill { order_id, side, quantity, price, fee, liquidity, .. }) => {
            let liquidity = format!("{liquidity:?}").to_lowercase();
            format!("fill {}: {side} {quantity} @ {price} fee {fee} {liquidity}", order_id.0)
        }
        VenueReport::Update(update) if update.reason.is_empty() => {
            format!("{}: {} {}", update.order_id.0, update.state, update.filled)
        }
        VenueReport::Update(update) => {
            format!("{}: {} {} ({})", update.order_id.0, update.state, update.filled, update.reason)
        }
    }
}
