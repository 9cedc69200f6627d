//! Taking orders, refusing them, cancelling them.

use super::none;
use crate::domain::{Bps, MarketEvent, Price, Side, Span, TimeInForce};
use crate::execution::testing::{Bench, With, bar, d, minute, order, p, params};
use crate::execution::{HaltGate, PaperParams, PaperVenue, Venue};
use crate::messages::{Input, OrderIntent};
use crate::risk::ApprovedOrder;

#[test]
fn an_order_is_submitted_and_acknowledged_at_once_f3() {
    let mut bench = Bench::new(PaperParams { latency: Span::from_secs(5), ..params() });
    assert_eq!(bench.send(order(1, Side::Buy)), ["1: submitted 0", "1: success 0"]);
    assert_eq!(bench.venue.open_orders(), 1);
}

#[test]
fn an_order_that_meets_a_shut_gate_does_not_begin_f22() {
    let mut venue = PaperVenue::new(params()).unwrap();
    let gate = HaltGate::new();
    let permit = gate.permit().unwrap();
    gate.trip("test", "the permit is out already");
    let mut out = Vec::new();
    venue.send(ApprovedOrder::unchecked(order(1, Side::Buy)), permit, 1, minute(1), &mut out);
    assert_eq!(crate::execution::testing::lines(&out), ["1: blocked_by_safety 0 (the gate is shut)"]);
    assert_eq!(venue.open_orders(), 0);
    assert!(matches!(gate.trip("test", "again"), crate::execution::Tripped::Quiet));
}

#[test]
fn a_malformed_order_is_rejected_with_the_reason_f4() {
    let cases: Vec<(OrderIntent, &str)> = vec![
        (order(1, Side::Buy).quantity("0.0105"), "quantity 0.0105 is not a multiple of the lot 0.001"),
        (order(1, Side::Buy).quantity("0.009"), "quantity 0.009 is below the minimum 0.01"),
        (order(1, Side::Buy).quantity("0"), "quantity 0 is not positive"),
        (order(1, Side::Buy).quantity("-1").reduce_only(), "quantity -1 is not positive"),
        (order(1, Side::Buy).quantity("0.049"), "notional 4.9 is below the minimum 5"),
        (order(1, Side::Buy).limit("99.95"), "price 99.95 is not a multiple of the tick 0.1"),
        (order(1, Side::Buy).stop("0"), "price 0 is not positive"),
        (
            OrderIntent { limit_price: None, ..order(1, Side::Buy).limit("99") },
            "a limit order needs a limit price",
        ),
        (
            OrderIntent { stop_price: None, ..order(1, Side::Buy).stop("99") },
            "a stop order needs a stop price",
        ),
        (
            OrderIntent { limit_price: None, ..order(1, Side::Buy).stop("99").limit("99") },
            "a stop_limit order needs a limit price",
        ),
        (
            OrderIntent { limit_price: Some(p("99")), ..order(1, Side::Buy) },
            "a market order has no limit price",
        ),
        (
            OrderIntent { stop_price: Some(p("99")), ..order(1, Side::Buy).limit("99") },
            "a limit order has no stop price",
        ),
        (order(1, Side::Buy).post_only(), "post-only needs a limit order that may rest, not market gtc"),
        (
            order(1, Side::Buy).limit("99").tif(TimeInForce::Ioc).post_only(),
            "post-only needs a limit order that may rest, not limit ioc",
        ),
        (
            order(1, Side::Buy).tif(TimeInForce::Gtd(minute(1))),
            "good till 2024-10-01T00:01:00Z, which has passed",
        ),
        (
            OrderIntent { decision_price: None, ..order(1, Side::Buy) },
            "no price is known that the minimum notional could be checked at",
        ),
        (
            OrderIntent { decision_price: Some(Price::ZERO), ..order(1, Side::Buy) },
            "no price is known that the minimum notional could be checked at",
        ),
        (
            OrderIntent { symbol: "ETH/EUR".parse().unwrap(), ..order(1, Side::Buy) },
            "ETH/EUR is not traded here, only BTC/EUR",
        ),
        (
            order(1, Side::Buy).quantity("70000000000000000000000000000"),
            "price × quantity: the exact result does not fit 28 decimal digits",
        ),
    ];
    for (intent, reason) in cases {
        let mut bench = Bench::new(params());
        assert_eq!(bench.send(intent), ["1: submitted 0".to_owned(), format!("1: rejected 0 ({reason})")]);
        assert_eq!(bench.venue.open_orders(), 0);
    }
}

#[test]
fn orders_that_are_in_order_are_taken_f4() {
    let gtd = TimeInForce::Gtd(minute(9));
    let mut bench = Bench::new(params());
    let all = [
        order(1, Side::Buy),
        order(2, Side::Buy).limit("99.9"),
        order(3, Side::Sell).stop("90"),
        order(4, Side::Sell).stop("90").limit("89"),
        order(5, Side::Buy).limit("99").tif(gtd).post_only(),
        OrderIntent { decision_price: None, ..order(6, Side::Buy).limit("99") },
        OrderIntent { decision_price: None, ..order(7, Side::Sell).reduce_only() },
        order(8, Side::Buy).quantity("0.05"),
    ];
    for intent in all {
        bench.place(intent);
    }
    assert_eq!(bench.venue.open_orders(), 8);
}

#[test]
fn the_number_of_open_orders_is_bounded_f20() {
    let mut bench = Bench::new(params());
    bench.venue = bench.venue.clone().with_max_open_orders(2);
    bench.place(order(1, Side::Buy).limit("90"));
    bench.place(order(2, Side::Buy).limit("90"));
    assert_eq!(bench.send(order(3, Side::Buy))[1], "3: rejected 0 (2 orders are open already)");
    bench.cancel(1);
    bench.place(order(4, Side::Buy).limit("90"));
    assert_eq!(PaperVenue::new(params()).unwrap().max_open_orders(), 10_000);
}

#[test]
fn an_id_that_is_open_is_not_taken_again_f4() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("90"));
    assert_eq!(bench.send(order(1, Side::Buy))[1], "1: rejected 0 (order o000001 is open already)");
    assert_eq!(bench.venue.open_orders(), 1);
}

#[test]
fn a_cancel_says_what_was_filled_and_leaves_others_alone_f3() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Buy));
    bench.place(order(2, Side::Buy).limit("90"));
    bench.feed(bar(1, ["100", "101", "99", "100"], "4"));
    assert_eq!(bench.cancel(1), ["1: cancelled 0.4 (test)"]);
    assert_eq!(bench.cancel(1), none());
    assert_eq!(bench.cancel(77), none());
    assert_eq!(bench.feed(bar(2, ["100", "101", "99", "100"], "40")), none());
    assert_eq!(bench.venue.open_orders(), 1);
}

#[test]
fn a_stop_cancels_all_oldest_first_and_keeps_the_position_f21() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Buy, "1");
    bench.place(order(2, Side::Sell).stop("90"));
    bench.place(order(1, Side::Buy).limit("80"));
    assert_eq!(bench.cancel_all(), ["2: cancelled 0 (stop)", "1: cancelled 0 (stop)"]);
    assert_eq!(bench.cancel_all(), none());
    assert_eq!(bench.venue.open_orders(), 0);
    assert_eq!(bench.venue.position().to_string(), "1");
}

#[test]
fn an_input_that_was_not_accepted_fills_nothing_f18() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy));
    let mut out = Vec::new();
    let event: MarketEvent = bar(1, ["100", "101", "99", "100"], "10");
    bench.venue.on_input(&Input { number: 2, event, accepted: false }, &mut out);
    assert!(out.is_empty());
    assert_eq!(bench.venue.open_orders(), 1);
}

#[test]
fn a_bar_without_volume_triggers_nothing_f18() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).stop("100"));
    bench.place(order(2, Side::Buy).limit("101").post_only());
    assert_eq!(bench.feed(bar(1, ["100", "100", "100", "100"], "0")), none());
    assert_eq!(bench.venue.open_orders(), 2);
}

#[test]
fn a_fill_that_does_not_fit_a_decimal_is_no_fill_f8() {
    let mut bench = Bench::new(params());
    bench.place(OrderIntent {
        decision_price: Some(p("1")),
        ..order(1, Side::Buy).quantity("1000000000000000000000")
    });
    assert_eq!(
        bench.feed(bar(
            1,
            ["70000000000.1", "70000000000.1", "70000000000.1", "70000000000.1"],
            "70000000000000000000000"
        )),
        ["1: cancelled 0 (price, fee or notional does not fit 28 decimal digits)"]
    );
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let cases = [
        (PaperParams { slippage: Bps(d("-1")), ..params() }, "slippage = -1"),
        (PaperParams { slippage: Bps(d("10000")), ..params() }, "slippage = 10000"),
        (PaperParams { max_participation: d("1.01"), ..params() }, "max_participation = 1.01"),
        (PaperParams { max_participation: d("-0.1"), ..params() }, "max_participation = -0.1"),
        (PaperParams { latency: Span(-1), ..params() }, "latency = -1 ns"),
        (PaperParams { fee_decimals: 29, ..params() }, "fee_decimals = 29"),
        (PaperParams { taker_fee: Bps(d("10000")), ..params() }, "taker_fee = 10000"),
    ];
    for (params, text) in cases {
        let error = PaperVenue::new(params).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert!(PaperVenue::new(PaperParams { maker_fee: Bps(d("-2")), ..params() }).is_ok());
}

#[test]
fn closed_orders_leave_nothing_behind_f20() {
    let mut bench = Bench::new(params());
    bench.place(order(1_000_000, Side::Buy).limit("50"));
    for id in 1..=20_000 {
        bench.place(order(id, if id % 2 == 0 { Side::Sell } else { Side::Buy }));
        let minutes_on = i64::try_from(id).unwrap();
        assert_eq!(bench.feed_raw(bar(minutes_on, ["100", "101", "99", "100"], "10")).len(), 2);
        assert_eq!(bench.venue.open_orders(), 1);
    }
    assert!(bench.venue.open.capacity() <= 8 && bench.venue.queue.capacity() <= 8);
}
