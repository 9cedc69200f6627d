//! The account against exact fractions of whole numbers: long, short, flips, partial closes, fees,
//! extreme scales.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use peak_trade::domain::*;
use peak_trade::messages::{Fill, Liquidity};
use peak_trade::risk::{Account, AccountError, COST_DECIMALS, FillEffect};
use proptest::prelude::*;
use rust_decimal::Decimal;

#[derive(Debug, Clone)]
struct Trade {
    symbol: usize,
    side: Side,
    quantity: i64,
    price: i64,
    fee: i64,
    repeated: bool,
}

fn trades(
    quantity: std::ops::RangeInclusive<i64>,
    price: std::ops::RangeInclusive<i64>,
) -> impl Strategy<Value = Vec<Trade>> {
    let trade = (0_usize..2, any::<bool>(), quantity, price, -1_000_i64..100_000, prop::bool::weighted(0.1))
        .prop_map(|(symbol, buy, quantity, price, fee, repeated)| Trade {
            symbol,
            side: if buy { Side::Buy } else { Side::Sell },
            quantity,
            price,
            fee,
            repeated,
        });
    prop::collection::vec(trade, 1..60)
}

fn symbols() -> [Symbol; 2] {
    ["BTC/EUR", "ADA/EUR"].map(|symbol| symbol.parse().unwrap())
}

/// What the fills came to, in whole units of the smallest amounts: no account needed.
#[derive(Default, Clone, Copy)]
struct Flow {
    quantity: i128,
    /// Price × quantity.
    spent: i128,
    /// Of the position: cost and realised profit as floating numbers, for a rough comparison.
    cost: f64,
    realized: f64,
}

fn check(
    trades: &[Trade],
    quantity_scale: u32,
    price_scale: u32,
    fee_scale: u32,
) -> Result<(), TestCaseError> {
    let start = Money(Decimal::from(10_000));
    let mut account = Account::new(start);
    let (mut flows, mut fees) = ([Flow::default(); 2], 0_i128);
    for (i, trade) in trades.iter().enumerate() {
        let fill = Fill {
            fill_id: i as u64,
            order_id: OrderId(1),
            input: 1,
            at: Timestamp(0),
            symbol: symbols()[trade.symbol],
            side: trade.side,
            quantity: Quantity::from_scaled(trade.quantity, quantity_scale),
            price: Price::from_scaled(trade.price, price_scale),
            fee: Money::from_scaled(trade.fee, fee_scale),
            liquidity: Liquidity::Taker,
        };
        let before = format!("{account:?}");
        match account.apply(&fill) {
            Ok(FillEffect::Applied { .. }) => {}
            Err(AccountError::Inexact(_)) => {
                prop_assert_eq!(format!("{account:?}"), before, "a refused fill changed something");
                return Ok(());
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
        if trade.repeated {
            prop_assert_eq!(account.apply(&fill), Ok(FillEffect::Duplicate));
        }
        let sign = if trade.side == Side::Buy { 1 } else { -1 };
        let flow = &mut flows[trade.symbol];
        let (held, traded) = (flow.quantity, sign * i128::from(trade.quantity));
        let (price, size) = (trade.price as f64, held.unsigned_abs().min(traded.unsigned_abs()) as f64);
        if held.signum() * traded.signum() < 0 {
            let share = flow.cost * size / held.unsigned_abs() as f64;
            flow.realized += size * price * held.signum() as f64 - share;
            let opened = (held + traded) as f64;
            let flipped = (held + traded).signum() * held.signum() < 0;
            flow.cost = if flipped { opened * price } else { flow.cost - share };
        } else {
            flow.cost += traded as f64 * price;
        }
        flow.quantity += traded;
        flow.spent += traded * i128::from(trade.price);
        fees += i128::from(trade.fee);

        // To the last unit, against the whole numbers.
        let scaled = |units: i128, scale: u32| Decimal::try_from_i128_with_scale(units, scale).unwrap();
        let spent = scaled(flows[0].spent + flows[1].spent, quantity_scale + price_scale);
        prop_assert_eq!(account.fees(), Money(scaled(fees, fee_scale)));
        prop_assert_eq!(account.cash().get() + spent + scaled(fees, fee_scale), start.get());
        prop_assert_eq!(account.imbalance(), Ok(Money::ZERO));
        let mut right = Some(start + account.realized_pnl() - account.fees());
        for (symbol, flow) in symbols().into_iter().zip(&flows) {
            prop_assert_eq!(account.position(symbol), Quantity(scaled(flow.quantity, quantity_scale)));
            // At the edge a valuation may not fit its 28 digits: then it is refused, not rounded.
            right = match (right, account.unrealized_pnl(symbol, fill.price)) {
                (Some(sum), Ok(unrealized)) => Some(sum + unrealized),
                (_, Err(AccountError::Inexact(_))) | (None, _) => None,
                (_, Err(other)) => return Err(TestCaseError::fail(other.to_string())),
            };
            let (cost, zero) = (account.cost(symbol), account.position(symbol).is_zero());
            prop_assert!(!zero || cost.is_zero(), "a flat position has no cost");
            // A cost of the other sign would be an average price below nought.
            let long = account.position(symbol).is_positive();
            let fits = if long { !cost.is_negative() } else { !cost.is_positive() };
            prop_assert!(fits, "cost {cost} of the wrong sign");
        }
        match (account.equity(|_| Some(fill.price)), right) {
            (Ok(equity), Some(right)) => prop_assert_eq!(equity, right),
            (Ok(_), None) | (Err(AccountError::Inexact(_)), _) => {}
            (Err(other), _) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
    let unit = 10_f64.powi(-((quantity_scale + price_scale) as i32));
    let realized: f64 = flows.iter().map(|flow| flow.realized * unit).sum();
    let turnover: f64 = trades.iter().map(|t| t.quantity as f64 * t.price as f64 * unit).sum();
    let tolerance = turnover * 1e-9 + trades.len() as f64 * 10_f64.powi(-(COST_DECIMALS as i32));
    prop_assert!((account.realized_pnl().to_f64() - realized).abs() <= tolerance);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bitcoin_balances(trades in trades(1..=200_000_000, 1..=1_000_000)) {
        check(&trades, 8, 1, 5)?;
    }

    #[test]
    fn crowded_quantities_flip_and_close_and_balance(trades in trades(1..=5, 1..=3)) {
        check(&trades, 0, 0, 2)?;
    }

    #[test]
    fn tiny_prices_of_huge_amounts_balance(trades in trades(1..=1_000_000_000_000_000, 1..=1_000)) {
        check(&trades, 2, 10, 8)?;
    }

    #[test]
    fn at_the_edge_of_28_digits_it_balances_or_refuses(trades in trades(1..=i64::MAX, 1..=1_000_000_000)) {
        check(&trades, 12, 9, 12)?;
    }
}
