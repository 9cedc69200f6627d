//! Slippage and fees. All arithmetic is checked: a result that does not fit is `None`.

use rust_decimal::Decimal;

use super::PaperParams;
use crate::domain::{Bps, Money, Price, Quantity, Side};
use crate::messages::Liquidity;

/// True when `a` is a strictly better price than `b` for a trader on this side.
pub(super) fn is_better(side: Side, a: Price, b: Price) -> bool {
    match side {
        Side::Buy => a < b,
        Side::Sell => a > b,
    }
}

/// The better of two prices for a trader on this side.
pub(super) fn better(side: Side, a: Price, b: Price) -> Price {
    if is_better(side, b, a) { b } else { a }
}

impl PaperParams {
    /// What a taker pays (or gets) where the market's price is `price`: worse by the slippage,
    /// rounded to the tick against the trader, never nought (F7).
    pub(super) fn taker_price(&self, side: Side, price: Price) -> Option<Price> {
        let tick = self.instrument.tick_size;
        let slip = price.get().checked_mul(self.slippage.factor())?;
        let slipped = match side {
            Side::Buy => {
                let raw = Price(price.get().checked_add(slip)?);
                // One more tick must fit, for the rounding up.
                raw.get().checked_add(tick.get())?;
                raw.ceil_to_tick(tick)
            }
            Side::Sell => {
                let low = Price(price.get().checked_sub(slip)?).floor_to_tick(tick);
                if low.is_positive() { low } else { tick }
            }
        };
        slipped.is_positive().then(|| Price(slipped.get().normalize()))
    }

    /// The fee on a fill: bps of its notional, rounded half away from nought (F8).
    pub(super) fn fee(&self, price: Price, quantity: Quantity, liquidity: Liquidity) -> Option<Money> {
        let Bps(bps) = match liquidity {
            Liquidity::Maker => self.maker_fee,
            Liquidity::Taker => self.taker_fee,
        };
        let notional = price.notional(quantity).ok()?;
        let fee = notional.get().checked_mul(bps)?.checked_mul(Decimal::new(1, 4))?;
        Some(Money(Money(fee).rounded(self.fee_decimals).get().normalize()))
    }
}
