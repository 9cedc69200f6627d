use proptest::prelude::*;

use super::super::Denial;
use super::*;
use crate::domain::Money;
use crate::execution::testing::{With, minute, order, p, q};
use crate::messages::Liquidity;

fn fill(id: u64, fill_id: u64, quantity: &str) -> VenueReport {
    VenueReport::Fill(raw_fill(id, fill_id, quantity))
}

fn raw_fill(id: u64, fill_id: u64, quantity: &str) -> Fill {
    Fill {
        fill_id,
        order_id: OrderId(id),
        input: 2,
        at: minute(2),
        symbol: order(1, Side::Buy).symbol,
        side: Side::Buy,
        quantity: q(quantity),
        price: p("100"),
        fee: Money::ZERO,
        liquidity: Liquidity::Taker,
    }
}

fn update(id: u64, state: OrderState, filled: &str) -> VenueReport {
    VenueReport::Update(OrderUpdate {
        order_id: OrderId(id),
        input: 2,
        at: minute(2),
        state,
        filled: q(filled),
        reason: String::new(),
    })
}

/// A ledger with order 1 (buy 1) acknowledged.
fn working() -> OrderLedger {
    let mut ledger = OrderLedger::new();
    ledger.open(order(1, Side::Buy)).unwrap();
    ledger.apply(&update(1, OrderState::Submitted, "0")).unwrap();
    ledger.apply(&update(1, OrderState::Success, "0")).unwrap();
    ledger
}

fn state(ledger: &OrderLedger) -> OrderState {
    ledger.get(OrderId(1)).unwrap().state()
}

#[test]
fn an_order_fills_in_parts() {
    let mut ledger = working();
    let applied = ledger.apply(&fill(1, 1, "0.4")).unwrap();
    assert_eq!((applied.from, applied.to), (OrderState::Success, OrderState::PartiallyFilled));
    let applied = ledger.apply(&update(1, OrderState::PartiallyFilled, "0.4")).unwrap();
    assert_eq!(applied.effect, Effect::Confirmed);
    assert_eq!(ledger.get(OrderId(1)).unwrap().remaining(), q("0.6"));
    assert_eq!(ledger.open_count(), 1);
    assert_eq!(ledger.apply(&fill(1, 2, "0.6")).unwrap().effect, Effect::Filled { late: false });
    assert_eq!(ledger.apply(&update(1, OrderState::Filled, "1")).unwrap().effect, Effect::Confirmed);
    assert_eq!((ledger.open_count(), ledger.closed_count()), (0, 1));
    let record = ledger.get(OrderId(1)).unwrap();
    assert_eq!((record.filled(), record.remaining(), record.fill_count()), (q("1"), q("0"), 2));
}

#[test]
fn a_fill_before_the_acknowledgement_is_no_error() {
    let mut ledger = OrderLedger::new();
    ledger.open(order(1, Side::Buy)).unwrap();
    ledger.record(OrderId(1), OrderEvent::Submit).unwrap();
    ledger.apply(&fill(1, 1, "1")).unwrap();
    assert_eq!(ledger.apply(&update(1, OrderState::Success, "0")).unwrap().effect, Effect::Confirmed);
    assert_eq!(state(&ledger), OrderState::Filled);
}

#[test]
fn a_late_fill_counts_and_keeps_the_state_unless_it_completes() {
    for (ended, name) in [(OrderState::Cancelled, "cancelled"), (OrderState::Expired, "expired")] {
        let mut ledger = working();
        ledger.apply(&fill(1, 1, "0.4")).unwrap();
        let applied = ledger.apply(&update(1, ended, "0.7")).unwrap();
        assert_eq!((applied.effect, applied.unreported), (Effect::StateChanged, q("0.3")));
        let applied = ledger.apply(&fill(1, 2, "0.3")).unwrap();
        assert_eq!((applied.effect, applied.to.as_str()), (Effect::Filled { late: true }, name));
        assert_eq!(ledger.get(OrderId(1)).unwrap().filled(), q("0.7"));
        ledger.apply(&fill(1, 3, "0.3")).unwrap();
        assert_eq!(state(&ledger), OrderState::Filled);
        assert_eq!((ledger.open_count(), ledger.closed_count()), (0, 1));
    }
}

#[test]
fn a_duplicate_fill_counts_once_and_a_contradiction_is_an_error() {
    let mut ledger = working();
    ledger.apply(&fill(1, 7, "0.4")).unwrap();
    ledger.apply(&fill(1, 5, "0.1")).unwrap();
    for fill_id in [7, 5] {
        let quantity = if fill_id == 7 { "0.4" } else { "0.1" };
        let applied = ledger.apply(&fill(1, fill_id, quantity)).unwrap();
        assert_eq!(applied.effect, Effect::DuplicateFill);
    }
    assert_eq!(ledger.get(OrderId(1)).unwrap().filled(), q("0.5"));
    let error = ledger.apply(&fill(1, 7, "0.5")).unwrap_err();
    assert_eq!(error, LedgerError::ConflictingFill { order: OrderId(1), fill_id: 7 });
    // Still a duplicate after the order is complete.
    ledger.apply(&fill(1, 8, "0.5")).unwrap();
    assert_eq!(ledger.apply(&fill(1, 8, "0.5")).unwrap().effect, Effect::DuplicateFill);
}

#[test]
fn more_than_was_ordered_is_an_error_and_changes_nothing() {
    let mut ledger = working();
    ledger.apply(&fill(1, 1, "0.4")).unwrap();
    let before = ledger.get(OrderId(1)).cloned();
    let error = ledger.apply(&fill(1, 2, "0.601")).unwrap_err();
    assert_eq!(error.to_string(), "order o000001: 1.001 filled is more than the 1 ordered");
    assert!(ledger.apply(&update(1, OrderState::Cancelled, "1.1")).is_err());
    assert_eq!(ledger.get(OrderId(1)).cloned(), before);
    ledger.apply(&fill(1, 2, "0.6")).unwrap();
    assert!(matches!(ledger.apply(&fill(1, 3, "0.001")), Err(LedgerError::OverFill { .. })));
}

#[test]
fn a_fill_that_cannot_be_ours_is_an_error() {
    let mut ledger = OrderLedger::new();
    ledger.open(order(1, Side::Buy).limit("100")).unwrap();
    ledger.record(OrderId(1), OrderEvent::Submit).unwrap();
    let good = raw_fill(1, 1, "0.5");
    for (bad, text) in [
        (Fill { side: Side::Sell, ..good.clone() }, "it is a sell, the order a buy"),
        (Fill { symbol: "ETH/EUR".parse().unwrap(), ..good.clone() }, "it is in ETH/EUR"),
        (Fill { quantity: q("0"), ..good.clone() }, "its quantity 0 is not positive"),
        (Fill { price: p("-1"), ..good.clone() }, "its price -1 is not positive"),
        (Fill { price: p("100.1"), ..good.clone() }, "its price 100.1 is beyond the limit"),
    ] {
        let error = ledger.apply(&VenueReport::Fill(bad)).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert!(ledger.apply(&VenueReport::Fill(good)).is_ok());
}

#[test]
fn an_update_may_not_claim_trades_that_were_not_reported() {
    let mut ledger = working();
    let error = ledger.apply(&update(1, OrderState::Filled, "1")).unwrap_err();
    assert_eq!(error.to_string(), "order o000001: the venue says filled with 1 filled, its trades sum to 0");
    assert!(ledger.apply(&update(1, OrderState::PartiallyFilled, "0")).is_err());
    ledger.apply(&fill(1, 1, "0.5")).unwrap();
    assert!(ledger.apply(&update(1, OrderState::Filled, "0.5")).is_err());
    assert_eq!(state(&ledger), OrderState::PartiallyFilled);
}

#[test]
fn unknown_is_open_until_somebody_proves_what_happened() {
    let resolved = [
        (OrderState::Success, OrderState::PartiallyFilled),
        (OrderState::Cancelled, OrderState::Cancelled),
        (OrderState::Rejected, OrderState::Rejected),
        (OrderState::Error, OrderState::Error),
    ];
    for (report, expected) in resolved {
        let mut ledger = working();
        ledger.apply(&fill(1, 1, "0.4")).unwrap();
        ledger.record(OrderId(1), OrderEvent::LoseTrack).unwrap();
        assert_eq!((state(&ledger), ledger.open_count()), (OrderState::Unknown, 1));
        ledger.apply(&update(1, report, "0.4")).unwrap();
        assert_eq!(state(&ledger), expected, "{report}");
    }
    let mut ledger = working();
    ledger.record(OrderId(1), OrderEvent::LoseTrack).unwrap();
    ledger.apply(&update(1, OrderState::Success, "0")).unwrap();
    assert_eq!(state(&ledger), OrderState::Success);
}

#[test]
fn a_denied_order_closes_and_nothing_more_happens_to_it() {
    for denial in Denial::ALL {
        let mut ledger = OrderLedger::new();
        ledger.open(order(1, Side::Buy)).unwrap();
        let applied = ledger.record(OrderId(1), OrderEvent::Deny(denial)).unwrap();
        assert_eq!(applied.to, denial.state());
        assert_eq!((ledger.open_count(), ledger.closed_count()), (0, 1));
        let error = ledger.record(OrderId(1), OrderEvent::Submit).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("order o000001: submit is not possible for an order that is {}", denial.state())
        );
        assert!(ledger.apply(&fill(1, 1, "1")).is_err());
    }
}

#[test]
fn ids_are_used_once_and_fills_come_by_report() {
    let mut ledger = working();
    assert_eq!(ledger.open(order(1, Side::Buy)), Err(LedgerError::AlreadyOpened(OrderId(1))));
    ledger.record(OrderId(1), OrderEvent::Cancel).unwrap();
    assert_eq!(ledger.open(order(1, Side::Buy)), Err(LedgerError::AlreadyOpened(OrderId(1))));
    assert_eq!(ledger.apply(&fill(2, 1, "1")), Err(LedgerError::UnknownOrder(OrderId(2))));
    assert_eq!(ledger.record(OrderId(1), OrderEvent::Fill), Err(LedgerError::FillWithoutReport(OrderId(1))));
    assert_eq!(
        ledger.apply(&update(1, OrderState::Pending, "0")),
        Err(LedgerError::ReportOfPending(OrderId(1)))
    );
}

#[test]
fn the_ring_of_closed_orders_is_bounded_and_counts_what_it_drops() {
    let mut ledger = OrderLedger::keeping(16);
    for id in 1..=100_000 {
        ledger.open(order(id, Side::Buy)).unwrap();
        ledger.record(OrderId(id), OrderEvent::Submit).unwrap();
        ledger.apply(&fill(id, id, "1")).unwrap();
        assert!(ledger.open_count() == 0 && ledger.closed_count() <= 16);
    }
    assert_eq!((ledger.closed_count(), ledger.evicted()), (16, 99_984));
    assert_eq!(ledger.apply(&fill(99_985, 99_985, "1")).unwrap().effect, Effect::DuplicateFill);
    let dropped = OrderId(99_984);
    assert_eq!(ledger.apply(&fill(99_984, 99_984, "1")), Err(LedgerError::UnknownOrder(dropped)));
}

#[test]
fn open_orders_are_never_dropped() {
    let mut ledger = OrderLedger::keeping(0);
    for id in 1..=100 {
        ledger.open(order(id, Side::Buy)).unwrap();
        if id % 2 == 0 {
            ledger.record(OrderId(id), OrderEvent::Cancel).unwrap();
        }
    }
    let open: Vec<u64> = ledger.open_orders().map(|record| record.intent().id.0).collect();
    assert_eq!(open, (1..=100).step_by(2).collect::<Vec<_>>());
    assert_eq!(ledger.evicted(), 50);
}

fn any_report() -> impl Strategy<Value = VenueReport> {
    let state = proptest::sample::select(OrderState::ALL.to_vec());
    prop_oneof![
        (1..4u64, 1..12u64, 1..6i64).prop_map(|(id, fill_id, tenths)| {
            VenueReport::Fill(Fill {
                quantity: Quantity::from_scaled(tenths, 1),
                ..raw_fill(id, fill_id, "1")
            })
        }),
        (1..4u64, state, 0..12i64).prop_map(|(id, state, tenths)| {
            let VenueReport::Update(update) = update(id, state, "0") else { unreachable!() };
            VenueReport::Update(OrderUpdate { filled: Quantity::from_scaled(tenths, 1), ..update })
        }),
    ]
}

proptest! {
    /// Whatever a venue says, in whatever order: filled is the sum of the different fills that
    /// were accepted and never more than was ordered; an error changes nothing; a state changes
    /// by the table only.
    #[test]
    fn no_stream_of_reports_breaks_the_books(reports in prop::collection::vec(any_report(), 0..120)) {
        let mut ledger = OrderLedger::new();
        for id in 1..4 {
            ledger.open(order(id, Side::Buy)).unwrap();
            ledger.record(OrderId(id), OrderEvent::Submit).unwrap();
        }
        let mut accepted: BTreeMap<(OrderId, u64), Quantity> = BTreeMap::new();
        for report in &reports {
            let id = match report {
                VenueReport::Fill(fill) => fill.order_id,
                VenueReport::Update(update) => update.order_id,
            };
            let before = ledger.get(id).cloned().unwrap();
            match ledger.apply(report) {
                Err(_) => prop_assert_eq!(ledger.get(id), Some(&before)),
                Ok(applied) => {
                    let after = ledger.get(id).unwrap();
                    prop_assert_eq!((applied.from, applied.to), (before.state(), after.state()));
                    prop_assert!(
                        applied.from == applied.to
                            || OrderEvent::ALL.into_iter().any(|e| transition(applied.from, e) == Ok(applied.to))
                    );
                    if let (VenueReport::Fill(fill), Effect::Filled { .. }) = (report, applied.effect) {
                        prop_assert!(accepted.insert((id, fill.fill_id), fill.quantity).is_none());
                    }
                }
            }
            let record = ledger.get(id).unwrap();
            let sum: Quantity = accepted.iter().filter(|((o, _), _)| *o == id).map(|(_, q)| *q).sum();
            prop_assert_eq!(record.filled(), sum);
            prop_assert!(record.filled() <= record.intent().quantity);
            prop_assert_eq!(record.state() == OrderState::Filled, record.remaining().is_zero());
        }
    }
}
