//! What must hold whatever is ordered and whatever the market does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::domain::{
    Bar, Bps, MarketEvent, OrderId, OrderType, Price, Quantity, Quote, Side, Span, TimeInForce, Timeframe,
    Timestamp, Trade,
};
use crate::execution::testing::{d, minute, order, params, q};
use crate::execution::{HaltGate, OrderLedger, PaperParams, PaperVenue, Venue};
use crate::messages::{Fill, Input, Liquidity, OrderIntent, OrderState, Purpose, VenueReport};
use crate::risk::ApprovedOrder;

/// One thing that happens: a market event, then perhaps orders decided on it, and a cancel.
#[derive(Debug, Clone)]
struct Act {
    event: MarketEvent,
    orders: Vec<OrderIntent>,
    cancel: Option<u64>,
}

fn price(tenths: i64) -> Price {
    Price::from_scaled(tenths, 1)
}

fn any_event(minutes_on: i64) -> impl Strategy<Value = MarketEvent> {
    let ticks = 950..1050i64;
    prop_oneof![
        3 => (prop::array::uniform4(ticks.clone()), 0..40_000i64).prop_map(move |(mut ticks, volume)| {
            ticks.sort_unstable();
            let [low, a, b, high] = ticks.map(price);
            let (open, close) = if volume % 2 == 0 { (a, b) } else { (b, a) };
            MarketEvent::Bar(Bar {
                open_time: minute(minutes_on),
                timeframe: Timeframe::M1,
                open, high, low, close,
                volume: Quantity::from_scaled(volume / 4 * 4, 4),
                trade_count: None,
            })
        }),
        1 => (ticks.clone(), 0..4_000i64).prop_map(move |(tick, quantity)| MarketEvent::Trade(Trade {
            time: minute(minutes_on + 1),
            price: price(tick),
            quantity: Quantity::from_scaled(quantity, 3),
            taker_side: None,
            trade_id: None,
        })),
        1 => (ticks, 1..10i64, 0..4_000i64, 0..4_000i64).prop_map(move |(bid, spread, bids, asks)| {
            MarketEvent::Quote(Quote {
                time: minute(minutes_on + 1),
                bid: price(bid),
                bid_quantity: Quantity::from_scaled(bids, 3),
                ask: price(bid + spread),
                ask_quantity: Quantity::from_scaled(asks, 3),
            })
        }),
    ]
}

fn any_order(minutes_on: i64) -> impl Strategy<Value = OrderIntent> {
    let kind = (0..4u8, 0..4u8, any::<bool>(), 0..5u8, 0..5u8);
    (kind, 50..3_000i64, 950..1050i64, 950..1050i64, 0..4i64).prop_map(
        move |((kind, tif, buys, post, reduce), quantity, limit, stop, minutes)| {
            let side = if buys { Side::Buy } else { Side::Sell };
            let order_type = [OrderType::Market, OrderType::Limit, OrderType::Stop, OrderType::StopLimit]
                [usize::from(kind)];
            let gtd = TimeInForce::Gtd(minute(minutes_on + 2 + minutes));
            let time_in_force = [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, gtd][usize::from(tif)];
            OrderIntent {
                quantity: Quantity::from_scaled(quantity, 3),
                order_type,
                limit_price: order_type.has_limit().then(|| price(limit)),
                stop_price: order_type.has_stop().then(|| price(stop)),
                time_in_force,
                post_only: post == 0 && order_type.has_limit() && matches!(tif, 0 | 3),
                reduce_only: reduce == 0,
                purpose: if reduce == 0 { Purpose::Exit } else { Purpose::Entry },
                ..order(0, side)
            }
        },
    )
}

fn any_story() -> impl Strategy<Value = Vec<Act>> {
    (1..60usize).prop_flat_map(|length| {
        (0..length)
            .map(|n| {
                let on = i64::try_from(n).unwrap();
                let orders = prop::collection::vec(any_order(on), 0..3);
                (any_event(on), orders, prop::option::weighted(0.1, 1..60u64))
                    .prop_map(|(event, orders, cancel)| Act { event, orders, cancel })
            })
            .collect::<Vec<_>>()
    })
}

fn any_params() -> impl Strategy<Value = PaperParams> {
    (0..50i64, 0..=10i64, 0..3i64).prop_map(|(slippage, participation, latency)| PaperParams {
        slippage: Bps(Decimal::new(slippage, 0)),
        max_participation: Decimal::new(participation, 1),
        latency: Span::from_secs(latency * 45),
        ..params()
    })
}

/// What came of a story: all reports, with the orders and events they belong to.
struct Told {
    reports: Vec<VenueReport>,
    orders: BTreeMap<OrderId, OrderIntent>,
    events: BTreeMap<u64, MarketEvent>,
    venue: PaperVenue,
}

fn tell(story: &[Act], params: &PaperParams) -> Told {
    let mut venue = PaperVenue::new(params.clone()).unwrap();
    let gate = HaltGate::new();
    let (mut reports, mut orders, mut events) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut id = 0;
    for (n, act) in story.iter().enumerate() {
        let number = u64::try_from(n).unwrap() + 1;
        let now = act.event.time();
        events.insert(number, act.event);
        venue.on_input(&Input { number, event: act.event, accepted: true }, &mut reports);
        for intent in &act.orders {
            id += 1;
            let intent = OrderIntent { id: OrderId(id), input: number, decided_at: now, ..intent.clone() };
            orders.insert(intent.id, intent.clone());
            let permit = gate.permit().unwrap();
            venue.send(ApprovedOrder::unchecked(intent), permit, number, now, &mut reports);
        }
        if let Some(id) = act.cancel {
            venue.cancel(OrderId(id), "test", number, now, &mut reports);
        }
    }
    Told { reports, orders, events, venue }
}

fn fills(reports: &[VenueReport]) -> impl Iterator<Item = &Fill> {
    reports.iter().filter_map(|report| match report {
        VenueReport::Fill(fill) => Some(fill),
        VenueReport::Update(_) => None,
    })
}

/// When an event's first price traded, and its lowest and highest price for this side.
fn extent(event: &MarketEvent, side: Side) -> (Timestamp, Price, Price) {
    match event {
        MarketEvent::Bar(bar) => (bar.open_time, bar.low, bar.high),
        MarketEvent::Trade(trade) => (trade.time, trade.price, trade.price),
        MarketEvent::Quote(quote) if side == Side::Buy => (quote.time, quote.ask, quote.ask),
        MarketEvent::Quote(quote) => (quote.time, quote.bid, quote.bid),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_fill_s_price_is_one_the_event_had_f7_f12(story in any_story(), params in any_params()) {
        let told = tell(&story, &params);
        let tick = params.instrument.tick_size;
        for fill in fills(&told.reports) {
            let order = &told.orders[&fill.order_id];
            let event = &told.events[&fill.input];
            let (_, low, high) = extent(event, fill.side);
            prop_assert!(fill.price.is_on_tick(tick) && fill.price.is_positive());
            if let Some(limit) = order.limit_price {
                match fill.side {
                    Side::Buy => prop_assert!(fill.price <= limit, "{fill:?}"),
                    Side::Sell => prop_assert!(fill.price >= limit, "{fill:?}"),
                }
            }
            if fill.liquidity == Liquidity::Maker {
                prop_assert!(order.limit_price.is_some());
                match event {
                    MarketEvent::Bar(_) => prop_assert!(low <= fill.price && fill.price <= high, "{fill:?}"),
                    // A tick through a resting order trades at the order's own price.
                    _ => prop_assert_eq!(Some(fill.price), order.limit_price),
                }
            } else {
                // A taker's price is worse than the market's by the slippage, up to one tick.
                prop_assert!(!order.post_only);
                let slip = |price: Price| price.get() * params.slippage.factor();
                match fill.side {
                    Side::Buy => {
                        prop_assert!(fill.price >= low);
                        prop_assert!(fill.price.get() < high.get() + slip(high) + tick.get());
                    }
                    Side::Sell => {
                        prop_assert!(fill.price <= high);
                        prop_assert!(fill.price.get() > low.get() - slip(low) - tick.get());
                    }
                }
            }
        }
    }

    #[test]
    fn our_fills_are_no_more_than_our_share_f5(story in any_story(), params in any_params()) {
        let told = tell(&story, &params);
        let mut had: BTreeMap<(u64, Side), Quantity> = BTreeMap::new();
        for fill in fills(&told.reports) {
            let event = &told.events[&fill.input];
            let (key, volume) = match event {
                MarketEvent::Bar(bar) => ((fill.input, Side::Buy), bar.volume),
                MarketEvent::Trade(trade) => ((fill.input, Side::Buy), trade.quantity),
                MarketEvent::Quote(quote) if fill.side == Side::Buy => ((fill.input, Side::Buy), quote.ask_quantity),
                MarketEvent::Quote(quote) => ((fill.input, Side::Sell), quote.bid_quantity),
            };
            let sum = had.entry(key).or_default();
            *sum += fill.quantity;
            prop_assert!(sum.get() <= volume.get() * params.max_participation, "{fill:?}");
            prop_assert!(fill.quantity.is_positive() && fill.quantity.is_on_lot(params.instrument.lot_size));
            let bps = if fill.liquidity == Liquidity::Maker { d("0.0025") } else { d("0.0040") };
            let exact = fill.price.get() * fill.quantity.get() * bps;
            prop_assert!((fill.fee.get() - exact).abs() <= d("0.00005"), "{fill:?}");
        }
    }

    #[test]
    fn nothing_trades_before_it_may_f1_f2(story in any_story(), params in any_params()) {
        let told = tell(&story, &params);
        for (expected, fill) in (1..).zip(fills(&told.reports)) {
            let order = &told.orders[&fill.order_id];
            let (from, _, _) = extent(&told.events[&fill.input], fill.side);
            prop_assert_eq!(fill.fill_id, expected);
            prop_assert!(fill.input > order.input);
            prop_assert!(from >= order.decided_at + params.latency && fill.at >= from);
            if let TimeInForce::Gtd(date) = order.time_in_force {
                prop_assert!(fill.at <= date);
            }
        }
    }

    #[test]
    fn a_reduce_only_order_only_reduces_f17(story in any_story(), params in any_params()) {
        let told = tell(&story, &params);
        let mut position = Quantity::ZERO;
        for fill in fills(&told.reports) {
            let after = position + fill.side.signed(fill.quantity);
            if told.orders[&fill.order_id].reduce_only {
                prop_assert!(after.abs() < position.abs());
                prop_assert!(after.is_zero() || after.is_positive() == position.is_positive());
            }
            position = after;
        }
        prop_assert_eq!(position, told.venue.position());
    }

    /// The ledger takes every report, ends with the venue's own view, and each immediate order
    /// is over after the first event that it could trade on.
    #[test]
    fn venue_and_ledger_agree_f16(story in any_story(), params in any_params()) {
        let mut told = tell(&story, &params);
        let mut ledger = OrderLedger::new();
        for order in told.orders.values() {
            ledger.open(order.clone()).unwrap();
        }
        for report in &told.reports {
            let applied = ledger.apply(report);
            prop_assert!(applied.is_ok(), "{applied:?}");
            if let VenueReport::Update(update) = report {
                let record = ledger.get(update.order_id).unwrap();
                prop_assert_eq!((record.state(), record.filled()), (update.state, update.filled));
            }
        }
        prop_assert_eq!(ledger.open_count(), told.venue.open_orders());
        for record in ledger.open_orders() {
            let order = record.intent();
            let eligible = order.decided_at + params.latency;
            let met = told.events.range(order.input + 1..).any(|(_, event)| {
                extent(event, order.side).0 >= eligible
            });
            let immediate = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
            prop_assert!(!(immediate && met && !order.order_type.has_stop()), "{record:?}");
        }
        for order in told.orders.values().filter(|order| order.time_in_force == TimeInForce::Fok) {
            let record = ledger.get(order.id).unwrap();
            let none_or_all = record.filled().is_zero() || record.remaining().is_zero() || order.reduce_only;
            prop_assert!(none_or_all && record.fill_count() <= 1, "{record:?}");
        }
        let mut ends = Vec::new();
        told.venue.cancel_all("stop", 99, minute(99), &mut ends);
        for report in &ends {
            prop_assert_eq!(ledger.apply(report).unwrap().to, OrderState::Cancelled);
        }
        prop_assert_eq!((ledger.open_count(), told.venue.open_orders()), (0, 0));
    }

    #[test]
    fn the_same_story_gives_the_same_reports(story in any_story(), params in any_params()) {
        prop_assert_eq!(tell(&story, &params).reports, tell(&story, &params).reports);
    }

    /// Inputs may come alone, in batches, or with the venue moved in between; and whatever
    /// carries no offer (not accepted) may stand between them.
    #[test]
    fn how_inputs_are_batched_makes_no_difference(
        story in any_story(),
        params in any_params(),
        cut in 1..8usize,
    ) {
        let whole = tell(&story, &params);
        let mut venue = PaperVenue::new(params).unwrap();
        let gate = HaltGate::new();
        let (mut reports, mut id) = (Vec::new(), 0);
        for (chunk_number, chunk) in story.chunks(cut).enumerate() {
            let mut out = Vec::new();
            for (n, act) in chunk.iter().enumerate() {
                let number = u64::try_from(chunk_number * cut + n).unwrap() + 1;
                let now = act.event.time();
                venue.on_input(&Input { number, event: act.event, accepted: false }, &mut out);
                venue.on_input(&Input { number, event: act.event, accepted: true }, &mut out);
                for intent in &act.orders {
                    id += 1;
                    let intent =
                        OrderIntent { id: OrderId(id), input: number, decided_at: now, ..intent.clone() };
                    let permit = gate.permit().unwrap();
                    venue.send(ApprovedOrder::unchecked(intent), permit, number, now, &mut out);
                }
                if let Some(id) = act.cancel {
                    venue.cancel(OrderId(id), "test", number, now, &mut out);
                }
            }
            venue = venue.clone();
            reports.append(&mut out);
        }
        prop_assert_eq!(reports, whole.reports);
    }
}

/// The random stories above are worth something only if they lead to fills of every kind.
#[test]
fn the_stories_lead_to_fills_of_every_kind() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..400 {
        let story = any_story().new_tree(&mut runner).unwrap().current();
        let params = PaperParams { max_participation: d("0.3"), ..params() };
        let told = tell(&story, &params);
        for fill in fills(&told.reports) {
            let order = &told.orders[&fill.order_id];
            let what = format!(
                "{} {} {:?}",
                order.order_type.as_str(),
                order.time_in_force.as_str(),
                fill.liquidity
            );
            *seen.entry(what).or_default() += 1;
            if order.reduce_only {
                *seen.entry("reduce_only".to_owned()).or_default() += 1;
            }
        }
        for report in &told.reports {
            if let VenueReport::Update(update) = report {
                *seen.entry(update.reason.clone()).or_default() += 1;
            }
        }
        assert!(told.venue.position().abs() < q("1000000"));
    }
    for (kind, maker) in [("market", false), ("limit", true), ("stop", false), ("stop_limit", true)] {
        for tif in ["gtc", "ioc", "fok", "gtd"] {
            assert!(seen.contains_key(&format!("{kind} {tif} Taker")), "{kind} {tif} Taker: {seen:#?}");
            let rests = maker && matches!(tif, "gtc" | "gtd");
            assert_eq!(seen.contains_key(&format!("{kind} {tif} Maker")), rests, "{kind} {tif} Maker");
        }
    }
    assert!(seen.contains_key("reduce_only"), "{seen:#?}");
    for reason in
        ["post-only: it", "reduce-only:", "fill or kill:", "immediate or cancel:", "good till date:"]
    {
        assert!(seen.keys().any(|key| key.starts_with(reason)), "{reason}: {seen:#?}");
    }
}
