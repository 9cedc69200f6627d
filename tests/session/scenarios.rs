//! What a session does about bars made by hand, step by step.

use peak_trade::domain::Side;
use peak_trade::messages::{DecisionRecord, OrderState, Purpose, RiskCheck, RiskReason};
use rust_decimal::Decimal;

use crate::lab::Scene;
use crate::support::{Bench, text};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Position of each input's decisions: (input, side, purpose) of every intent.
fn decided(scene: &Scene) -> Vec<(u64, Side, Purpose)> {
    scene.intents().iter().map(|i| (i.input, i.side, i.purpose)).collect()
}

/// Positions of about 500, half the largest order, so that an exit is one order.
const SMALL: (&str, &str) = ("shadow_paper.position_fraction", "0.05");

/// Entry at bar 3, exit at the end; the shipped configuration lets both out.
fn rise_of_ten_per_cent(prices: &[i64]) {
    let mut targets = vec![0, 0, 1];
    targets.resize(prices.len() - 2, 1);
    targets.push(0);
    let mut scene = Scene::new(&targets, &[]);
    scene.bars(prices);
    let intents = scene.intents();
    let entry = &intents[0];
    assert_eq!(entry.purpose, Purpose::Entry);
    assert_eq!(entry.input, 3);
    // The limit is 1,000 and the position by now is worth about 1,100.
    let worth = entry.quantity.get() * Decimal::from(*prices.last().unwrap());
    assert!(worth > dec("1095"), "{worth}");
    let exits = &intents[1..];
    assert_eq!(exits.len(), 2, "{exits:?}");
    for exit in exits {
        assert_eq!(exit.purpose, Purpose::Exit);
        assert!(exit.reduce_only);
        assert!(exit.quantity.get() * Decimal::from(*prices.last().unwrap()) <= dec("1000"));
    }
    assert_eq!(exits[0].quantity + exits[1].quantity, entry.quantity);
    assert!(scene.refusals().is_empty(), "{:?}", scene.refusals());
    assert_eq!(scene.updates(OrderState::Filled).len(), 3);
    assert_eq!(scene.position(), Decimal::ZERO);
    let row = scene.rows().pop().unwrap();
    assert!(row.realized_pnl.get() > dec("90"), "{row:?}");
}

#[test]
fn entry_and_exit_both_execute_although_the_price_rose_ten_per_cent_in_steps() {
    let mut prices = vec![50_000; 4];
    prices.extend((1..=10).map(|n| 50_000 + n * 500));
    prices.extend([55_000; 3]);
    rise_of_ten_per_cent(&prices);
}

#[test]
fn entry_and_exit_both_execute_although_the_price_rose_ten_per_cent_at_once() {
    rise_of_ten_per_cent(&[50_000, 50_000, 50_000, 50_000, 55_000, 55_000, 55_000, 55_000]);
}

#[test]
fn a_reversal_is_a_close_and_then_an_entry_after_the_close_has_filled() {
    let mut scene = Scene::new(&[0, 1, 1, 1, -1], &[SMALL]);
    scene.bars(&[50_000; 8]);
    assert_eq!(
        decided(&scene),
        [(2, Side::Buy, Purpose::Entry), (5, Side::Sell, Purpose::Exit), (6, Side::Sell, Purpose::Entry)]
    );
    let filled: Vec<u64> = scene.fills().iter().map(|fill| fill.input).collect();
    assert_eq!(filled, [3, 6, 7]);
    assert!(scene.position() < Decimal::ZERO);
    // And back.
    let mut scene = Scene::new(&[-1, -1, -1, 1], &[SMALL]);
    scene.bars(&[50_000; 7]);
    assert_eq!(
        decided(&scene),
        [(1, Side::Sell, Purpose::Entry), (4, Side::Buy, Purpose::Exit), (5, Side::Buy, Purpose::Entry)]
    );
    assert!(scene.position() > Decimal::ZERO);
}

#[test]
fn entries_wait_after_a_gap_and_exits_do_not() {
    for (hold, expected) in [("0", 4), ("1", 5), ("3", 7)] {
        let set = [SMALL, ("data_quality.gap_hold_bars", hold)];
        let mut scene = Scene::new(&[0, 0, 0, 1], &set);
        scene.bars(&[50_000; 3]);
        scene.gap(5);
        scene.bars(&[50_000; 6]);
        assert_eq!(decided(&scene), [(expected, Side::Buy, Purpose::Entry)], "{hold} bars");
        assert_eq!(scene.rows()[3].gap_before, 5);
        let mut scene = Scene::new(&[1, 1, 1, 0], &set);
        scene.bars(&[50_000; 3]);
        scene.gap(5);
        scene.bars(&[50_000; 2]);
        assert_eq!(decided(&scene), [(1, Side::Buy, Purpose::Entry), (4, Side::Sell, Purpose::Exit)]);
        assert_eq!(scene.position(), Decimal::ZERO);
    }
}

#[test]
fn an_order_that_waits_over_a_long_gap_fills_at_the_open_after_it_and_nothing_is_stale() {
    // Two hours: sixty times the oldest price allowed. The bar after it brings a fresh price.
    let mut scene = Scene::new(&[0, 1, 1, 0, 0, 1], &[SMALL]);
    scene.bars(&[50_000; 2]);
    scene.gap(120);
    scene.bar_between(51_000, 51_500);
    scene.bars(&[51_500; 2]);
    scene.gap(120);
    scene.bars(&[51_500; 3]);
    let fills = scene.fills();
    // 51,000 and 5 bps, rounded up to the tick.
    assert_eq!((fills[0].input, fills[0].price.get()), (3, dec("51025.5")));
    assert!(scene.refusals().is_empty());
    // The last entry is decided on the gap's bar, held, and sent on the next.
    assert_eq!(
        decided(&scene),
        [(2, Side::Buy, Purpose::Entry), (4, Side::Sell, Purpose::Exit), (7, Side::Buy, Purpose::Entry)]
    );
}

#[test]
fn warm_up_bars_send_nothing_and_are_no_steps() {
    let mut scene = Scene::new(&[1], &[("shadow_paper.warmup_candles", "5")]);
    scene.bars(&[50_000; 5]);
    assert!(scene.records.is_empty(), "{:?}", scene.records);
    scene.bars(&[50_000; 2]);
    assert_eq!(decided(&scene), [(6, Side::Buy, Purpose::Entry)]);
    let rows = scene.rows();
    assert_eq!((rows.len(), rows[0].step, rows[0].input), (2, 1, 6));
    assert!(rows[0].signal_changed);
    assert!(!rows[1].signal_changed);
}

#[test]
fn a_change_of_mind_cancels_the_rest_and_then_the_exit_goes_out() {
    // A tenth of 0.05 a bar: the entry of about 0.0199 BTC would take four bars.
    let mut scene = Scene::new(&[0, 1, 1, 0], &[]).volume("0.05");
    scene.bars(&[50_000; 3]);
    assert_eq!(scene.position(), dec("0.005"));
    scene.bar(50_000);
    assert_eq!(scene.position(), dec("0.01"));
    let cancelled = scene.updates(OrderState::Cancelled);
    assert_eq!(cancelled.len(), 1);
    assert_eq!((cancelled[0].input, cancelled[0].filled.get()), (4, dec("0.01")));
    let intents = scene.intents();
    assert_eq!(decided(&scene), [(2, Side::Buy, Purpose::Entry), (4, Side::Sell, Purpose::Exit)]);
    assert_eq!(intents[1].quantity.get(), dec("0.01"));
    // The cancel was asked for before the exit was made.
    let place = |wanted: fn(&DecisionRecord) -> bool| {
        scene.records.iter().position(|r| r.key.input == 4 && wanted(&r.record)).unwrap()
    };
    let asked = place(|r| matches!(r, DecisionRecord::CancelRequested { .. }));
    let exit = place(|r| matches!(r, DecisionRecord::Intent { .. }));
    assert!(asked < exit);
    scene.bars(&[50_000; 2]);
    assert_eq!(scene.position(), Decimal::ZERO);
    assert_eq!(scene.intents().len(), 2);
}

#[test]
fn an_exit_under_way_is_called_back_when_the_position_is_wanted_after_all() {
    let mut scene = Scene::new(&[0, 1, 1, 1, 1, 1, 0, 1], &[SMALL]).volume("0.05");
    scene.bars(&[50_000; 9]);
    // Bought 2 × 0.005, sold 0.005 once at bar 8, then the rest stays.
    let exit = &scene.intents()[1];
    assert_eq!((exit.input, exit.purpose), (7, Purpose::Exit));
    let cancelled = scene.updates(OrderState::Cancelled);
    assert_eq!((cancelled.len(), cancelled[0].input, cancelled[0].order_id), (1, 8, exit.id));
    assert_eq!(scene.position(), scene.intents()[0].quantity.get() - dec("0.005"));
    assert_eq!(scene.intents().len(), 2, "nothing is bought on top");
}

#[test]
fn a_blocked_entry_is_said_once_and_not_retried_every_bar() {
    let set = [SMALL, ("live_risk.max_daily_loss_abs", "0.01")];
    // The round trip costs fees, which are a loss.
    let mut scene = Scene::new(&[1, 0, 0, 1, 1, 1, 1, 0, 1], &set);
    scene.bars(&[50_000; 12]);
    let refusals = scene.refusals();
    let at: Vec<u64> = refusals.iter().map(|(input, _)| *input).collect();
    // Once for each time the strategy begins to want it.
    assert_eq!(at, [4, 9]);
    let rows = scene.rows();
    for row in &rows {
        let blocked = at.contains(&row.input);
        assert_eq!(row.orders_blocked, u32::from(blocked), "step {}", row.step);
        assert_eq!(row.risk_reasons.len(), usize::from(blocked), "step {}", row.step);
    }
    assert!(rows[3].risk_reasons[0].starts_with("max_daily_loss_abs reached ("), "{:?}", rows[3]);
    let totals = scene.engine.risk.totals();
    assert_eq!((totals.generated, totals.blocked_risk, totals.blocked_safety), (4, 2, 0));
}

#[test]
fn a_block_is_logged_in_the_operators_words() {
    let bench = Bench::new();
    let output = bench.run(&[
        "session",
        "run",
        "--json",
        "--steps",
        "3000",
        "--set",
        "live_risk.max_daily_loss_abs=0.01",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    let line = said.lines().find(|line| line.contains("[RISK] Order blocked: "));
    let line = line.unwrap_or_else(|| panic!("no such line in {said}"));
    assert!(line.contains("max_daily_loss_abs reached ("), "{line}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["orders_blocked_risk"].as_u64().unwrap() > 0, "{report}");
}

/// Half the equity in one position of 0.1 BTC, no costs: a fall of 5,000 loses exactly the limit
/// of 500.
const HALF: [(&str, &str); 7] = [
    ("shadow_paper.position_fraction", "0.5"),
    ("live_risk.max_order_notional", "10000"),
    ("live_risk.max_symbol_exposure_notional", "10000"),
    ("live_risk.max_total_exposure_notional", "10000"),
    ("paper_venue.maker_fee_bps", "0"),
    ("paper_venue.taker_fee_bps", "0"),
    ("paper_venue.slippage_bps", "0"),
];

#[test]
fn a_daily_loss_blocks_entries_lets_exits_out_and_is_over_the_next_utc_day() {
    // 23:50: bars 1 to 9 close before midnight, bar 10 closes at midnight.
    let targets = [1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1];
    let mut scene = Scene::new(&targets, &HALF).starting_at(23, 50);
    scene.bars(&[50_000, 50_000, 45_000, 45_000, 45_000, 45_000]);
    assert_eq!(scene.fills()[0].quantity.get(), dec("0.1"));
    let core = scene.engine.risk.core();
    assert_eq!(core.daily_loss().get(), dec("500"), "exactly the limit");
    assert_eq!(scene.position(), Decimal::ZERO, "the exit got out");
    let refusals = scene.refusals();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].0, 5);
    assert_eq!(refusals[0].1.result, OrderState::BlockedByRisk);
    let RiskReason::Limit { check, observed, limit, .. } = &refusals[0].1.reasons[0] else {
        panic!("{refusals:?}")
    };
    assert_eq!((*check, *observed, *limit), (RiskCheck::MaxDailyLossAbs, dec("500"), dec("500")));
    assert_eq!(scene.engine.risk.totals().blocked_risk, 1);
    scene.bars(&[45_000; 8]);
    assert_eq!(scene.refusals().len(), 1);
    assert!(scene.position() > Decimal::ZERO, "a new day");
    assert_eq!(scene.intents().last().unwrap().input, 12);
}

#[test]
fn by_the_runbook_s_letter_a_daily_loss_blocks_exits_too() {
    let mut set = HALF.to_vec();
    set.push(("live_risk.daily_loss_blocks", "all"));
    let mut scene = Scene::new(&[1, 1, 0], &set).starting_at(23, 50);
    scene.bars(&[50_000, 50_000, 45_000, 45_000]);
    assert_eq!(scene.position(), dec("0.1"), "trapped");
    assert!(scene.refusals().iter().all(|(_, r)| r.result == OrderState::BlockedByRisk));
    assert!(!scene.refusals().is_empty());
    // Until the day is over: the exit is still wanted.
    scene.bars(&[45_000; 8]);
    assert_eq!(scene.position(), Decimal::ZERO);
}

#[test]
fn a_shut_gate_blocks_by_safety_and_not_by_risk() {
    let mut scene = Scene::new(&[0, 1, 1], &[]);
    scene.bar(50_000);
    scene.gate.trip("test", "the gate is shut");
    scene.bars(&[50_000; 3]);
    let blocked = scene.updates(OrderState::BlockedBySafety);
    assert_eq!((blocked.len(), blocked[0].input), (1, 2));
    let totals = scene.engine.risk.totals();
    assert_eq!((totals.generated, totals.blocked_safety, totals.blocked_risk), (1, 1, 0));
    assert!(scene.fills().is_empty());
    assert!(scene.refusals().is_empty());
    let row = &scene.rows()[1];
    assert_eq!(row.orders_blocked, 1);
    assert_eq!(row.risk_reasons, ["blocked_by_safety: the gate is shut"]);
    let refused = scene.records.iter().filter(|r| matches!(r.record, DecisionRecord::External(_)));
    assert_eq!(refused.count(), 1, "the refusal is journaled for the replay");
}

#[test]
fn an_end_cancels_what_rests_and_keeps_the_position() {
    let mut scene = Scene::new(&[0, 1], &[]).volume("0.05");
    scene.bars(&[50_000; 3]);
    scene.finish();
    let cancelled = scene.updates(OrderState::Cancelled);
    assert_eq!((cancelled.len(), cancelled[0].reason.as_str()), (1, "the session ends"));
    assert_eq!(scene.position(), dec("0.005"));
    assert_eq!(scene.engine.execution.open_orders(), 0);
}
