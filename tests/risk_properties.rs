//! The risk core against a naive reference: random streams of prices, orders, fills and states.
//!
//! `PEAK_TRADE_PROPERTY_EVENTS` sets the number of events (default a million in release builds).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "risk_properties/reference.rs"]
mod reference;

use std::collections::BTreeSet;

use peak_trade::domain::*;
use peak_trade::messages::*;
use peak_trade::risk::{CostAssumption, DailyLossBlocks, FillEffect, RiskCore, RiskLimits};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use reference::{Reference, Verdict};
use rust_decimal::Decimal;

const STREAM: u64 = 200;

fn events_wanted() -> u64 {
    let default = if cfg!(debug_assertions) { 40_000 } else { 1_000_000 };
    std::env::var("PEAK_TRADE_PROPERTY_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn instruments() -> Vec<Instrument> {
    let instrument = |symbol: &str, tick: &str, lot: &str, min: &str, notional: &str| Instrument {
        symbol: symbol.parse().unwrap(),
        tick_size: tick.parse().unwrap(),
        lot_size: lot.parse().unwrap(),
        min_quantity: min.parse().unwrap(),
        min_notional: notional.parse().unwrap(),
    };
    vec![
        instrument("BTC/EUR", "0.1", "0.00000001", "0.0001", "5"),
        instrument("ETH/EUR", "0.01", "0.001", "0.002", "0.5"),
        instrument("ADA/EUR", "0.000001", "1", "5", "0.45"),
    ]
}

fn start_price(slot: usize) -> Decimal {
    [Decimal::from(50_000), Decimal::from(2_500), Decimal::new(45, 2)][slot]
}

/// Counts of what happened, so that the test can show it was no idle run.
#[derive(Debug, Default)]
struct Seen {
    approved_entries: u64,
    approved_exits: u64,
    invalid: u64,
    blocked: BTreeSet<RiskCheck>,
    late_fills: u64,
    duplicate_fills: u64,
    flips: u64,
    clamped: u64,
    split: u64,
}

struct Stream {
    rng: ChaCha8Rng,
    core: RiskCore,
    reference: Reference,
    now: Timestamp,
    prices: [Decimal; 3],
    next_id: u64,
    next_fill: u64,
    seen: Seen,
}

impl Stream {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut some = |amount: i64| rng.random_bool(0.7).then(|| Money(Decimal::from(amount)));
        let mut limits = RiskLimits {
            max_order_notional: some(1_000),
            max_symbol_exposure_notional: some(2_000),
            max_total_exposure_notional: some(3_500),
            max_open_positions: None,
            max_daily_loss_abs: some(300),
            max_daily_loss_pct: None,
            daily_loss_blocks: DailyLossBlocks::Entries,
            price_collar_pct: None,
            max_price_age: None,
            max_orders_per_second: None,
            duplicate_window: Span::ZERO,
        };
        limits.max_open_positions = rng.random_bool(0.5).then(|| rng.random_range(1..=3));
        limits.max_daily_loss_pct = rng.random_bool(0.5).then(|| Decimal::new(25, 1));
        if rng.random_bool(0.15) {
            limits.daily_loss_blocks = DailyLossBlocks::All;
        }
        limits.price_collar_pct = rng.random_bool(0.5).then(|| Decimal::from(10));
        limits.max_price_age = rng.random_bool(0.5).then(|| Span::from_secs(30));
        limits.max_orders_per_second = rng.random_bool(0.3).then(|| rng.random_range(1..=4));
        if rng.random_bool(0.5) {
            limits.duplicate_window = Span::from_secs(2);
        }
        let costs = CostAssumption {
            taker_fee: Bps(Decimal::from(rng.random_range(0..=40))),
            slippage: Bps(Decimal::from(rng.random_range(0..=10))),
        };
        let start = Money(Decimal::from([800, 5_000, 10_000][rng.random_range(0..3)]));
        Self {
            core: RiskCore::new(limits.clone(), instruments(), start, costs),
            reference: Reference::new(limits, instruments(), start, costs),
            rng,
            now: Timestamp::from_secs(1_727_740_800 - 300),
            prices: [0, 1, 2].map(start_price),
            next_id: 1,
            next_fill: 1,
            seen: Seen::default(),
        }
    }

    fn event(&mut self) {
        let step = match self.rng.random_range(0..100) {
            0 => 86_400_000,
            1..5 => 40_000,
            5..40 => 700,
            _ => 3,
        };
        self.now = self.now + Span::from_millis(step);
        match self.rng.random_range(0..100) {
            0..25 => self.price(),
            25..45 => self.intent(),
            45..52 => self.sized_entry(),
            52..60 => self.exit(),
            60..82 => self.fill(),
            _ => self.update(),
        }
        self.compare_state();
    }

    fn price(&mut self) {
        let slot = self.rng.random_range(0..3);
        let symbol = instruments()[slot].symbol;
        let change = if self.rng.random_bool(0.03) { 2_000 } else { 100 };
        let factor = Decimal::new(10_000 + self.rng.random_range(-change..=change), 4);
        let tick = instruments()[slot].tick_size;
        let moved = Price(Price(self.prices[slot] * factor).floor_to_tick(tick).get().normalize());
        let price = match self.rng.random_range(0..50) {
            0 => Price::ZERO,
            1 => -moved,
            _ if moved.is_positive() => moved,
            _ => Price(start_price(slot)),
        };
        let taken = self.core.mark(symbol, price, self.now);
        assert_eq!(taken, price.is_positive(), "only a positive price is usable");
        if taken {
            self.prices[slot] = price.get();
            self.reference.mark(symbol, price, self.now);
        }
    }

    fn base_intent(&mut self, slot: usize, side: Side, quantity: Quantity, purpose: Purpose) -> OrderIntent {
        let id = if self.rng.random_bool(0.02) && self.next_id > 1 {
            self.rng.random_range(1..self.next_id)
        } else {
            self.next_id += 1;
            self.next_id - 1
        };
        OrderIntent {
            id: OrderId(id),
            input: 1,
            decided_at: self.now,
            symbol: instruments()[slot].symbol,
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

    fn intent(&mut self) {
        let slot = self.rng.random_range(0..3);
        let instrument = instruments()[slot];
        let side = if self.rng.random_bool(0.5) { Side::Buy } else { Side::Sell };
        let notional = Decimal::from(self.rng.random_range(1..1_300));
        let exact = Quantity(notional / self.prices[slot]).floor_to_lot(instrument.lot_size);
        let mut quantity = Quantity(exact.get().normalize());
        match self.rng.random_range(0..40) {
            0 => quantity = -quantity,
            1 => quantity = Quantity(quantity.get() + instrument.lot_size.get() / Decimal::TWO),
            2..8 => quantity = instrument.min_quantity,
            _ => {}
        }
        let purpose = if self.rng.random_bool(0.25) { Purpose::Exit } else { Purpose::Entry };
        let mut intent = self.base_intent(slot, side, quantity, purpose);
        if self.rng.random_bool(0.03) {
            intent.reduce_only = !intent.reduce_only;
        }
        let mut near = |band: i64| {
            let factor = Decimal::new(10_000 + self.rng.random_range(-band..=band), 4);
            Some(Price((self.prices[slot] * factor).normalize()).floor_to_tick(instrument.tick_size))
        };
        let (limit, stop) = (near(1_500), near(1_500));
        match self.rng.random_range(0..8) {
            0..3 => {}
            3..6 => (intent.order_type, intent.limit_price) = (OrderType::Limit, limit),
            6 => (intent.order_type, intent.stop_price) = (OrderType::Stop, stop),
            _ => {
                intent.order_type = OrderType::StopLimit;
                (intent.limit_price, intent.stop_price) = (limit, stop);
            }
        }
        if self.rng.random_bool(0.02) {
            intent.limit_price = limit;
        }
        self.ask(intent);
    }

    /// Asks both; their verdicts must be equal, and what is approved keeps every limit.
    fn ask(&mut self, intent: OrderIntent) -> Verdict {
        let expected = self.reference.verdict(&intent, self.now);
        let exit = intent.purpose == Purpose::Exit || intent.reduce_only;
        let verdict = match self.core.evaluate(intent.clone(), self.now) {
            Ok(order) => {
                assert_eq!(order.into_intent(), intent);
                Verdict::Approved
            }
            Err(refused) => {
                let (back, refusal) = *refused;
                assert_eq!(back, intent);
                match refusal.result {
                    OrderState::Invalid => Verdict::Invalid,
                    result => {
                        assert_eq!(result, OrderState::BlockedByRisk);
                        Verdict::Blocked(refusal.reasons)
                    }
                }
            }
        };
        assert_eq!(verdict, expected, "{intent:?} at {}", self.now);
        match &verdict {
            Verdict::Approved => {
                self.reference.approve(&intent, self.now);
                self.reference.assert_limits_hold(&intent, self.now);
                if exit { self.seen.approved_exits += 1 } else { self.seen.approved_entries += 1 }
            }
            Verdict::Invalid => self.seen.invalid += 1,
            Verdict::Blocked(reasons) => self.seen.blocked.extend(reasons.iter().map(RiskReason::check)),
        }
        self.reference.ids.insert(intent.id);
        verdict
    }

    /// A sized entry is approved, or refused for something that no size would change; and one lot
    /// more would break a limit.
    fn sized_entry(&mut self) {
        let slot = self.rng.random_range(0..3);
        let instrument = instruments()[slot];
        let side = if self.rng.random_bool(0.5) { Side::Buy } else { Side::Sell };
        let fraction = Decimal::new(self.rng.random_range(1..=100), 2);
        let sized = self.core.size_entry(instrument.symbol, side, fraction);
        let (wanted, most) = self.reference.size(instrument.symbol, side, fraction);
        let fitting = wanted.min(most);
        let price = self.reference.price(instrument.symbol).unwrap_or_default();
        let orderable =
            fitting >= instrument.min_quantity.get() && fitting * price >= instrument.min_notional.get();
        let expected = if orderable { fitting } else { Decimal::ZERO };
        assert_eq!(sized.quantity, Quantity(expected), "{sized:?}");
        match &sized.note {
            Some(note) => assert_eq!((note.wanted, note.sized), (Quantity(wanted), Quantity(expected))),
            None => assert_eq!(expected, wanted),
        }
        if expected.is_zero() {
            return;
        }
        self.seen.clamped += u64::from(expected < wanted);
        let mut intent = self.base_intent(slot, side, sized.quantity, Purpose::Entry);
        intent.id = OrderId(self.next_id);
        self.next_id += 1;
        if let Verdict::Blocked(reasons) = self.ask(intent) {
            let sizeless = [
                RiskCheck::PriceMissing,
                RiskCheck::StalePrice,
                RiskCheck::MaxDailyLossAbs,
                RiskCheck::MaxDailyLossPct,
                RiskCheck::MaxOpenPositions,
                RiskCheck::DuplicateIntent,
                RiskCheck::OrdersPerSecond,
            ];
            assert!(reasons.iter().all(|reason| sizeless.contains(&reason.check())), "{reasons:?}");
        }
    }

    /// All children of a split exit are approved, whatever the entries' limits say.
    fn exit(&mut self) {
        let slot = self.rng.random_range(0..3);
        let instrument = instruments()[slot];
        let position = self.core.position(instrument.symbol);
        let side = if position.is_positive() { Side::Sell } else { Side::Buy };
        let resting = self.reference.open_exits(instrument.symbol, side);
        if position.is_zero() || !resting.is_zero() {
            return;
        }
        let children = self.core.split_exit(instrument.symbol, position);
        assert_eq!(children.iter().copied().sum::<Quantity>(), position.abs());
        self.seen.split += u64::from(children.len() > 1);
        for quantity in children {
            let mut intent = self.base_intent(slot, side, quantity, Purpose::Exit);
            intent.id = OrderId(self.next_id);
            self.next_id += 1;
            match self.ask(intent) {
                Verdict::Approved => {}
                Verdict::Blocked(reasons) => {
                    let all = self.core.limits().daily_loss_blocks == DailyLossBlocks::All;
                    assert!(
                        reasons.iter().all(|reason| match reason.check() {
                            RiskCheck::MaxDailyLossAbs | RiskCheck::MaxDailyLossPct => all,
                            RiskCheck::PriceMissing => self.reference.price(instrument.symbol).is_none(),
                            _ => false,
                        }),
                        "a risk-reducing order was blocked: {reasons:?}"
                    );
                }
                // Only what follows a refused child can be no whole lot.
                Verdict::Invalid => panic!("an exit was invalid: {quantity}"),
            }
        }
    }

    fn fill(&mut self) {
        let count = self.reference.orders.len();
        if count == 0 {
            return;
        }
        if self.rng.random_bool(0.08) && !self.reference.fills.is_empty() {
            let again = self.rng.random_range(0..self.reference.fills.len());
            let fill = self.reference.fills[again].clone();
            assert_eq!(self.core.on_fill(&fill), Ok(FillEffect::Duplicate));
            self.seen.duplicate_fills += 1;
            return;
        }
        let pick = self.rng.random_range(0..count);
        let order = &self.reference.orders[pick];
        let late = self.reference.remaining(order).is_zero();
        let intent = order.intent.clone();
        // What is closed seldom fills, and then with what it had left.
        if late && self.rng.random_bool(0.9) {
            return;
        }
        let slot = instruments().iter().position(|i| i.symbol == intent.symbol).unwrap();
        let share = if self.rng.random_bool(0.5) { Decimal::ONE } else { Decimal::new(37, 2) };
        let left =
            if late { intent.quantity.get() } else { self.reference.remaining(&self.reference.orders[pick]) };
        let lot = instruments()[slot].lot_size;
        let quantity = Quantity(left * share).floor_to_lot(lot);
        let quantity = Quantity(if quantity.is_zero() { left } else { quantity.get() }.normalize());
        let price = Price(self.prices[slot] * Decimal::new(10_000 + self.rng.random_range(-20..=20), 4))
            .ceil_to_tick(instruments()[slot].tick_size);
        let price = Price(price.get().normalize());
        let fee = price.notional(quantity).unwrap().times_bps(Bps(Decimal::from(40))).rounded(5);
        // Ids arrive out of order now and then.
        let fill_id = if self.rng.random_bool(0.3) { self.next_fill + 3 } else { self.next_fill };
        self.next_fill += 1;
        if self.reference.fills.iter().any(|fill| fill.fill_id == fill_id) {
            return;
        }
        let fill = Fill {
            fill_id,
            order_id: intent.id,
            input: 1,
            at: self.now,
            symbol: intent.symbol,
            side: intent.side,
            quantity,
            price,
            fee,
            liquidity: Liquidity::Taker,
        };
        let before = self.core.position(intent.symbol);
        let effect = self.core.on_fill(&fill).unwrap();
        let FillEffect::Applied { closed, opened, .. } = effect else { panic!("{effect:?}") };
        assert_eq!(closed + opened, quantity);
        self.seen.flips += u64::from(closed.is_positive() && opened.is_positive());
        self.seen.late_fills += u64::from(late);
        self.reference.fills.push(fill);
        assert_eq!(self.core.position(intent.symbol), before + intent.side.signed(quantity));
    }

    fn update(&mut self) {
        let count = self.reference.orders.len();
        if count == 0 {
            return;
        }
        let pick = self.rng.random_range(0..count);
        let state = OrderState::ALL[self.rng.random_range(0..OrderState::ALL.len())];
        let order = &self.reference.orders[pick];
        let mut filled = self.reference.filled(order);
        if self.rng.random_bool(0.1) {
            // The venue tells of a fill that has not arrived.
            filled = order.intent.quantity.get().max(filled);
        }
        let update = OrderUpdate {
            order_id: order.intent.id,
            input: 1,
            at: self.now,
            state,
            filled: Quantity(filled),
            reason: String::new(),
        };
        self.core.on_update(&update);
        self.reference.update(pick, &update);
    }

    fn compare_state(&self) {
        let (core, reference) = (&self.core, &self.reference);
        let account = core.account();
        assert_eq!(account.cash(), Money(reference.cash()));
        assert_eq!(account.imbalance(), Ok(Money::ZERO));
        assert_eq!(core.equity(), Money(reference.equity()));
        assert_eq!(core.day_open_equity(), Money(reference.day_open));
        // Exactly: cash + position × mark = start + realised + unrealised − fees.
        let right = account.start_balance() + account.realized_pnl() + core.unrealized_pnl() - account.fees();
        assert_eq!(core.equity(), right);
        for instrument in instruments() {
            let symbol = instrument.symbol;
            assert_eq!(core.position(symbol), Quantity(reference.position(symbol)));
            assert_eq!(core.symbol_exposure(symbol).map(Money::get), reference.exposure(symbol));
            for side in [Side::Buy, Side::Sell] {
                assert_eq!(core.open_orders(symbol, side), reference.open(symbol, side).count());
            }
        }
    }
}

#[test]
fn random_streams_are_judged_as_the_reference_judges_them() {
    let streams = events_wanted().div_ceil(STREAM);
    let mut total = Seen::default();
    for seed in 0..streams {
        let mut stream = Stream::new(seed);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..STREAM {
                stream.event();
            }
            std::mem::take(&mut stream.seen)
        }));
        let Ok(seen) = outcome else { panic!("stream with seed {seed} failed; see above") };
        total.approved_entries += seen.approved_entries;
        total.approved_exits += seen.approved_exits;
        total.invalid += seen.invalid;
        total.late_fills += seen.late_fills;
        total.duplicate_fills += seen.duplicate_fills;
        total.flips += seen.flips;
        total.clamped += seen.clamped;
        total.split += seen.split;
        total.blocked.extend(seen.blocked);
    }
    // Every check spoke, and every case occurred.
    if streams >= 100 {
        assert_eq!(total.blocked.len(), 12, "all checks but arithmetic: {total:?}");
        for count in [
            total.approved_entries,
            total.approved_exits,
            total.invalid,
            total.late_fills,
            total.duplicate_fills,
            total.flips,
            total.clamped,
            total.split,
        ] {
            assert!(count > streams / 50, "{total:?}");
        }
    }
}
