use proptest::prelude::*;

use super::*;
use crate::domain::Span;

const MINUTE: i64 = 60;

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn bar_of(minute: i64, open: &str, high: &str, low: &str, close: &str, volume: &str) -> MarketEvent {
    MarketEvent::Bar(Bar {
        open_time: Timestamp::from_secs(minute * MINUTE),
        timeframe: Timeframe::M1,
        open: price(open),
        high: price(high),
        low: price(low),
        close: price(close),
        volume: volume.parse().unwrap(),
        trade_count: None,
    })
}

fn bar(minute: i64, close: &str) -> MarketEvent {
    bar_of(minute, close, close, close, close, "1")
}

fn trade(seconds: i64, id: Option<u64>, value: &str, quantity: &str) -> MarketEvent {
    MarketEvent::Trade(Trade {
        time: Timestamp::from_secs(seconds),
        price: price(value),
        quantity: quantity.parse().unwrap(),
        taker_side: None,
        trade_id: id,
    })
}

fn quote(seconds: i64, bid: &str, ask: &str) -> MarketEvent {
    MarketEvent::Quote(Quote {
        time: Timestamp::from_secs(seconds),
        bid: price(bid),
        bid_quantity: Quantity::from_scaled(1, 0),
        ask: price(ask),
        ask_quantity: Quantity::from_scaled(1, 0),
    })
}

/// Verdicts and findings of a sequence, inputs numbered from 1.
fn run(timeframe: Option<Timeframe>, events: &[MarketEvent]) -> (Vec<Checked>, Vec<DataIssue>) {
    let mut filter = QualityFilter::new(QualityParams { timeframe, ..QualityParams::default() });
    let mut issues = Vec::new();
    let verdicts = (1..).zip(events).map(|(n, e)| filter.check(n, e, &mut issues)).collect();
    (verdicts, issues)
}

fn accepted(events: &[MarketEvent]) -> (Vec<bool>, Vec<DataIssue>) {
    let (verdicts, issues) = run(None, events);
    (verdicts.into_iter().map(|c| c.accepted).collect(), issues)
}

fn kinds(issues: &[DataIssue]) -> Vec<&DataIssueKind> {
    issues.iter().map(|issue| &issue.kind).collect()
}

#[test]
fn the_bounds_are_the_documented_powers() {
    assert_eq!(MAX_PRICE, Decimal::from(10_i64.pow(12)));
    assert_eq!(MAX_VOLUME, Decimal::from(10_i64.pow(15)));
}

#[test]
fn a_gap_is_said_and_the_next_bar_carries_it() {
    let (verdicts, issues) =
        run(Some(Timeframe::M1), &[bar(1, "10"), bar(2, "10"), bar(6, "10"), bar(7, "10")]);
    assert_eq!(verdicts.iter().map(|c| c.gap_before).collect::<Vec<_>>(), [0, 0, 3, 0]);
    let (from, to) = (Timestamp::from_secs(180), Timestamp::from_secs(300));
    assert_eq!(kinds(&issues), [&DataIssueKind::Gap { missing: 3, from, to }]);
    assert_eq!((issues[0].input, issues[0].at), (3, Timestamp::from_secs(420)));
    assert_eq!(
        log_line(&issues[0]),
        "[DATA] Gap detected: 3 missing (1970-01-01T00:03:00Z to 1970-01-01T00:05:00Z), input 3 at 1970-01-01T00:07:00Z"
    );
}

#[test]
fn repeated_and_late_bars_are_dropped() {
    let events = [bar(1, "10"), bar(2, "10"), bar(2, "10"), bar(2, "11"), bar(1, "10"), bar(3, "10")];
    let (verdicts, issues) = accepted(&events);
    assert_eq!(verdicts, [true, true, false, false, false, true]);
    let newest = Timestamp::from_secs(180);
    assert_eq!(
        kinds(&issues),
        [
            &DataIssueKind::Duplicate,
            &DataIssueKind::ConflictingDuplicate,
            &DataIssueKind::OutOfOrder { newest }
        ]
    );
}

#[test]
fn trades_go_by_their_ids() {
    let events = [
        trade(1, Some(7), "10", "1"),
        trade(1, Some(8), "10", "1"),
        trade(1, Some(8), "10", "1"),
        trade(1, Some(8), "10", "2"),
        trade(2, Some(5), "10", "1"),
        trade(3, Some(11), "10", "1"),
        trade(2, Some(12), "10", "1"),
        trade(4, Some(13), "10", "1"),
    ];
    let (verdicts, issues) = run(None, &events);
    let flags: Vec<_> = verdicts.iter().map(|c| (c.accepted, c.gap_before)).collect();
    let no = (false, 0);
    assert_eq!(flags, [(true, 0), (true, 0), no, no, no, (true, 2), no, (true, 1)]);
    let (one, three) = (Timestamp::from_secs(1), Timestamp::from_secs(3));
    assert_eq!(
        kinds(&issues)[..4],
        [
            &DataIssueKind::Duplicate,
            &DataIssueKind::ConflictingDuplicate,
            &DataIssueKind::OutOfOrder { newest: one },
            &DataIssueKind::Gap { missing: 2, from: one, to: three },
        ]
    );
    assert_eq!(kinds(&issues)[4], &DataIssueKind::OutOfOrder { newest: three });
}

#[test]
fn trades_without_ids_may_repeat() {
    let same = trade(1, None, "10", "1");
    assert_eq!(accepted(&[same, same, trade(0, None, "10", "1")]).0, [true, true, false]);
}

#[test]
fn impossible_numbers_are_quarantined() {
    let cases = [
        (bar_of(2, "10", "10", "0", "10", "1"), "low = 0"),
        (bar_of(2, "-1", "10", "10", "10", "1"), "open = -1"),
        (bar_of(2, "10", "10", "10", "10", "-1"), "volume = -1"),
        (bar_of(2, "10", "9", "11", "10", "1"), "low 11 above high 9"),
        (bar_of(2, "12", "11", "9", "10", "1"), "open 12 outside 9 to 11"),
        (bar_of(2, "10", "11", "9", "8", "1"), "close 8 outside 9 to 11"),
        (bar_of(2, "10", "1000000000001", "9", "10", "1"), "above 1000000000000"),
        (bar_of(2, "10", "10", "10", "10", "1000000000000001"), "above 1000000000000000"),
        (trade(200, None, "0", "1"), "price = 0"),
        (trade(200, None, "10", "0"), "quantity = 0"),
        (trade(200, None, "10", "-2"), "quantity = -2"),
        (quote(200, "10", "10"), "bid 10 >= ask 10"),
        (quote(200, "11", "10"), "bid 11 >= ask 10"),
        (quote(200, "0", "10"), "bid = 0"),
    ];
    for (event, expected) in cases {
        let (verdicts, issues) = accepted(&[bar(1, "10"), event, bar(3, "10")]);
        assert!(!verdicts[1], "{expected}");
        assert!(issues[0].kind.to_string().contains(expected), "{expected}: {}", issues[0].kind);
        assert!(verdicts[2], "{expected}");
    }
    assert_eq!(accepted(&[bar_of(1, "10", "10", "10", "10", "0")]).0, [true]);
}

#[test]
fn a_quarantined_bar_leaves_a_gap_for_those_who_decide() {
    let bad = bar_of(2, "10", "10", "0", "10", "1");
    let (verdicts, issues) = run(None, &[bar(1, "10"), bad, bar(3, "10")]);
    // It arrived, so no gap is logged; but nobody saw it, so the next bar carries one.
    assert_eq!(verdicts[2], Checked { accepted: true, gap_before: 1 });
    assert_eq!(issues.len(), 1);
}

#[test]
fn foreign_and_misaligned_bars_do_not_move_the_time() {
    let MarketEvent::Bar(good) = bar(2, "10") else { panic!("no bar") };
    let misaligned = MarketEvent::Bar(Bar { open_time: good.open_time + Span::from_secs(7), ..good });
    let foreign =
        MarketEvent::Bar(Bar { timeframe: Timeframe::H1, open_time: Timestamp::from_secs(7_200), ..good });
    let (verdicts, issues) = run(Some(Timeframe::M1), &[bar(1, "10"), misaligned, foreign, bar(2, "10")]);
    assert_eq!(verdicts.iter().map(|c| c.accepted).collect::<Vec<_>>(), [true, false, false, true]);
    assert!(matches!(
        kinds(&issues)[..],
        [DataIssueKind::Misaligned { .. }, DataIssueKind::Misaligned { .. }]
    ));
}

#[test]
fn a_jump_waits_until_three_in_a_row_agree() {
    let events = [bar(1, "100"), bar(2, "130"), bar(3, "131"), bar(4, "129"), bar(5, "130")];
    let (verdicts, issues) = accepted(&events);
    assert_eq!(verdicts, [true, false, false, true, true]);
    let (from, to) = (price("100"), price("130"));
    assert_eq!(
        kinds(&issues),
        [
            &DataIssueKind::Jump { from, to, agreeing: 1 },
            &DataIssueKind::Jump { from, to: price("131"), agreeing: 2 },
            &DataIssueKind::NewLevel { from, to: price("129") },
        ]
    );
}

#[test]
fn a_single_bad_print_changes_nothing() {
    let events = [bar(1, "100"), bar(2, "1000"), bar(3, "101"), bar(4, "1000"), bar(5, "1000"), bar(6, "99")];
    let (verdicts, issues) = accepted(&events);
    assert_eq!(verdicts, [true, false, true, false, false, true]);
    assert!(issues.iter().all(|issue| matches!(issue.kind, DataIssueKind::Jump { .. })));
}

#[test]
fn prices_that_disagree_begin_anew() {
    let events = [
        bar(1, "100"),
        bar(2, "130"),
        bar(3, "200"),
        bar(4, "201"),
        bar(5, "50"),
        bar(6, "51"),
        bar(7, "52"),
    ];
    assert_eq!(accepted(&events).0, [true, false, false, false, false, false, true]);
}

#[test]
fn a_spike_inside_a_bar_counts() {
    let spike = bar_of(2, "100", "150", "99", "100", "1");
    let (verdicts, issues) = accepted(&[bar(1, "100"), spike, bar(3, "100")]);
    assert_eq!(verdicts, [true, false, true]);
    assert_eq!(kinds(&issues), [&DataIssueKind::Jump { from: price("100"), to: price("150"), agreeing: 1 }]);
}

#[test]
fn the_limit_itself_is_allowed() {
    for (value, ok) in [("120", true), ("120.00000001", false), ("80", true), ("79.99999999", false)] {
        assert_eq!(accepted(&[bar(1, "100"), bar(2, value)]).0[1], ok, "{value}");
    }
}

#[test]
fn quotes_repeat_or_are_late() {
    let events = [quote(1, "9", "10"), quote(1, "9", "10"), quote(1, "9", "11"), quote(0, "9", "10")];
    assert_eq!(accepted(&events).0, [true, false, true, false]);
}

fn any_event() -> impl Strategy<Value = MarketEvent> {
    let number = -3_i64..400;
    prop_oneof![
        (0_i64..40, [number.clone(), number.clone(), number.clone(), number.clone()], -1_i64..5).prop_map(
            |(minute, p, volume)| MarketEvent::Bar(Bar {
                open_time: Timestamp::from_secs(minute * 30),
                timeframe: Timeframe::M1,
                open: Price::from_scaled(p[0], 0),
                high: Price::from_scaled(p[1].max(p[2]), 0),
                low: Price::from_scaled(p[1].min(p[2]), 0),
                close: Price::from_scaled(p[3], 0),
                volume: Quantity::from_scaled(volume, 0),
                trade_count: None,
            })
        ),
        (0_i64..40, proptest::option::of(0_u64..30), number, -1_i64..5).prop_map(
            |(time, id, p, quantity)| {
                MarketEvent::Trade(Trade {
                    time: Timestamp::from_secs(time),
                    price: Price::from_scaled(p, 0),
                    quantity: Quantity::from_scaled(quantity, 0),
                    taker_side: None,
                    trade_id: id,
                })
            }
        ),
    ]
}

proptest! {
    /// Whatever arrives: what is accepted is sound and in order, and what is not has its finding.
    #[test]
    fn accepted_inputs_are_sound(events in proptest::collection::vec(any_event(), 0..60)) {
        let mut filter = QualityFilter::new(QualityParams::default());
        let (mut last_bar, mut last_trade) = (None, None);
        for (number, event) in (1..).zip(&events) {
            let mut issues = Vec::new();
            let checked = filter.check(number, event, &mut issues);
            prop_assert!(issues.iter().all(|issue| issue.input == number));
            if !checked.accepted {
                prop_assert!(!issues.is_empty());
                continue;
            }
            match event {
                MarketEvent::Bar(bar) => {
                    prop_assert!(bar.low.is_positive() && !bar.volume.is_negative());
                    prop_assert!(bar.low <= bar.open.min(bar.close) && bar.high >= bar.open.max(bar.close));
                    prop_assert!(last_bar.is_none_or(|last| last < bar.open_time));
                    last_bar = Some(bar.open_time);
                }
                MarketEvent::Trade(trade) => {
                    prop_assert!(trade.price.is_positive() && trade.quantity.is_positive());
                    prop_assert!(last_trade.is_none_or(|last| last <= trade.time));
                    last_trade = Some(trade.time);
                }
                MarketEvent::Quote(_) => {}
            }
        }
    }

    /// The shortcut in binary floating point never decides differently from the exact rule.
    #[test]
    fn the_shortcut_agrees_with_the_exact_band(
        last in 1_u64..10_u64.pow(12),
        factor in 0.7_f64..1.3,
        nudge in -2_i64..=2,
        scale in 0_u32..9,
    ) {
        let next = (last as f64 * factor) as i64 + nudge;
        prop_assume!(next > 0);
        let edges = [next, last as i64 * 12 / 10 + nudge, last as i64 * 8 / 10 + nudge];
        for next in edges.into_iter().filter(|next| *next > 0) {
            let (a, b) = (Decimal::new(last as i64, scale), Decimal::new(next, scale));
            let trades = [a, b].map(|p| MarketEvent::Trade(Trade {
                time: Timestamp::from_secs(0),
                price: Price(p),
                quantity: Quantity::from_scaled(1, 0),
                taker_side: None,
                trade_id: None,
            }));
            let believed = a <= MAX_PRICE && b <= MAX_PRICE;
            let within = b >= a * Decimal::new(8, 1) && b <= a * Decimal::new(12, 1);
            prop_assert_eq!(accepted(&trades).0[1], within && believed, "{} to {}", a, b);
        }
    }
}
