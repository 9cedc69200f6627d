//! The risk core's behaviour in single cases.

use rust_decimal::Decimal;

use super::*;
use crate::domain::{
    Bps, Instrument, Money, OrderId, OrderType, Price, Quantity, Side, Span, Symbol, TimeInForce, Timestamp,
};
use crate::messages::{
    Fill, IntentReason, Liquidity, OrderIntent, OrderState, OrderUpdate, Purpose, Refusal, RiskCheck,
};

fn d(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn btc() -> Symbol {
    "BTC/EUR".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_727_740_800 + seconds)
}

fn shipped() -> RiskLimits {
    RiskLimits {
        max_order_notional: Some(Money(d("1000"))),
        max_symbol_exposure_notional: Some(Money(d("2000"))),
        max_total_exposure_notional: Some(Money(d("5000"))),
        max_open_positions: Some(5),
        max_daily_loss_abs: Some(Money(d("500"))),
        max_daily_loss_pct: Some(d("5")),
        ..RiskLimits::UNCHECKED
    }
}

struct Desk {
    core: RiskCore,
    ids: u64,
    fills: u64,
}

impl Desk {
    fn new(limits: RiskLimits) -> Self {
        let instrument = Instrument {
            symbol: btc(),
            tick_size: Price(d("0.1")),
            lot_size: Quantity(d("0.00000001")),
            min_quantity: Quantity(d("0.0001")),
            min_notional: Money(d("0.5")),
        };
        let costs = CostAssumption { taker_fee: Bps(d("40")), slippage: Bps(d("5")) };
        Self { core: RiskCore::new(limits, vec![instrument], Money(d("10000")), costs), ids: 0, fills: 0 }
    }

    fn at_price(limits: RiskLimits, price: &str) -> Self {
        let mut desk = Self::new(limits);
        desk.mark(price, 0);
        desk
    }

    fn mark(&mut self, price: &str, seconds: i64) {
        assert!(self.core.mark(btc(), Price(d(price)), at(seconds)));
    }

    fn intent(&mut self, side: Side, quantity: Quantity, purpose: Purpose) -> OrderIntent {
        self.ids += 1;
        OrderIntent {
            id: OrderId(self.ids),
            input: 1,
            decided_at: at(0),
            symbol: btc(),
            side,
            quantity,
            order_type: OrderType::Market,
            limit_price: None,
            stop_price: None,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            reduce_only: purpose == Purpose::Exit,
            purpose,
            reason: IntentReason::EntryLong,
            decision_price: None,
        }
    }

    fn enter(&mut self, side: Side, quantity: &str, seconds: i64) -> Result<OrderId, Refusal> {
        let intent = self.intent(side, Quantity(d(quantity)), Purpose::Entry);
        self.ask(intent, seconds)
    }

    fn exit(&mut self, side: Side, quantity: Quantity, seconds: i64) -> Result<OrderId, Refusal> {
        let intent = self.intent(side, quantity, Purpose::Exit);
        self.ask(intent, seconds)
    }

    fn ask(&mut self, intent: OrderIntent, seconds: i64) -> Result<OrderId, Refusal> {
        let verdict = self.core.evaluate(intent, at(seconds));
        verdict.map(|order| order.intent().id).map_err(|refused| refused.1)
    }

    fn fill(&mut self, order_id: OrderId, side: Side, quantity: Quantity, price: &str) {
        self.fills += 1;
        let price = Price(d(price));
        let fill = Fill {
            fill_id: self.fills,
            order_id,
            input: 1,
            at: at(0),
            symbol: btc(),
            side,
            quantity,
            price,
            fee: price.notional(quantity).unwrap().times_bps(Bps(d("40"))).rounded(5),
            liquidity: Liquidity::Taker,
        };
        self.core.on_fill(&fill).unwrap();
        assert_eq!(self.core.account().imbalance(), Ok(Money::ZERO));
    }

    fn tell(&mut self, order_id: OrderId, state: OrderState, filled: &str) {
        let filled = Quantity(d(filled));
        self.core.on_update(&OrderUpdate {
            order_id,
            input: 1,
            at: at(0),
            state,
            filled,
            reason: String::new(),
        });
    }

    /// Long (or short) of a quantity, by an order that was approved and filled.
    fn holding(&mut self, side: Side, quantity: &str, price: &str) {
        let id = self.enter(side, quantity, 0).unwrap();
        self.fill(id, side, Quantity(d(quantity)), price);
    }
}

fn checks(verdict: Result<OrderId, Refusal>) -> Vec<RiskCheck> {
    let refusal = verdict.unwrap_err();
    assert_eq!(refusal.result, OrderState::BlockedByRisk);
    refusal.reasons.iter().map(crate::messages::RiskReason::check).collect()
}

#[test]
fn as_shipped_an_entry_and_its_exit_both_execute_although_the_price_rose_by_a_tenth() {
    for (side, back) in [(Side::Buy, Side::Sell), (Side::Sell, Side::Buy)] {
        let mut desk = Desk::at_price(shipped(), "50000");
        let sized = desk.core.size_entry(btc(), side, d("0.1"));
        let note = sized.note.unwrap();
        assert_eq!(note.wanted, Quantity(d("0.02")));
        // 1000 / (50000 × 1.0005), in whole lots.
        assert_eq!(sized.quantity, Quantity(d("0.01999000")));
        assert_eq!(note.bound_by, "max_order_notional 1000 at a slippage of 5 bps");
        let intent = desk.intent(side, sized.quantity, Purpose::Entry);
        let id = desk.ask(intent, 0).unwrap();
        desk.fill(id, side, sized.quantity, "50025");
        desk.mark("55000", 60);
        let position = desk.core.position(btc());
        let children = desk.core.split_exit(btc(), position);
        assert_eq!(children.len(), 2);
        for child in children {
            let id = desk.exit(back, child, 60).unwrap();
            desk.fill(id, back, child, "54972.5");
        }
        assert!(desk.core.is_flat() && !desk.core.has_open_orders(btc()));
    }
}

#[test]
fn a_blocked_order_reads_as_operators_know_it() {
    let limits = RiskLimits { max_order_notional: Some(Money(d("100"))), ..RiskLimits::UNCHECKED };
    let mut desk = Desk::new(limits);
    desk.core.slipped = Decimal::ONE;
    desk.mark("50000", 0);
    let refusal = desk.enter(Side::Buy, "0.01", 0).unwrap_err();
    let line = "[RISK] Order blocked: max_order_notional exceeded (500 > 100)";
    assert_eq!(risk_log_line(&refusal.reasons[0]), line);
    assert_eq!(refusal_log_line(&refusal), line);
    let refusal = desk.enter(Side::Buy, "0.000000001", 0).unwrap_err();
    assert_eq!(
        refusal_log_line(&refusal),
        "[RISK] Order invalid: quantity 0.000000001 is not a multiple of the lot 0.00000001"
    );
}

#[test]
fn nothing_is_accepted_on_a_missing_price_and_no_entry_on_a_stale_one() {
    let limits = RiskLimits { max_price_age: Some(Span::from_secs(60)), ..RiskLimits::UNCHECKED };
    let mut desk = Desk::new(limits);
    assert_eq!(checks(desk.enter(Side::Buy, "0.01", 0)), [RiskCheck::PriceMissing]);
    for bad in ["0", "-1"] {
        assert!(!desk.core.mark(btc(), Price(d(bad)), at(0)));
    }
    assert_eq!(checks(desk.enter(Side::Buy, "0.01", 0)), [RiskCheck::PriceMissing]);
    desk.mark("50000", 0);
    desk.holding(Side::Buy, "0.01", "50000");
    desk.enter(Side::Buy, "0.01", 60).unwrap();
    let refusal = desk.enter(Side::Buy, "0.01", 61).unwrap_err();
    assert_eq!(refusal.to_string(), "max_price_age_seconds exceeded (61 > 60)");
    desk.exit(Side::Sell, Quantity(d("0.01")), 3_600).unwrap();
}

#[test]
fn the_daily_loss_blocks_entries_from_the_limit_on_and_a_gain_never() {
    let limits = RiskLimits { max_daily_loss_abs: Some(Money(d("100"))), ..RiskLimits::UNCHECKED };
    for blocks in [DailyLossBlocks::Entries, DailyLossBlocks::All] {
        let mut desk = Desk::at_price(RiskLimits { daily_loss_blocks: blocks, ..limits.clone() }, "1000");
        desk.holding(Side::Buy, "1", "1000");
        // The fee of 4 counts.
        desk.mark("904.1", 1);
        assert_eq!(desk.core.daily_loss(), Money(d("99.9")));
        desk.enter(Side::Buy, "0.01", 1).unwrap();
        desk.mark("904", 2);
        let refusal = desk.enter(Side::Buy, "0.01", 2).unwrap_err();
        assert_eq!(refusal.to_string(), "max_daily_loss_abs reached (100 >= 100)");
        let exit = desk.exit(Side::Sell, Quantity(d("1")), 2);
        assert_eq!(exit.is_ok(), blocks == DailyLossBlocks::Entries);
        desk.mark("9000", 3);
        assert_eq!(desk.core.daily_loss(), Money::ZERO);
        desk.enter(Side::Buy, "0.01", 3).unwrap();
        // The next UTC day opens with the equity at its first input.
        desk.mark("904", 4);
        desk.mark("800", 86_400);
        assert_eq!((desk.core.day_open_equity(), desk.core.daily_loss()), (desk.core.equity(), Money::ZERO));
        desk.enter(Side::Buy, "0.01", 86_400).unwrap();
    }
}

#[test]
fn exits_are_bounded_by_the_position_less_what_is_already_leaving() {
    let mut desk = Desk::at_price(shipped(), "50000");
    desk.holding(Side::Buy, "0.01", "50000");
    assert_eq!(checks(desk.exit(Side::Buy, Quantity(d("0.01")), 0)), [RiskCheck::ReduceOnly]);
    let first = desk.exit(Side::Sell, Quantity(d("0.006")), 0).unwrap();
    let refusal = desk.exit(Side::Sell, Quantity(d("0.005")), 0).unwrap_err();
    assert_eq!(refusal.to_string(), "reduce_only exceeded (0.005 > 0.004)");
    desk.tell(first, OrderState::Unknown, "0");
    assert!(desk.exit(Side::Sell, Quantity(d("0.005")), 0).is_err());
    desk.tell(first, OrderState::Cancelled, "0");
    desk.exit(Side::Sell, Quantity(d("0.01")), 0).unwrap();
    assert_eq!(desk.core.open_orders(btc(), Side::Sell), 1);
}

#[test]
fn an_exit_gets_out_even_if_the_smallest_order_is_above_the_limit() {
    let limits = RiskLimits { max_order_notional: Some(Money(d("3"))), ..RiskLimits::UNCHECKED };
    let mut desk = Desk::at_price(limits, "10000");
    desk.holding(Side::Buy, "0.00025", "10000");
    // At 60000 the smallest order of 0.0001 is worth 6.
    let half = Quantity(d("0.000125"));
    for (price, expected) in [("10000", vec![Quantity(d("0.00025"))]), ("60000", vec![half, half])] {
        desk.mark(price, 1);
        let children = desk.core.split_exit(btc(), desk.core.position(btc()));
        assert_eq!(children, expected);
        let ids: Vec<_> = children.iter().map(|child| desk.exit(Side::Sell, *child, 1).unwrap()).collect();
        ids.iter().for_each(|id| desk.tell(*id, OrderState::Cancelled, "0"));
    }
    assert_eq!(checks(desk.exit(Side::Sell, Quantity(d("0.00025")), 1)), [RiskCheck::MaxOrderNotional]);
    assert_eq!(checks(desk.enter(Side::Buy, "0.0001", 1)), [RiskCheck::MaxOrderNotional]);
}

#[test]
fn a_remainder_below_the_minimum_gets_out_and_an_exit_in_a_thousand_children() {
    let mut desk = Desk::at_price(RiskLimits::UNCHECKED, "50000");
    desk.holding(Side::Buy, "1", "50000");
    let id = desk.exit(Side::Sell, Quantity(d("0.99995")), 0).unwrap();
    desk.fill(id, Side::Sell, Quantity(d("0.99995")), "50000");
    // Less than all of it stays invalid.
    assert_eq!(desk.exit(Side::Sell, Quantity(d("0.00004")), 0).unwrap_err().result, OrderState::Invalid);
    desk.exit(Side::Sell, Quantity(d("0.00005")), 0).unwrap();

    let limits = RiskLimits { max_order_notional: Some(Money(d("1000"))), ..RiskLimits::UNCHECKED };
    let mut desk = Desk::at_price(limits, "10");
    desk.holding(Side::Buy, "99", "10");
    desk.mark("50000", 0);
    let children = desk.core.split_exit(btc(), Quantity(d("99")));
    assert_eq!(children.len() as u64, MAX_EXIT_CHILDREN);
    for child in children {
        desk.exit(Side::Sell, child, 0).unwrap();
    }
}

#[test]
fn what_is_on_its_way_counts_until_it_is_closed() {
    let mut desk = Desk::at_price(shipped(), "50000");
    let first = desk.enter(Side::Buy, "0.019", 0).unwrap();
    let second = desk.enter(Side::Buy, "0.019", 0).unwrap();
    // 0.038 × 50000 × 1.0005.
    assert_eq!(desk.core.symbol_exposure(btc()), Some(Money(d("1900.95"))));
    assert_eq!(checks(desk.enter(Side::Buy, "0.002", 0)), [RiskCheck::MaxSymbolExposureNotional]);
    desk.tell(first, OrderState::Unknown, "0");
    assert!(desk.enter(Side::Buy, "0.002", 0).is_err());
    // Closed with a fill that has not arrived: that much is still on its way.
    desk.tell(first, OrderState::Cancelled, "0.004");
    desk.tell(second, OrderState::Rejected, "0");
    assert_eq!(desk.core.symbol_exposure(btc()), Some(Money(d("200.1"))));
    desk.fill(first, Side::Buy, Quantity(d("0.004")), "50000");
    assert!(!desk.core.has_open_orders(btc()));
    // A late fill of a closed order is a fact.
    desk.fill(second, Side::Buy, Quantity(d("0.001")), "50000");
    assert_eq!(desk.core.symbol_exposure(btc()), Some(Money(d("250"))));
}

#[test]
fn the_same_entry_is_a_duplicate_within_the_window_and_the_same_id_for_ever() {
    let limits = RiskLimits {
        duplicate_window: Span::from_secs(5),
        max_orders_per_second: Some(2),
        ..RiskLimits::UNCHECKED
    };
    let mut desk = Desk::at_price(limits, "50000");
    desk.enter(Side::Buy, "0.001", 0).unwrap();
    desk.enter(Side::Buy, "0.002", 0).unwrap();
    let both = [RiskCheck::DuplicateIntent, RiskCheck::OrdersPerSecond];
    assert_eq!(checks(desk.enter(Side::Buy, "0.001", 0)), both);
    assert_eq!(checks(desk.enter(Side::Buy, "0.001", 4)), [RiskCheck::DuplicateIntent]);
    desk.enter(Side::Buy, "0.001", 5).unwrap();
    let mut again = desk.intent(Side::Sell, Quantity(d("0.003")), Purpose::Entry);
    again.id = OrderId(1);
    assert_eq!(checks(desk.ask(again, 1_000_000)), [RiskCheck::DuplicateIntent]);
}

#[test]
fn the_collar_holds_entries_and_lets_a_protective_stop_rest_far_away() {
    let limits = RiskLimits { price_collar_pct: Some(d("5")), ..RiskLimits::UNCHECKED };
    let mut desk = Desk::at_price(limits, "1000");
    for (price, fine) in [("1050", true), ("1050.1", false), ("950", true), ("949.9", false)] {
        let mut intent = desk.intent(Side::Buy, Quantity(d("0.1")), Purpose::Entry);
        (intent.order_type, intent.limit_price) = (OrderType::Limit, Some(Price(d(price))));
        assert_eq!(desk.ask(intent, 0).is_ok(), fine, "{price}");
    }
    desk.holding(Side::Buy, "1", "1000");
    let mut stop = desk.intent(Side::Sell, Quantity(d("1")), Purpose::Exit);
    (stop.order_type, stop.stop_price) = (OrderType::Stop, Some(Price(d("800"))));
    desk.ask(stop, 0).unwrap();
}

#[test]
fn amounts_that_do_not_fit_are_refused_and_never_panic() {
    let mut desk = Desk::at_price(shipped(), "50000");
    let huge = "79228162514264337593.00000001";
    assert_eq!(checks(desk.enter(Side::Buy, huge, 0))[0], RiskCheck::Arithmetic);
    assert!(checks(desk.exit(Side::Sell, Quantity(d(huge)), 0)).contains(&RiskCheck::ReduceOnly));
    desk.holding(Side::Buy, "0.00010001", "50000");
    let equity = desk.core.equity();
    assert!(!desk.core.mark(btc(), Price(d("50000.123456789012345678901")), at(1)));
    assert_eq!((desk.core.equity(), desk.core.price(btc())), (equity, Some(Price(d("50000")))));
}
