//! What the benches share: settings, a market, strategies.

#![allow(dead_code)]

use std::sync::Arc;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use peak_trade::domain::{Bps, Instrument, MarketEvent, Money, Price, Quantity, Span, Timeframe};
use peak_trade::market::{Granularity, Source, SourceInfo, SourceState, Synthetic, SyntheticParams};
use peak_trade::risk::RiskLimits;
use peak_trade::session::assemble::CoreSettings;
use peak_trade::strategy::{Parameters, StrategyFactory, find};
use rust_decimal::Decimal;

/// The shipped defaults, without a warm-up.
pub fn settings() -> CoreSettings {
    CoreSettings {
        instrument: Instrument {
            symbol: "BTC/EUR".parse().unwrap(),
            tick_size: Price::from_scaled(1, 1),
            lot_size: Quantity::from_scaled(1, 8),
            min_quantity: Quantity::from_scaled(5, 5),
            min_notional: Money::from_scaled(45, 2),
        },
        timeframe: Timeframe::M1,
        warmup_candles: 0,
        steps: None,
        duration: None,
        max_jump_pct: Decimal::from(20),
        level_confirmations: 3,
        gap_hold_bars: 1,
        position_fraction: Decimal::new(1, 1),
        start_balance: Money::from_scaled(10_000, 0),
        limits: RiskLimits {
            max_order_notional: Some(Money::from_scaled(1_000, 0)),
            max_symbol_exposure_notional: Some(Money::from_scaled(2_000, 0)),
            max_total_exposure_notional: Some(Money::from_scaled(5_000, 0)),
            max_open_positions: Some(5),
            max_daily_loss_abs: Some(Money::from_scaled(500, 0)),
            max_daily_loss_pct: Some(Decimal::from(5)),
            price_collar_pct: Some(Decimal::from(5)),
            max_price_age: Some(Span::from_secs(120)),
            max_orders_per_second: Some(10),
            duplicate_window: Span::from_secs(1),
            ..RiskLimits::UNCHECKED
        },
        maker_fee: Bps(Decimal::from(25)),
        taker_fee: Bps(Decimal::from(40)),
        slippage: Bps(Decimal::from(5)),
        max_participation: Decimal::new(1, 1),
        latency: Span::ZERO,
        fee_decimals: 8,
        max_restarts: 3,
    }
}

/// Synthetic one-minute bars, all at once.
pub fn synthetic_bars(bars: u64) -> (SourceInfo, Vec<MarketEvent>) {
    all(SyntheticParams { bars: Some(bars), ..SyntheticParams::default() })
}

/// Synthetic ticks, `ticks_per_bar` to the minute.
pub fn synthetic_ticks(bars: u64, ticks_per_bar: u32) -> (SourceInfo, Vec<MarketEvent>) {
    all(SyntheticParams {
        bars: Some(bars),
        granularity: Granularity::Ticks,
        ticks_per_bar,
        ..SyntheticParams::default()
    })
}

fn all(params: SyntheticParams) -> (SourceInfo, Vec<MarketEvent>) {
    let mut source = Synthetic::new(params).unwrap();
    let mut events = Vec::new();
    while source.next_batch(65_536, &mut events).unwrap() == SourceState::More {}
    (source.info().clone(), events)
}

/// Fresh strategies with default parameters.
pub fn factory_of(key: &'static str) -> StrategyFactory {
    Arc::new(move || find(key).unwrap().build(&Parameters::new()).unwrap())
}

/// Wants the other thing at every bar: an order a bar.
pub struct Flipper(pub bool);

impl peak_trade::strategy::Strategy for Flipper {
    fn key(&self) -> &'static str {
        "flipper"
    }
    fn on_bar(&mut self, _: &peak_trade::domain::Bar) -> peak_trade::domain::TargetPosition {
        self.0 = !self.0;
        if self.0 {
            peak_trade::domain::TargetPosition::Long
        } else {
            peak_trade::domain::TargetPosition::Flat
        }
    }
    fn is_warm(&self) -> bool {
        true
    }
    fn min_bars(&self) -> usize {
        1
    }
}
