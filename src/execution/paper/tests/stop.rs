//! Stop and stop-limit orders on bars.

use super::none;
use crate::domain::{Bps, Side, TimeInForce};
use crate::execution::PaperParams;
use crate::execution::testing::{Bench, With, bar, d, order, params};

#[test]
fn a_stop_triggers_at_its_price_and_pays_slippage_f14() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("10")), ..params() });
    bench.place(order(1, Side::Buy).stop("105"));
    bench.place(order(2, Side::Sell).stop("95"));
    assert_eq!(bench.feed(bar(1, ["100", "104.9", "95.1", "100"], "10")), none());
    // A stop triggers when touched: 105 × 1.001 = 105.105 → 105.2; 95 × 0.999 = 94.905 → 94.9.
    assert_eq!(
        bench.feed(bar(2, ["100", "105", "95", "100"], "10")),
        [
            "fill 1: buy 1 @ 105.2 fee 0.4208 taker",
            "1: filled 1",
            "fill 2: sell 1 @ 94.9 fee 0.3796 taker",
            "2: filled 1"
        ]
    );
}

#[test]
fn a_gap_over_a_stop_fills_at_the_open_f14() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("10")), ..params() });
    bench.place(order(1, Side::Sell).stop("95"));
    assert_eq!(bench.feed(bar(1, ["100", "101", "99", "100"], "10")), none());
    // 90 × 0.999 = 89.91 → 89.9
    assert_eq!(
        bench.feed(bar(2, ["90", "96", "88", "95"], "10")),
        ["fill 1: sell 1 @ 89.9 fee 0.3596 taker", "1: filled 1"]
    );
    bench.place(order(2, Side::Buy).stop("105"));
    // 110 × 1.001 = 110.11 → 110.2
    assert_eq!(
        bench.feed(bar(3, ["110", "111", "104", "105"], "10")),
        ["fill 2: buy 1 @ 110.2 fee 0.4408 taker", "2: filled 1"]
    );
}

#[test]
fn what_a_stop_could_not_get_goes_on_as_a_market_order_f14() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Sell).stop("95"));
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "94", "100"], "4")),
        ["fill 1: sell 0.4 @ 95 fee 0.152 taker", "1: partially_filled 0.4"]
    );
    // Back above the stop: it was triggered and stays so.
    assert_eq!(
        bench.feed(bar(2, ["101", "102", "100", "101"], "10")),
        ["fill 1: sell 0.6 @ 101 fee 0.2424 taker", "1: filled 1"]
    );
}

#[test]
fn the_stop_wins_over_the_take_profit_in_the_same_bar_f10() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Buy, "1");
    // The take-profit is older and was traded through as well.
    bench.place(order(1, Side::Sell).limit("105").reduce_only());
    bench.place(order(2, Side::Sell).stop("95").reduce_only());
    assert_eq!(
        bench.feed(bar(2, ["100", "110", "90", "108"], "10")),
        [
            "fill 2: sell 1 @ 95 fee 0.38 taker",
            "2: filled 1",
            "1: cancelled 0 (reduce-only: no position is left to reduce)"
        ]
    );
}

#[test]
fn a_take_profit_at_the_open_is_certain_and_comes_before_the_stop_f10() {
    let mut bench = Bench::new(params());
    bench.hold(Side::Buy, "1");
    bench.place(order(1, Side::Sell).limit("105").reduce_only());
    bench.place(order(2, Side::Sell).stop("95").reduce_only());
    assert_eq!(bench.feed(bar(2, ["100", "101", "99", "100"], "10")), none());
    assert_eq!(
        bench.feed(bar(3, ["106", "110", "90", "108"], "10")),
        [
            "fill 1: sell 1 @ 105 fee 0.2625 maker",
            "1: filled 1",
            "2: cancelled 0 (reduce-only: no position is left to reduce)"
        ]
    );
}

#[test]
fn stops_trigger_in_the_order_in_which_the_price_reaches_them_f10() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Sell).stop("93"));
    bench.place(order(2, Side::Sell).stop("95"));
    assert_eq!(
        bench.feed(bar(1, ["100", "100", "90", "92"], "15")),
        [
            "fill 2: sell 1 @ 95 fee 0.38 taker",
            "2: filled 1",
            "fill 1: sell 0.5 @ 93 fee 0.186 taker",
            "1: partially_filled 0.5"
        ]
    );
}

#[test]
fn a_stop_limit_takes_where_it_triggers_and_not_beyond_its_limit_f15() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("100")), ..params() });
    bench.place(order(1, Side::Buy).stop("105").limit("105.5"));
    // 105 × 1.01 = 106.05, but no more than 105.5.
    assert_eq!(
        bench.feed(bar(1, ["100", "106", "99", "104"], "10")),
        ["fill 1: buy 1 @ 105.5 fee 0.422 taker", "1: filled 1"]
    );
}

#[test]
fn a_stop_limit_that_triggers_inside_a_bar_does_not_rest_into_the_same_bar_f15() {
    let mut bench = Bench::new(params());
    // Limit below the stop: after the trigger it rests. Whether the low of 99 came before or
    // after the trigger nobody knows.
    bench.place(order(1, Side::Buy).stop("105").limit("103"));
    assert_eq!(bench.feed(bar(1, ["104", "106", "99", "104"], "10")), none());
    assert_eq!(
        bench.feed(bar(2, ["104", "105", "102", "104"], "10")),
        ["fill 1: buy 1 @ 103 fee 0.2575 maker", "1: filled 1"]
    );
}

#[test]
fn a_gap_beyond_a_stop_limit_leaves_it_resting_f15() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Sell).stop("95").limit("94"));
    // Opens at 90: triggered, not met, rests at 94. What the bar does after its open counts.
    assert_eq!(bench.feed(bar(1, ["90", "93", "89", "92"], "10")), none());
    assert_eq!(
        bench.feed(bar(2, ["92", "96", "91", "95"], "10")),
        ["fill 1: sell 1 @ 94 fee 0.235 maker", "1: filled 1"]
    );
    bench.place(order(2, Side::Sell).stop("95").limit("94"));
    assert_eq!(
        bench.feed(bar(3, ["90", "95", "89", "92"], "10")),
        ["fill 2: sell 1 @ 94 fee 0.235 maker", "2: filled 1"]
    );
}

#[test]
fn a_post_only_stop_limit_is_cancelled_when_its_trigger_makes_it_take_f13_f15() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).stop("105").limit("106").post_only());
    assert_eq!(
        bench.feed(bar(1, ["100", "106", "99", "104"], "10")),
        ["1: cancelled 0 (post-only: it would have taken liquidity)"]
    );
}

#[test]
fn a_stop_s_time_in_force_begins_with_its_trigger_f16() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Buy).stop("105").tif(TimeInForce::Ioc));
    bench.place(order(2, Side::Buy).stop("106").tif(TimeInForce::Fok));
    bench.place(order(3, Side::Buy).stop("105").limit("104").tif(TimeInForce::Ioc));
    assert_eq!(bench.feed(bar(1, ["100", "101", "99", "100"], "0")), none());
    assert_eq!(bench.feed(bar(2, ["100", "101", "99", "100"], "10")), none());
    assert_eq!(
        bench.feed(bar(3, ["100", "107", "99", "100"], "6")),
        [
            "fill 1: buy 0.6 @ 105 fee 0.252 taker",
            "1: partially_filled 0.6",
            "1: cancelled 0.6 (immediate or cancel: the rest found no volume)",
            "3: cancelled 0 (immediate: the limit was not met at the first price)",
            "2: cancelled 0 (fill or kill: not enough volume for all of it)"
        ]
    );
}

#[test]
fn a_stop_on_the_wrong_side_of_the_market_triggers_at_once_f14() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).stop("95"));
    assert_eq!(bench.feed(bar(1, ["100", "101", "99", "100"], "10"))[0], "fill 1: buy 1 @ 100 fee 0.4 taker");
}
