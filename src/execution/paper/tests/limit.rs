//! Limit orders on bars.

use super::none;
use crate::domain::{Bps, Side};
use crate::execution::PaperParams;
use crate::execution::testing::{Bench, With, bar, d, minute, order, params};
use crate::messages::VenueReport;

#[test]
fn a_limit_that_is_only_touched_does_not_fill_f9() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("99"));
    bench.place(order(2, Side::Sell).limit("105"));
    assert_eq!(bench.feed(bar(1, ["100", "105", "99", "100"], "10")), none());
    // Through both: at their own prices, as makers, 0.25 % of 99 and of 105.
    assert_eq!(
        bench.feed(bar(2, ["100", "105.1", "98.9", "100"], "10")),
        [
            "fill 1: buy 1 @ 99 fee 0.2475 maker",
            "1: filled 1",
            "fill 2: sell 1 @ 105 fee 0.2625 maker",
            "2: filled 1"
        ]
    );
}

#[test]
fn a_limit_better_than_the_open_takes_at_the_open_f12() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("10")), ..params() });
    bench.place(order(1, Side::Buy).limit("102"));
    bench.place(order(2, Side::Sell).limit("98"));
    assert_eq!(
        bench.feed(bar(1, ["100", "103", "97", "100"], "10")),
        [
            "fill 1: buy 1 @ 100.1 fee 0.4004 taker",
            "1: filled 1",
            "fill 2: sell 1 @ 99.9 fee 0.3996 taker",
            "2: filled 1"
        ]
    );
}

#[test]
fn slippage_stops_at_the_limit_f12() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("100")), ..params() });
    bench.place(order(1, Side::Buy).limit("100.5"));
    assert_eq!(
        bench.feed(bar(1, ["100", "103", "97", "100"], "10"))[0],
        "fill 1: buy 1 @ 100.5 fee 0.402 taker"
    );
}

#[test]
fn a_limit_equal_to_the_open_rests_and_fills_when_traded_through_f9_f12() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("100"));
    assert_eq!(bench.feed(bar(1, ["100", "103", "100", "101"], "10")), none());
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("100"));
    let reports = bench.feed_raw(bar(1, ["100", "103", "97", "101"], "10"));
    let VenueReport::Fill(fill) = &reports[0] else { panic!("{reports:?}") };
    // Some time inside the bar: told with the bar's end.
    assert_eq!((fill.price.to_string(), fill.at), ("100".to_owned(), minute(2)));
}

#[test]
fn a_gap_through_a_resting_limit_gives_no_better_price_than_the_bar_s_worst_f12() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("10")), ..params() });
    bench.place(order(1, Side::Buy).limit("99"));
    bench.place(order(2, Side::Buy).limit("95"));
    assert_eq!(bench.feed(bar(1, ["100", "101", "99.5", "100"], "10")), none());
    // The bar lies wholly below the first limit: its high. The second lies inside it: the limit.
    assert_eq!(
        bench.feed(bar(2, ["94", "96", "93", "94"], "10")),
        [
            "fill 1: buy 1 @ 96 fee 0.24 maker",
            "1: filled 1",
            "fill 2: buy 1 @ 95 fee 0.2375 maker",
            "2: filled 1"
        ]
    );
    let mut bench = Bench::new(params());
    bench.place(order(3, Side::Sell).limit("105"));
    assert_eq!(bench.feed(bar(1, ["100", "101", "99.5", "100"], "10")), none());
    assert_eq!(
        bench.feed(bar(2, ["110", "112", "108", "110"], "10"))[0],
        "fill 3: sell 1 @ 108 fee 0.27 maker"
    );
}

#[test]
fn a_taker_s_rest_goes_on_taking_while_the_market_is_better_f12() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Buy).quantity("2").limit("110"));
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99", "100"], "5")),
        ["fill 1: buy 0.5 @ 100 fee 0.2 taker", "1: partially_filled 0.5"]
    );
    assert_eq!(
        bench.feed(bar(2, ["102", "103", "101", "102"], "5"))[0],
        "fill 1: buy 0.5 @ 102 fee 0.204 taker"
    );
    // Above the limit now: the rest lies down at 110, and the bar comes back through it.
    assert_eq!(
        bench.feed(bar(3, ["112", "113", "109", "110"], "5"))[0],
        "fill 1: buy 0.5 @ 110 fee 0.1375 maker"
    );
    assert_eq!(
        bench.feed(bar(4, ["111", "113", "109", "110"], "5")),
        ["fill 1: buy 0.5 @ 110 fee 0.1375 maker", "1: filled 2"]
    );
}

#[test]
fn a_resting_limit_fills_over_several_bars_by_volume_f5() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Sell).limit("105"));
    assert_eq!(
        bench.feed(bar(1, ["100", "106", "99", "100"], "4")),
        ["fill 1: sell 0.4 @ 105 fee 0.105 maker", "1: partially_filled 0.4"]
    );
    assert_eq!(
        bench.feed(bar(2, ["100", "106", "99", "100"], "6")),
        ["fill 1: sell 0.6 @ 105 fee 0.1575 maker", "1: filled 1"]
    );
}

#[test]
fn the_best_price_comes_first_then_the_oldest_f10() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Buy).limit("98"));
    bench.place(order(2, Side::Buy).limit("99"));
    bench.place(order(3, Side::Buy).limit("99"));
    assert_eq!(
        bench.feed(bar(1, ["100", "100", "97", "98"], "25")),
        [
            "fill 2: buy 1 @ 99 fee 0.2475 maker",
            "2: filled 1",
            "fill 3: buy 1 @ 99 fee 0.2475 maker",
            "3: filled 1",
            "fill 1: buy 0.5 @ 98 fee 0.1225 maker",
            "1: partially_filled 0.5"
        ]
    );
}

#[test]
fn post_only_is_cancelled_when_it_would_take_f13() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("101").post_only());
    bench.place(order(2, Side::Buy).limit("99").post_only());
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "98", "100"], "10")),
        [
            "1: cancelled 0 (post-only: it would have taken liquidity)",
            "fill 2: buy 1 @ 99 fee 0.2475 maker",
            "2: filled 1"
        ]
    );
}

#[test]
fn post_only_that_rests_stays_a_maker_across_a_gap_f13() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Sell).limit("105").post_only());
    assert_eq!(bench.feed(bar(1, ["100", "101", "98", "100"], "10")), none());
    assert_eq!(
        bench.feed(bar(2, ["107", "109", "104", "107"], "10"))[0],
        "fill 1: sell 1 @ 105 fee 0.2625 maker"
    );
}

#[test]
fn own_orders_do_not_meet_each_other_f19() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy).limit("99"));
    bench.place(order(2, Side::Sell).limit("98.5").quantity("2"));
    // The sell takes from the market at its open of 100; the buy at 99 stays untouched.
    assert_eq!(
        bench.feed(bar(1, ["100", "101", "99.5", "100"], "10")),
        ["fill 2: sell 2 @ 100 fee 0.8 taker", "2: filled 2"]
    );
    assert_eq!(crate::execution::Venue::open_orders(&bench.venue), 1);
}
