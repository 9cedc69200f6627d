//! Market orders on bars: when, where, how much.

use super::none;
use crate::domain::{Bps, Side, Span};
use crate::execution::PaperParams;
use crate::execution::testing::{Bench, With, bar, d, minute, order, p, params, q};
use crate::messages::{OrderIntent, VenueReport};

#[test]
fn a_market_order_fills_at_the_next_open_f1_f11() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy));
    let reports = bench.feed_raw(bar(1, ["101", "105", "99", "103"], "10"));
    // 101 × 1 × 0.40 % = 0.404
    let VenueReport::Fill(fill) = &reports[0] else { panic!("{reports:?}") };
    assert_eq!((fill.price.to_string(), fill.fee.to_string()), ("101".to_owned(), "0.404".to_owned()));
    assert_eq!((fill.fill_id, fill.input, fill.at), (1, 2, minute(1)));
    let VenueReport::Update(update) = &reports[1] else { panic!("{reports:?}") };
    assert_eq!((update.state.as_str(), update.filled, update.at), ("filled", q("1"), minute(2)));
    assert_eq!(reports.len(), 2);
    assert_eq!(bench.venue.position(), q("1"));
}

#[test]
fn the_input_of_the_decision_never_fills_f1() {
    let mut bench = Bench::new(params());
    bench.place(order(1, Side::Buy));
    // The same input once more (a caller's mistake) and a bar from before the decision.
    let event = bar(1, ["101", "105", "99", "103"], "10");
    let input = crate::messages::Input { number: 1, event, accepted: true };
    let mut out = Vec::new();
    crate::execution::Venue::on_input(&mut bench.venue, &input, &mut out);
    assert!(out.is_empty());
    assert_eq!(bench.feed(bar(0, ["100", "100", "100", "100"], "10")), none());
    assert_eq!(bench.feed(bar(1, ["101", "101", "101", "101"], "10")).len(), 2);
}

#[test]
fn latency_that_ends_inside_a_bar_waits_for_the_next_open_f2() {
    let mut bench = Bench::new(PaperParams { latency: Span::from_millis(1), ..params() });
    bench.place(order(1, Side::Buy));
    assert_eq!(bench.feed(bar(1, ["101", "105", "99", "103"], "10")), none());
    assert_eq!(
        bench.feed(bar(2, ["102", "102", "102", "102"], "10")),
        ["fill 1: buy 1 @ 102 fee 0.408 taker", "1: filled 1"]
    );
}

#[test]
fn latency_of_a_whole_bar_fills_at_the_open_it_ends_at_f2() {
    let mut bench = Bench::new(PaperParams { latency: Span::from_secs(120), ..params() });
    bench.place(order(1, Side::Buy));
    assert_eq!(bench.feed(bar(1, ["101", "101", "101", "101"], "10")), none());
    assert_eq!(bench.feed(bar(2, ["102", "102", "102", "102"], "10")), none());
    assert_eq!(bench.feed(bar(3, ["103", "103", "103", "103"], "10")).len(), 2);
}

#[test]
fn what_finds_no_volume_goes_on_at_later_opens_f5_f11() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Sell).quantity("1.5"));
    // 10 % of 5.0009 is 0.50009: 0.5 in lots of 0.001.
    assert_eq!(
        bench.feed(bar(1, ["100", "110", "90", "95"], "5.0009")),
        ["fill 1: sell 0.5 @ 100 fee 0.2 taker", "1: partially_filled 0.5"]
    );
    assert_eq!(bench.feed(bar(2, ["95", "96", "94", "95"], "0")), none());
    assert_eq!(bench.feed(bar(3, ["95", "96", "94", "95"], "0.009")), none());
    assert_eq!(
        bench.feed(bar(4, ["90", "91", "89", "90"], "8")),
        ["fill 1: sell 0.8 @ 90 fee 0.288 taker", "1: partially_filled 1.3"]
    );
    assert_eq!(
        bench.feed(bar(5, ["80", "81", "79", "80"], "8")),
        ["fill 1: sell 0.2 @ 80 fee 0.064 taker", "1: filled 1.5"]
    );
}

#[test]
fn all_our_orders_share_one_bar_oldest_first_f5_f10() {
    let mut bench = Bench::new(PaperParams { max_participation: d("0.1"), ..params() });
    bench.place(order(1, Side::Buy));
    bench.place(order(2, Side::Sell));
    bench.place(order(3, Side::Buy));
    assert_eq!(
        bench.feed(bar(1, ["100", "100", "100", "100"], "15")),
        [
            "fill 1: buy 1 @ 100 fee 0.4 taker",
            "1: filled 1",
            "fill 2: sell 0.5 @ 100 fee 0.2 taker",
            "2: partially_filled 0.5"
        ]
    );
}

#[test]
fn slippage_is_against_the_trader_and_rounded_against_him_f7() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("5")), ..params() });
    bench.place(order(1, Side::Buy));
    bench.place(order(2, Side::Sell));
    // 5 bps of 100.3 are 0.05015: 100.35015 up to 100.4, 100.24985 down to 100.2.
    // Fees: 0.4016 and 0.4008.
    assert_eq!(
        bench.feed(bar(1, ["100.3", "101", "100", "101"], "10")),
        [
            "fill 1: buy 1 @ 100.4 fee 0.4016 taker",
            "1: filled 1",
            "fill 2: sell 1 @ 100.2 fee 0.4008 taker",
            "2: filled 1"
        ]
    );
}

#[test]
fn a_price_never_slips_to_nought_f7() {
    let mut bench = Bench::new(PaperParams { slippage: Bps(d("5000")), ..params() });
    bench.place(order(1, Side::Sell).quantity("100"));
    let reports = bench.feed(bar(1, ["0.1", "0.1", "0.1", "0.1"], "1000"));
    assert_eq!(reports, ["fill 1: sell 100 @ 0.1 fee 0.04 taker", "1: filled 100"]);
}

#[test]
fn fees_round_half_away_from_nought_f8() {
    let mut bench = Bench::new(PaperParams { fee_decimals: 2, ..params() });
    bench.place(order(1, Side::Buy).quantity("1.25"));
    // 1.25 × 101 × 0.40 % = 0.505, a half: away from nought. 1.25 × 100.5 × 0.40 % = 0.5025.
    assert_eq!(
        bench.feed(bar(1, ["101", "101", "101", "101"], "10"))[0],
        "fill 1: buy 1.25 @ 101 fee 0.51 taker"
    );
    bench.place(order(2, Side::Buy).quantity("1.25"));
    assert_eq!(
        bench.feed(bar(2, ["100.5", "101", "100", "101"], "10"))[0],
        "fill 2: buy 1.25 @ 100.5 fee 0.5 taker"
    );
}

#[test]
fn kraken_s_fees_on_a_real_price_f8() {
    let mut bench = Bench::new(params());
    let decision_price = Some(p("56870"));
    bench.place(OrderIntent { decision_price, ..order(1, Side::Buy).quantity("0.015") });
    // 0.015 × 56,874.6 = 853.119; 0.40 % of it = 3.412476.
    assert_eq!(
        bench.feed(bar(1, ["56874.6", "56900", "56800", "56850"], "3"))[0],
        "fill 1: buy 0.015 @ 56874.6 fee 3.4125 taker"
    );
}
