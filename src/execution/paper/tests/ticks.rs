//! Trades and quotes.

use super::none;
use crate::domain::{Bps, Side, Span, TimeInForce};
use crate::execution::PaperParams;
use crate::execution::testing::{Bench, With, d, minute, order, params, quote, trade};
use crate::messages::VenueReport;

fn at(millis: i64) -> crate::domain::Timestamp {
    minute(1) + Span::from_millis(millis)
}

fn half() -> PaperParams {
    PaperParams { max_participation: d("0.5"), slippage: Bps(d("10")), ..params() }
}

#[test]
fn a_market_order_takes_a_share_of_each_trade_f5_f11() {
    let mut bench = Bench::new(half());
    bench.place(order(1, Side::Buy));
    // 100 × 1.001 = 100.1; half of 1.5 is 0.75.
    assert_eq!(
        bench.feed(trade(at(0), "100", "1.5")),
        ["fill 1: buy 0.75 @ 100.1 fee 0.3003 taker", "1: partially_filled 0.75"]
    );
    assert_eq!(
        bench.feed(trade(at(5), "101", "8")),
        ["fill 1: buy 0.25 @ 101.2 fee 0.1012 taker", "1: filled 1"]
    );
}

#[test]
fn a_tick_before_the_latency_is_over_is_missed_f2() {
    let mut bench = Bench::new(PaperParams { latency: Span::from_millis(10), ..params() });
    bench.place(order(1, Side::Buy));
    assert_eq!(bench.feed(trade(at(9), "100", "10")), none());
    let reports = bench.feed_raw(trade(at(10), "101", "10"));
    let VenueReport::Fill(fill) = &reports[0] else { panic!("{reports:?}") };
    assert_eq!((fill.at, fill.price.to_string()), (at(10), "101".to_owned()));
}

#[test]
fn a_resting_limit_fills_at_its_price_when_a_trade_goes_through_f9_f12() {
    let mut bench = Bench::new(half());
    bench.place(order(1, Side::Buy).limit("99"));
    assert_eq!(bench.feed(trade(at(1), "100", "10")), none());
    assert_eq!(bench.feed(trade(at(2), "99", "10")), none());
    assert_eq!(
        bench.feed(trade(at(3), "98.5", "10")),
        ["fill 1: buy 1 @ 99 fee 0.2475 maker", "1: filled 1"]
    );
}

#[test]
fn a_limit_that_arrives_better_than_the_trade_takes_f12() {
    let mut bench = Bench::new(half());
    bench.place(order(1, Side::Sell).limit("99"));
    assert_eq!(bench.feed(trade(at(1), "100", "10"))[0], "fill 1: sell 1 @ 99.9 fee 0.3996 taker");
}

#[test]
fn a_stop_triggers_on_a_trade_and_takes_there_f14() {
    let mut bench = Bench::new(half());
    bench.place(order(1, Side::Sell).stop("95"));
    assert_eq!(bench.feed(trade(at(1), "95.1", "10")), none());
    // 94 × 0.999 = 93.906 → 93.9
    assert_eq!(bench.feed(trade(at(2), "94", "10"))[0], "fill 1: sell 1 @ 93.9 fee 0.3756 taker");
}

#[test]
fn quotes_fill_takers_at_the_other_side_f11() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy));
    bench.place(order(2, Side::Sell));
    assert_eq!(
        bench.feed(quote(at(1), ["99", "5"], ["101", "5"])),
        [
            "fill 1: buy 1 @ 101 fee 0.404 taker",
            "1: filled 1",
            "fill 2: sell 1 @ 99 fee 0.396 taker",
            "2: filled 1"
        ]
    );
}

#[test]
fn a_quote_at_the_limit_is_an_offer_and_trades_f9() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("101"));
    bench.place(order(2, Side::Buy).limit("100"));
    assert_eq!(
        bench.feed(quote(at(1), ["99", "5"], ["101", "5"])),
        ["fill 1: buy 1 @ 101 fee 0.404 taker", "1: filled 1"]
    );
    assert_eq!(
        bench.feed(quote(at(2), ["98", "5"], ["100", "5"])),
        ["fill 2: buy 1 @ 100 fee 0.25 maker", "2: filled 1"]
    );
}

#[test]
fn a_quote_that_stays_fills_once_f6() {
    let mut bench = Bench::new(half());
    bench.place(order(1, Side::Buy));
    // Half of 1 displayed: 0.5 at 101 × 1.001 = 101.101 → 101.2.
    assert_eq!(
        bench.feed(quote(at(1), ["99", "1"], ["101", "1"]))[0],
        "fill 1: buy 0.5 @ 101.2 fee 0.2024 taker"
    );
    assert_eq!(bench.feed(quote(at(2), ["98", "1"], ["101", "1"])), none());
    // More is displayed at the same price: half of 1.4 less the 0.5 we had.
    assert_eq!(
        bench.feed(quote(at(3), ["98", "1"], ["101", "1.4"]))[0],
        "fill 1: buy 0.2 @ 101.2 fee 0.081 taker"
    );
    // Another price is another quote.
    assert_eq!(bench.feed(quote(at(4), ["98", "1"], ["100", "1"])).len(), 2);
}

#[test]
fn a_quote_that_moved_while_nothing_was_open_is_new_f6() {
    let mut bench = Bench::new(half());
    bench.place(order(1, Side::Buy).quantity("0.5"));
    assert_eq!(bench.feed(quote(at(1), ["99", "1"], ["101", "1"])).len(), 2);
    bench.place(order(2, Side::Buy).quantity("0.5").tif(TimeInForce::Ioc));
    assert_eq!(
        bench.feed(quote(at(2), ["99", "1"], ["101", "1"])),
        ["2: cancelled 0 (immediate or cancel: the rest found no volume)"]
    );
    assert_eq!(bench.feed(quote(at(3), ["99", "1"], ["102", "1"])), none());
    bench.place(order(3, Side::Buy).quantity("0.5"));
    assert_eq!(bench.feed(quote(at(4), ["99", "1"], ["101", "1"])).len(), 2);
}

#[test]
fn a_side_without_quantity_offers_nothing_f18() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy));
    bench.place(order(2, Side::Buy).stop("101"));
    assert_eq!(bench.feed(quote(at(1), ["99", "5"], ["101", "0"])), none());
    assert_eq!(bench.feed(quote(at(2), ["99", "5"], ["100", "5"])).len(), 2);
}

#[test]
fn stops_look_at_the_quote_they_would_trade_at_f14() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Sell).stop("98"));
    assert_eq!(bench.feed(quote(at(1), ["98.1", "5"], ["102", "5"])), none());
    assert_eq!(
        bench.feed(quote(at(2), ["97.5", "5"], ["102", "5"]))[0],
        "fill 1: sell 1 @ 97.5 fee 0.39 taker"
    );
}
