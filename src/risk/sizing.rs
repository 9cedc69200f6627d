//! How much to order: entries from equity, exits in children that the limits let through.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::checks::Measured;
use super::core::RiskCore;
use super::exact;
use super::reserved::Pricing;
use crate::domain::{Instrument, Money, Quantity, Side, Symbol};
use crate::messages::{RiskReason, SizingNote};

/// The most children an exit is split into; beyond that they grow above `max_order_notional`, and
/// risk lets exits of up to this share of the position pass.
pub const MAX_EXIT_CHILDREN: u64 = 1_000;

/// Share of `max_order_notional` that a child of an exit uses: the rest is for a price that moves
/// between the split and the check.
const EXIT_FILL_PCT: i64 = 99;

/// The step that stands in for an instrument without a lot.
const SMALLEST_LOT: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// The size of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sized {
    /// What to order, base currency; nought if there is nothing that may be ordered.
    pub quantity: Quantity,
    /// Set whenever the quantity is not simply what the fraction asked for.
    pub note: Option<SizingNote>,
}

impl Sized {
    fn bound(wanted: Decimal, sized: Decimal, bound_by: String) -> Self {
        let (wanted, sized) = (Quantity(wanted), Quantity(sized));
        Self { quantity: sized, note: Some(SizingNote { wanted, sized, bound_by }) }
    }
}

/// What an entry by the market at a mark is measured against.
struct Entry<'a> {
    core: &'a RiskCore,
    slot: usize,
    side: Side,
    mark: Decimal,
    lot: Decimal,
}

impl Entry<'_> {
    fn quantity(&self, lots: u64) -> Decimal {
        self.lot.saturating_mul(Decimal::from(lots))
    }

    /// The first limit that this many lots would break.
    fn broken_limit(&self, lots: u64) -> Option<RiskReason> {
        let order = Measured {
            slot: self.slot,
            side: self.side,
            quantity: self.quantity(lots),
            pricing: Pricing::Market,
            mark: self.mark,
        };
        let mut reasons = Vec::new();
        self.core.quantity_reasons(&order, &mut reasons);
        reasons.into_iter().next()
    }

    /// The equity pays for this many lots.
    fn is_funded(&self, lots: u64) -> bool {
        self.funds_needed(self.quantity(lots)).is_some_and(|needed| needed <= self.core.track.equity())
    }

    fn fits(&self, lots: u64) -> bool {
        self.broken_limit(lots).is_none() && self.is_funded(lots)
    }

    /// What keeps this many lots, which do not fit, from being ordered.
    fn bound_by(&self, lots: u64) -> String {
        let costs = &self.core.costs;
        let slippage = costs.slippage.0.normalize();
        match self.broken_limit(lots) {
            Some(RiskReason::Limit { check, limit, .. }) => {
                format!("{check} {} at a slippage of {slippage} bps", limit.normalize())
            }
            Some(failed) => failed.to_string(),
            None => format!(
                "equity {} without leverage, at a fee of {} bps and a slippage of {slippage} bps",
                self.core.track.equity().normalize(),
                costs.taker_fee.0.normalize(),
            ),
        }
    }

    /// Everybody's worst case with this order in it, and the fees that everything open may cost.
    /// Kept within equity, so that nothing is bought or sold short on credit: for an account that
    /// only buys this is cost + fee ≤ cash less what is reserved.
    fn funds_needed(&self, quantity: Decimal) -> Option<Decimal> {
        let core = self.core;
        let fee = core.costs.taker_fee.factor();
        let worst = Pricing::Market.worst(self.mark, core.slipped)?;
        let position = core.account.quantity_at(self.slot);
        let reserved = &core.books[self.slot].reserved;
        let new = Some((self.side, quantity, worst));
        let mut exposure = reserved.exposure(position, self.mark, core.slipped, new)?;
        let mut traded = exact::mul(quantity, worst)?;
        for (other, book) in core.books.iter().enumerate() {
            if !book.reserved.is_empty() {
                let mark = if other == self.slot { self.mark } else { book.mark?.price };
                traded = exact::add(traded, book.reserved.notional(mark, core.slipped)?)?;
            }
        }
        exposure = exact::add(exposure, core.exposure_of_others(self.slot)?)?;
        exact::add(exposure, exact::mul(traded, fee)?)
    }

    /// Where the limits would end if amounts were real numbers; a first guess.
    fn guess(&self) -> Option<u64> {
        let core = self.core;
        let worst = Pricing::Market.worst(self.mark, core.slipped)?;
        // What one unit more adds to the worst case.
        let unit = if self.side == Side::Buy { worst } else { self.mark };
        let held = core.exposure_at(self.slot)?;
        let others = core.exposure_of_others(self.slot)?;
        let limits = &core.limits;
        let room = |limit: Option<Money>, used: Decimal, unit: Decimal| {
            let room = limit.map(|limit| limit.get().saturating_sub(used).max(Decimal::ZERO));
            room.and_then(|room| room.checked_div(unit))
        };
        let fees = exact::mul(core.costs.taker_fee.factor(), worst)?;
        let all = exact::add(held, others)?;
        let quantity = [
            room(limits.max_order_notional, Decimal::ZERO, worst),
            room(limits.max_symbol_exposure_notional, held, unit),
            room(limits.max_total_exposure_notional, all, unit),
            room(Some(core.equity()), all, exact::add(unit, fees)?),
        ];
        let least = quantity.into_iter().flatten().min()?;
        least.checked_div(self.lot)?.floor().to_u64()
    }

    /// The most lots, up to `wanted` (which is too many), that nothing keeps from being ordered.
    /// What is ordered more is worth more in every limit, so that a search by halves finds it; the
    /// guess usually ends it in two steps.
    fn most(&self, wanted: u64) -> u64 {
        let (mut fits, mut too_many) = (0, wanted);
        if let Some(guess) = self.guess() {
            for probe in [guess, guess.saturating_add(1), guess.saturating_sub(1)] {
                if fits < probe && probe < too_many {
                    if self.fits(probe) {
                        fits = probe;
                    } else {
                        too_many = probe;
                    }
                }
            }
        }
        while too_many - fits > 1 {
            let middle = fits + (too_many - fits) / 2;
            if self.fits(middle) {
                fits = middle;
            } else {
                too_many = middle;
            }
        }
        fits
    }
}

impl RiskCore {
    /// The size of an entry by the market: `fraction` of the equity at the mark, in whole lots,
    /// clamped to the most lots that pass `max_order_notional` and both exposure limits with
    /// slippage, and that equity pays for with slippage and fee. Nought, with the reason, if that
    /// is below the instrument's minimums.
    ///
    /// Limits that no size keeps (daily loss, a stale price, rate, open positions) do not clamp:
    /// [`evaluate`](Self::evaluate) refuses the order with its typed reason.
    #[must_use]
    pub fn size_entry(&self, symbol: Symbol, side: Side, fraction: Decimal) -> Sized {
        let nothing = |why: String| Sized::bound(Decimal::ZERO, Decimal::ZERO, why);
        let Some(slot) = self.slot(symbol) else {
            return nothing(format!("{symbol} is not among the instruments of this session"));
        };
        let Some(mark) = self.books[slot].mark else {
            return nothing(format!("price_missing: no price for {symbol}"));
        };
        let instrument = &self.books[slot].instrument;
        let lot = if instrument.lot_size.is_positive() { instrument.lot_size.get() } else { SMALLEST_LOT };
        let entry = Entry { core: self, slot, side, mark: mark.price, lot };
        let budget = self.track.equity().saturating_mul(fraction);
        if budget <= Decimal::ZERO {
            let equity = self.track.equity().normalize();
            return nothing(format!(
                "position_fraction {} of equity {equity} is nothing",
                fraction.normalize()
            ));
        }
        let lots = budget.checked_div(mark.price).and_then(|quantity| quantity.checked_div(lot));
        let mut lots = lots.and_then(|lots| lots.floor().to_u64()).unwrap_or(u64::MAX);
        // The quotient is rounded to 28 digits, perhaps upwards over a whole lot.
        while lots > 0 && entry.quantity(lots).saturating_mul(mark.price) > budget {
            lots -= 1;
        }
        let wanted = entry.quantity(lots);
        let (sized, bound_by) = if entry.fits(lots) {
            (wanted, None)
        } else {
            let most = entry.most(lots);
            (entry.quantity(most), Some(entry.bound_by(most + 1)))
        };
        let cause = bound_by.as_ref().map(|why| format!("; bound by {why}")).unwrap_or_default();
        if sized < instrument.min_quantity.get() || sized.is_zero() {
            let minimum = instrument.min_quantity.get().max(lot).normalize();
            let why = format!("{} is below the minimum quantity {minimum}{cause}", sized.normalize());
            return Sized::bound(wanted, Decimal::ZERO, why);
        }
        let notional = sized.saturating_mul(mark.price);
        if notional < instrument.min_notional.get() {
            let minimum = instrument.min_notional.get().normalize();
            let why = format!("{} is below the minimum notional {minimum}{cause}", notional.normalize());
            return Sized::bound(wanted, Decimal::ZERO, why);
        }
        match bound_by {
            Some(why) => Sized::bound(wanted, sized, why),
            None => Sized { quantity: Quantity(sized), note: None },
        }
    }

    /// Splits an exit of `position` (either sign) into orders by the market that each keep
    /// `max_order_notional`, with slippage and a little room; nearly equal, in whole lots, none
    /// below the instrument's minimums, and together exactly the position. Where these cannot all
    /// be had, the exit comes first: what is too small to be split stays whole even if it is above
    /// the limit, what is below a minimum or no whole lot is in the last child, and there are at
    /// most [`MAX_EXIT_CHILDREN`]. Risk lets such children pass.
    #[must_use]
    pub fn split_exit(&self, symbol: Symbol, position: Quantity) -> Vec<Quantity> {
        let total = position.get().abs();
        if total.is_zero() {
            return Vec::new();
        }
        let children = self.slot(symbol).and_then(|slot| {
            let book = &self.books[slot];
            let limit = self.limits.max_order_notional?.get();
            let mark = book.mark?.price;
            let room = limit.checked_mul(Decimal::new(EXIT_FILL_PCT, 2))?;
            let largest = room.checked_div(mark.checked_mul(self.slipped)?)?;
            Some(split(total, largest, &book.instrument, mark))
        });
        children.unwrap_or_else(|| vec![Quantity(total)])
    }
}

/// The smallest order an instrument allows at a price, in whole lots.
fn smallest_order(instrument: &Instrument, price: Decimal) -> Decimal {
    let by_notional = instrument.min_notional.get().checked_div(price).unwrap_or_default();
    let least = instrument.min_quantity.get().max(by_notional);
    let lot = instrument.lot_size.get();
    if lot <= Decimal::ZERO {
        return least;
    }
    let lots = least.checked_div(lot).map_or(Decimal::ONE, |lots| lots.ceil().max(Decimal::ONE));
    lots.saturating_mul(lot)
}

/// True for an exit that `max_order_notional` must not hold back: it cannot be split into two
/// orders, or it is as small as the most children of the position may be.
pub(super) fn exit_always_allowed(
    instrument: &Instrument,
    price: Decimal,
    position: Decimal,
    quantity: Decimal,
) -> bool {
    let twice = smallest_order(instrument, price).saturating_mul(Decimal::TWO);
    if quantity < twice {
        return true;
    }
    let share = position.abs().checked_div(Decimal::from(MAX_EXIT_CHILDREN)).unwrap_or_default();
    let lot = instrument.lot_size.get().max(Decimal::ZERO);
    // The children are whole lots: the larger ones hold up to a lot more than the share.
    quantity <= share.saturating_add(lot)
}

fn split(total: Decimal, largest: Decimal, instrument: &Instrument, price: Decimal) -> Vec<Quantity> {
    let lot = if instrument.lot_size.is_positive() { instrument.lot_size.get() } else { SMALLEST_LOT };
    let whole = |n: Decimal| n.floor().to_u64();
    let lots = total.checked_div(lot).and_then(whole);
    let per_child = largest.checked_div(lot).and_then(whole);
    let smallest = smallest_order(instrument, price).checked_div(lot).and_then(|n| n.ceil().to_u64());
    let (Some(lots), Some(per_child), Some(smallest)) = (lots, per_child, smallest) else {
        return vec![Quantity(total)];
    };
    let needed = if per_child == 0 { lots } else { lots.div_ceil(per_child) };
    let most = (lots / smallest.max(1)).min(MAX_EXIT_CHILDREN);
    let children = needed.min(most).max(1);
    let (each, more) = (lots / children, lots % children);
    let mut left = total;
    let mut out = Vec::with_capacity(usize::try_from(children).unwrap_or_default());
    for child in 0..children - 1 {
        let quantity = lot.saturating_mul(Decimal::from(each + u64::from(child < more)));
        left = left.saturating_sub(quantity);
        out.push(Quantity(quantity));
    }
    // The last one takes what is left, to the last digit.
    out.push(Quantity(left));
    out
}
