//! IOC, FOK and GTD.

use super::none;
use crate::domain::{Side, Span, TimeInForce};
use crate::execution::PaperParams;
use crate::execution::testing::{Bench, With, bar, d, minute, order, params, trade};

fn a_tenth() -> PaperParams {
    PaperParams { max_participation: d("0.1"), ..params() }
}

#[test]
fn ioc_fills_what_there_is_and_cancels_the_rest_f16() {
    let mut bench = Bench::new(a_tenth());
    bench.place(order(1, Side::Buy).tif(TimeInForce::Ioc));
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "4")),
        [
            "fill 1: buy 0.4 @ 100 fee 0.16 taker",
            "1: partially_filled 0.4",
            "1: cancelled 0.4 (immediate or cancel: the rest found no volume)"
        ]
    );
    bench.place(order(2, Side::Buy).limit("101").tif(TimeInForce::Ioc));
    assert_eq!(
        bench.feed(bar(2, ["100", "101", "99", "100"], "10")),
        ["fill 2: buy 1 @ 100 fee 0.4 taker", "2: filled 1"]
    );
}

#[test]
fn an_ioc_limit_looks_at_the_open_only_f16() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("99.5").tif(TimeInForce::Ioc));
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "10")),
        ["1: cancelled 0 (immediate: the limit was not met at the first price)"]
    );
}

#[test]
fn fok_is_all_or_nothing_by_volume_f16() {
    let mut bench = Bench::new(a_tenth());
    bench.place(order(1, Side::Buy).tif(TimeInForce::Fok));
    bench.place(order(2, Side::Buy).tif(TimeInForce::Fok));
    // 10 % of 19.99 is 1.999: enough for the first, not for the second.
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "19.99")),
        [
            "fill 1: buy 1 @ 100 fee 0.4 taker",
            "1: filled 1",
            "2: cancelled 0 (fill or kill: not enough volume for all of it)"
        ]
    );
    bench.place(order(3, Side::Sell).limit("99").tif(TimeInForce::Fok));
    assert_eq!(
        bench.feed(bar(2, ["100", "101", "99", "100"], "10")),
        ["fill 3: sell 1 @ 100 fee 0.4 taker", "3: filled 1"]
    );
    bench.place(order(4, Side::Sell).limit("101").tif(TimeInForce::Fok));
    assert_eq!(
        bench.feed(bar(3, ["100", "102", "99", "100"], "10")),
        ["4: cancelled 0 (immediate: the limit was not met at the first price)"]
    );
}

#[test]
fn immediate_orders_end_where_nothing_trades_f16_f18() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).tif(TimeInForce::Ioc));
    bench.place(order(2, Side::Buy).limit("99").tif(TimeInForce::Fok));
    assert_eq!(
        bench.feed(bar(1, ["100", "100", "100", "100"], "0")),
        ["1: cancelled 0 (immediate: nothing traded)", "2: cancelled 0 (immediate: nothing traded)"]
    );
}

#[test]
fn immediate_means_the_first_event_after_the_latency_f16() {
    let mut bench = Bench::new(PaperParams { latency: Span::from_millis(500), ..params() });
    bench.place(order(1, Side::Buy).tif(TimeInForce::Ioc));
    assert_eq!(bench.feed(bar(1, ["100", "100", "100", "100"], "0")), none());
    assert_eq!(bench.feed(bar(2, ["100", "100", "100", "100"], "10")).len(), 2);
}

#[test]
fn gtd_trades_on_bars_that_end_by_its_date_and_on_no_other_f16() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("99").tif(TimeInForce::Gtd(minute(3))));
    bench.place(order(2, Side::Buy).limit("98").tif(TimeInForce::Gtd(minute(3))));
    bench.place(order(3, Side::Buy).limit("97").tif(TimeInForce::Gtd(minute(3) + Span(1))));
    assert_eq!(bench.feed(bar(1, ["100", "101", "99", "100"], "10")), none());
    // The bar ends at the date: it trades, then what is left expires.
    assert_eq!(
        bench.feed(bar(2, ["100", "101", "98", "100"], "10")),
        [
            "fill 1: buy 1 @ 99 fee 0.2475 maker",
            "1: filled 1",
            "2: expired 0 (good till date: the date was reached)"
        ]
    );
    // This bar holds the date of the third: whether it traded in time nobody knows.
    assert_eq!(
        bench.feed(bar(3, ["100", "101", "90", "100"], "10")),
        ["3: expired 0 (good till date: the date was reached)"]
    );
}

#[test]
fn an_expired_order_says_what_was_filled_f16() {
    let mut bench = Bench::new(a_tenth());
    bench.place(order(1, Side::Buy).tif(TimeInForce::Gtd(minute(2))));
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "4")),
        [
            "fill 1: buy 0.4 @ 100 fee 0.16 taker",
            "1: partially_filled 0.4",
            "1: expired 0.4 (good till date: the date was reached)"
        ]
    );
}

#[test]
fn a_tick_at_the_date_is_too_late_f16() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).tif(TimeInForce::Gtd(minute(2))));
    assert_eq!(
        bench.feed(trade(minute(2), "100", "10")),
        ["1: expired 0 (good till date: the date was reached)"]
    );
    bench.place(order(2, Side::Buy).tif(TimeInForce::Gtd(minute(4))));
    assert_eq!(bench.feed(trade(minute(4) - Span(1), "100", "10")).len(), 2);
}

#[test]
fn gtd_ends_while_the_latency_still_runs_f16() {
    let mut bench = Bench::new(PaperParams { latency: Span::from_secs(600), ..params() });
    bench.place(order(1, Side::Buy).tif(TimeInForce::Gtd(minute(2))));
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "10")),
        ["1: expired 0 (good till date: the date was reached)"]
    );
}
