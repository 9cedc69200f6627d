//! What is on its way: orders approved and not yet closed, and their worst case.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::exact;
use crate::domain::{OrderType, Side};
use crate::messages::OrderIntent;

/// At what price an order counts before it trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pricing {
    /// At the mark and the assumed slippage.
    Market,
    /// At its limit, or at the mark if that is higher.
    Limit(Decimal),
    /// At its stop, or at the mark if that is higher, and the assumed slippage.
    Stop(Decimal),
}

impl Pricing {
    pub(super) fn of(intent: &OrderIntent) -> Self {
        let limit = intent.limit_price.filter(|_| intent.order_type.has_limit());
        let stop = intent.stop_price.filter(|_| intent.order_type == OrderType::Stop);
        match (limit, stop) {
            (Some(limit), _) => Self::Limit(limit.get()),
            (None, Some(stop)) => Self::Stop(stop.get()),
            (None, None) => Self::Market,
        }
    }

    /// The price that counts: the higher of mark and order price, plus slippage where the order
    /// takes what it finds. `slipped` is 1 + slippage.
    pub(super) fn worst(self, mark: Decimal, slipped: Decimal) -> Option<Decimal> {
        match self {
            Self::Market => exact::mul(mark, slipped),
            Self::Limit(price) => Some(mark.max(price)),
            Self::Stop(price) => exact::mul(mark.max(price), slipped),
        }
    }
}

/// An order that was approved and is not closed: unacknowledged, resting or unknown.
#[derive(Debug, Clone)]
pub(super) struct OpenOrder {
    pub(super) slot: usize,
    pub(super) side: Side,
    pub(super) pricing: Pricing,
    pub(super) reduce_only: bool,
    pub(super) remaining: Decimal,
    pub(super) filled: Decimal,
}

/// Quantities of buys at one limit or stop price.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    limit: Decimal,
    stop: Decimal,
}

/// The open orders of one symbol, summed, so that a check costs the same however many rest.
#[derive(Debug, Clone, Default)]
pub(super) struct Reserved {
    pub(super) buys: Decimal,
    pub(super) sells: Decimal,
    pub(super) reducing_buys: Decimal,
    pub(super) reducing_sells: Decimal,
    pub(super) buy_count: usize,
    pub(super) sell_count: usize,
    /// Of the buys, those that pay slippage.
    slipping_buys: Decimal,
    /// Of the buys, those with a price of their own; only prices above the mark matter.
    priced_buys: BTreeMap<Decimal, Level>,
}

impl Reserved {
    pub(super) fn is_empty(&self) -> bool {
        self.buy_count == 0 && self.sell_count == 0
    }

    /// Counts one order more (`true`) or one less.
    pub(super) fn count(&mut self, side: Side, more: bool) {
        let count = if side == Side::Buy { &mut self.buy_count } else { &mut self.sell_count };
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
    }

    /// Changes the reserved quantity by `change`; `None` (and no change) if a sum does not fit.
    pub(super) fn change(&mut self, order: &OpenOrder, change: Decimal) -> Option<()> {
        let (all, reducing) = match order.side {
            Side::Buy => (&mut self.buys, &mut self.reducing_buys),
            Side::Sell => (&mut self.sells, &mut self.reducing_sells),
        };
        // Every part is at most the whole, so that only the whole can fail to fit.
        let whole = exact::add(*all, change)?;
        let part = if order.reduce_only { exact::add(*reducing, change)? } else { *reducing };
        if order.side == Side::Buy {
            let mut slipping = self.slipping_buys;
            if !matches!(order.pricing, Pricing::Limit(_)) {
                slipping = exact::add(slipping, change)?;
            }
            let level = match order.pricing {
                Pricing::Market => None,
                Pricing::Limit(price) => Some((price, false)),
                Pricing::Stop(price) => Some((price, true)),
            };
            if let Some((price, is_stop)) = level {
                let mut level = self.priced_buys.get(&price).copied().unwrap_or_default();
                let part = if is_stop { &mut level.stop } else { &mut level.limit };
                *part = exact::add(*part, change)?;
                if level.limit.is_zero() && level.stop.is_zero() {
                    self.priced_buys.remove(&price);
                } else {
                    self.priced_buys.insert(price, level);
                }
            }
            self.slipping_buys = slipping;
        }
        *all = whole;
        *reducing = part;
        Some(())
    }

    /// What the open buys are worth beyond their quantity at the mark.
    fn premium(&self, mark: Decimal, slipped: Decimal) -> Option<Decimal> {
        let mut premium = Decimal::ZERO;
        if !self.slipping_buys.is_zero() {
            let slippage = exact::sub(slipped, Decimal::ONE)?;
            premium = exact::mul(exact::mul(self.slipping_buys, mark)?, slippage)?;
        }
        for (price, level) in
            self.priced_buys.range((std::ops::Bound::Excluded(mark), std::ops::Bound::Unbounded))
        {
            let above = exact::sub(*price, mark)?;
            premium = exact::add(premium, exact::mul(level.limit, above)?)?;
            premium = exact::add(premium, exact::mul(exact::mul(level.stop, above)?, slipped)?)?;
        }
        Some(premium)
    }

    /// The worst case of one symbol in quote currency: the larger of `|position + all buys|` and
    /// `|position − all sells|`, at the mark, and what the buys may cost beyond it.
    pub(super) fn exposure(
        &self,
        position: Decimal,
        mark: Decimal,
        slipped: Decimal,
        new: Option<(Side, Decimal, Decimal)>,
    ) -> Option<Decimal> {
        let mut premium = self.premium(mark, slipped)?;
        let mut up = exact::add(position, self.buys)?;
        let mut down = exact::sub(position, self.sells)?;
        match new {
            Some((Side::Buy, quantity, worst)) => {
                up = exact::add(up, quantity)?;
                premium = exact::add(premium, exact::mul(quantity, exact::sub(worst, mark)?)?)?;
            }
            Some((Side::Sell, quantity, _)) => down = exact::sub(down, quantity)?,
            None => {}
        }
        let up = exact::add(exact::mul(up.abs(), mark)?, premium)?;
        let down = exact::mul(down.abs(), mark)?;
        Some(up.max(down))
    }

    /// The notional of everything open, for the fees it may cost.
    pub(super) fn notional(&self, mark: Decimal, slipped: Decimal) -> Option<Decimal> {
        let quantity = exact::add(self.buys, self.sells)?;
        exact::add(exact::mul(quantity, mark)?, self.premium(mark, slipped)?)
    }
}
