//! Reduce-only orders.

use super::none;
use crate::domain::{Side, TimeInForce};
use crate::execution::PaperParams;
use crate::execution::testing::{Bench, With, bar, d, order, params, q};

#[test]
fn it_is_cut_to_the_position_and_never_flips_it_f17() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Buy, "0.6");
    bench.place(order(1, Side::Sell).reduce_only());
    assert_eq!(
        bench.feed(bar(2, ["100", "101", "99", "100"], "10")),
        [
            "fill 1: sell 0.6 @ 100 fee 0.24 taker",
            "1: partially_filled 0.6",
            "1: cancelled 0.6 (reduce-only: no position is left to reduce)"
        ]
    );
    assert_eq!(bench.venue.position(), q("0"));
}

#[test]
fn it_buys_back_a_short_f17() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Sell, "1");
    bench.place(order(1, Side::Buy).reduce_only());
    assert_eq!(
        bench.feed(bar(2, ["100", "101", "99", "100"], "10")),
        ["fill 1: buy 1 @ 100 fee 0.4 taker", "1: filled 1"]
    );
    assert_eq!(bench.venue.position(), q("0"));
}

#[test]
fn with_nothing_to_reduce_it_is_cancelled_when_it_would_trade_f17() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Sell).reduce_only());
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "10")),
        ["1: cancelled 0 (reduce-only: no position is left to reduce)"]
    );
    bench.hold(Side::Sell, "1");
    bench.place(order(2, Side::Sell).reduce_only());
    assert_eq!(
        bench.feed(bar(3, ["100", "101", "99", "100"], "10")),
        ["2: cancelled 0 (reduce-only: no position is left to reduce)"]
    );
}

#[test]
fn a_bracket_sent_with_its_entry_waits_for_it_f17() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy));
    bench.place(order(2, Side::Sell).stop("95").reduce_only());
    bench.place(order(3, Side::Sell).limit("110").reduce_only());
    assert_eq!(bench.feed(bar(1, ["100", "101", "99", "100"], "10")).len(), 2);
    assert_eq!(
        bench.feed(bar(2, ["100", "111", "99", "100"], "10")),
        [
            "fill 3: sell 1 @ 110 fee 0.275 maker",
            "3: filled 1",
            "2: cancelled 0 (reduce-only: no position is left to reduce)"
        ]
    );
}

#[test]
fn children_of_one_exit_share_the_position_f17() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Buy, "1.5");
    bench.place(order(1, Side::Sell).reduce_only());
    bench.place(order(2, Side::Sell).reduce_only());
    assert_eq!(
        bench.feed(bar(2, ["100", "101", "99", "100"], "10")),
        [
            "fill 1: sell 1 @ 100 fee 0.4 taker",
            "1: filled 1",
            "fill 2: sell 0.5 @ 100 fee 0.2 taker",
            "2: partially_filled 0.5",
            "2: cancelled 0.5 (reduce-only: no position is left to reduce)"
        ]
    );
}

#[test]
fn fok_and_reduce_only_is_all_of_the_position_or_nothing_f17() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.hold(Side::Buy, "0.5");
    bench.place(order(1, Side::Sell).reduce_only().tif(TimeInForce::Fok));
    assert_eq!(
        bench.feed(bar(2, ["100", "101", "99", "100"], "5")),
        [
            "fill 1: sell 0.5 @ 100 fee 0.2 taker",
            "1: partially_filled 0.5",
            "1: cancelled 0.5 (reduce-only: no position is left to reduce)"
        ]
    );
}

#[test]
fn what_is_below_the_minimum_gets_out_all_the_same_f4_f17() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Buy, "0.05");
    bench.place(order(1, Side::Sell).quantity("0.046").reduce_only());
    assert_eq!(bench.feed(bar(2, ["100", "101", "99", "100"], "10")).len(), 2);
    // 0.004 is below the minimum quantity and notional.
    bench.place(order(2, Side::Sell).quantity("0.004").reduce_only());
    assert_eq!(
        bench.feed(bar(3, ["100", "101", "99", "100"], "10")),
        ["fill 2: sell 0.004 @ 100 fee 0.0016 taker", "2: filled 0.004"]
    );
    assert_eq!(bench.venue.position(), q("0"));
}

#[test]
fn a_position_that_flips_takes_its_exits_with_it_f17() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Buy, "1");
    bench.place(order(1, Side::Sell).limit("120").reduce_only());
    assert_eq!(bench.feed(bar(2, ["100", "101", "99", "100"], "10")), none());
    bench.place(order(2, Side::Sell).quantity("3"));
    assert_eq!(
        bench.feed(bar(3, ["100", "101", "99", "100"], "10")),
        [
            "fill 2: sell 3 @ 100 fee 1.2 taker",
            "2: filled 3",
            "1: cancelled 0 (reduce-only: no position is left to reduce)"
        ]
    );
    assert_eq!(bench.venue.position(), q("-2"));
}

#[test]
fn a_fill_that_reduced_nothing_leaves_waiting_exits_alone_f17() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Sell).limit("120").reduce_only());
    bench.place(order(2, Side::Sell));
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "10")),
        ["fill 2: sell 1 @ 100 fee 0.4 taker", "2: filled 1"]
    );
    assert_eq!(crate::execution::Venue::open_orders(&bench.venue), 1);
}
