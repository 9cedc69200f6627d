//! The account: cash, positions at cost, realised profit and loss, fees; exact in `Decimal`.
//!
//! Books keep the total cost of a position, not an average price. After every fill, exactly:
//!
//! ```text
//! cash + position × mark = start + realised + unrealised − fees
//! unrealised             = position × mark − cost
//! ```
//!
//! A close realises its proceeds less the share `cost × closed / position`, rounded half to even
//! to [`COST_DECIMALS`] places; the rounding stays in the cost that remains, and a full close takes
//! all of it, so nothing is lost. A flip is a full close and an opening of the rest at the fill's
//! price. Sums and products that do not fit 28 digits are an error and leave the account as it was.

use rust_decimal::Decimal;
use thiserror::Error;

use super::exact;
use super::recent::{ID_WINDOW, IdWindow, Seen};
use crate::domain::{Money, Price, Quantity, Side, Symbol};
use crate::messages::Fill;

/// Decimal places to which the cost of a partial close is rounded.
pub const COST_DECIMALS: u32 = 12;

/// The account could not take a fill, or a valuation is not exact. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccountError {
    /// A fill's quantity or price is nought or negative.
    #[error("fill {fill_id}: {field} is {value}; allowed: more than 0")]
    NotPositive {
        /// Whose.
        fill_id: u64,
        /// `quantity` or `price`.
        field: &'static str,
        /// Its value.
        value: Decimal,
    },
    /// A fill's id is so far below the highest seen that a repetition cannot be told.
    #[error("fill {fill_id} may be a repetition: allowed: ids less than {ID_WINDOW} below the highest seen")]
    TooOld {
        /// Whose.
        fill_id: u64,
    },
    /// A fill of a symbol that is not traded here.
    #[error("{symbol} is not among the instruments of this account")]
    UnknownSymbol {
        /// Which.
        symbol: Symbol,
    },
    /// The exact amount needs more than the 28 digits a decimal has.
    #[error("{0} does not fit 28 decimal digits exactly")]
    Inexact(&'static str),
}

/// What a fill did to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillEffect {
    /// It was counted.
    Applied {
        /// How much of it took a position down, base currency.
        closed: Quantity,
        /// How much of it opened or enlarged one, base currency.
        opened: Quantity,
        /// Profit and loss of the closed part, before fees.
        realized: Money,
        /// The position from now on, signed.
        position: Quantity,
    },
    /// Its id was seen before: nothing changed.
    Duplicate,
}

/// A position at its cost.
#[derive(Debug, Clone, Copy)]
struct Holding {
    symbol: Symbol,
    /// Signed: short negative.
    quantity: Decimal,
    /// Signed: what was paid for a long (positive), received for a short (negative).
    cost: Decimal,
}

/// The account. See the module's description.
#[derive(Debug, Clone)]
pub struct Account {
    start: Decimal,
    cash: Decimal,
    realized: Decimal,
    fees: Decimal,
    holdings: Vec<Holding>,
    seen: IdWindow,
}

impl Account {
    /// An account with nothing but `start_balance` in quote currency.
    #[must_use]
    pub fn new(start_balance: Money) -> Self {
        let start = start_balance.get();
        Self {
            start,
            cash: start,
            realized: Decimal::ZERO,
            fees: Decimal::ZERO,
            holdings: Vec::new(),
            seen: IdWindow::new(),
        }
    }

    /// Balance at the start.
    #[must_use]
    pub fn start_balance(&self) -> Money {
        Money(self.start)
    }

    /// Cash, quote currency; what was received for a short is in it.
    #[must_use]
    pub fn cash(&self) -> Money {
        Money(self.cash)
    }

    /// Realised profit and loss since the start, before fees.
    #[must_use]
    pub fn realized_pnl(&self) -> Money {
        Money(self.realized)
    }

    /// Fees paid since the start.
    #[must_use]
    pub fn fees(&self) -> Money {
        Money(self.fees)
    }

    /// Signed position: long positive, short negative.
    #[must_use]
    pub fn position(&self, symbol: Symbol) -> Quantity {
        self.find(symbol).map_or(Quantity::ZERO, |holding| Quantity(holding.quantity))
    }

    /// Signed total cost of the position: paid for a long, received (negative) for a short.
    #[must_use]
    pub fn cost(&self, symbol: Symbol) -> Money {
        self.find(symbol).map_or(Money::ZERO, |holding| Money(holding.cost))
    }

    /// Cost ÷ position, for display only (rounded to 28 digits); `None` when flat.
    #[must_use]
    pub fn average_price(&self, symbol: Symbol) -> Option<Price> {
        self.find(symbol)?.cost.checked_div(self.find(symbol)?.quantity).map(Price)
    }

    /// Symbols with a position, in the order in which they were first traded.
    pub fn open_symbols(&self) -> impl Iterator<Item = Symbol> {
        self.holdings.iter().filter(|holding| !holding.quantity.is_zero()).map(|holding| holding.symbol)
    }

    /// Position × mark − cost of one symbol.
    ///
    /// # Errors
    /// [`AccountError::Inexact`] when it does not fit 28 digits.
    pub fn unrealized_pnl(&self, symbol: Symbol, mark: Price) -> Result<Money, AccountError> {
        let Some(holding) = self.find(symbol) else { return Ok(Money::ZERO) };
        exact::mul(holding.quantity, mark.get())
            .and_then(|value| exact::sub(value, holding.cost))
            .map(Money)
            .ok_or(AccountError::Inexact("unrealised profit"))
    }

    /// Cash + Σ position × mark; a position without a mark is valued at its cost.
    ///
    /// # Errors
    /// [`AccountError::Inexact`] when it does not fit 28 digits.
    pub fn equity(&self, mark_of: impl Fn(Symbol) -> Option<Price>) -> Result<Money, AccountError> {
        self.holdings
            .iter()
            .filter(|holding| !holding.quantity.is_zero())
            .try_fold(self.cash, |sum, holding| {
                let value = match mark_of(holding.symbol) {
                    Some(mark) => exact::mul(holding.quantity, mark.get())?,
                    None => holding.cost,
                };
                exact::add(sum, value)
            })
            .map(Money)
            .ok_or(AccountError::Inexact("equity"))
    }

    /// What the books are off by: cash + cost + fees − start − realised. Always nought; a check
    /// for tests and reports.
    ///
    /// # Errors
    /// [`AccountError::Inexact`] when a sum does not fit 28 digits.
    pub fn imbalance(&self) -> Result<Money, AccountError> {
        let owed = exact::add(self.start, self.realized);
        self.holdings
            .iter()
            .try_fold(self.cash, |sum, holding| exact::add(sum, holding.cost))
            .and_then(|sum| exact::add(sum, self.fees))
            .and_then(|sum| exact::sub(sum, owed?))
            .map(Money)
            .ok_or(AccountError::Inexact("balance"))
    }

    /// Counts a fill, once.
    ///
    /// # Errors
    /// The fill makes no sense or its amounts do not fit; the account is then as before.
    pub fn apply(&mut self, fill: &Fill) -> Result<FillEffect, AccountError> {
        let slot = self.slot(fill.symbol);
        self.apply_at(slot, fill)
    }

    /// The index of a symbol's holding; a flat one is added where there is none.
    pub(super) fn slot(&mut self, symbol: Symbol) -> usize {
        self.holdings.iter().position(|holding| holding.symbol == symbol).unwrap_or_else(|| {
            self.holdings.push(Holding { symbol, quantity: Decimal::ZERO, cost: Decimal::ZERO });
            self.holdings.len() - 1
        })
    }

    #[inline]
    pub(super) fn quantity_at(&self, slot: usize) -> Decimal {
        self.holdings[slot].quantity
    }

    #[inline]
    pub(super) fn cost_at(&self, slot: usize) -> Decimal {
        self.holdings[slot].cost
    }

    pub(super) fn apply_at(&mut self, slot: usize, fill: &Fill) -> Result<FillEffect, AccountError> {
        let fill_id = fill.fill_id;
        for (field, value) in [("quantity", fill.quantity.get()), ("price", fill.price.get())] {
            if value <= Decimal::ZERO {
                return Err(AccountError::NotPositive { fill_id, field, value });
            }
        }
        match self.seen.get(fill_id) {
            Seen::New => {}
            Seen::Repeated => return Ok(FillEffect::Duplicate),
            Seen::TooOld => return Err(AccountError::TooOld { fill_id }),
        }
        let change = Change::plan(&self.holdings[slot], fill)?;
        let cash = exact::sub(self.cash, change.value).and_then(|cash| exact::sub(cash, fill.fee.get()));
        let cash = cash.ok_or(AccountError::Inexact("cash"))?;
        let fees = exact::add(self.fees, fill.fee.get()).ok_or(AccountError::Inexact("fees"))?;
        let realized = exact::add(self.realized, change.realized);
        let realized = realized.ok_or(AccountError::Inexact("realised profit"))?;

        self.holdings[slot].quantity = change.quantity;
        self.holdings[slot].cost = change.cost;
        (self.cash, self.fees, self.realized) = (cash, fees, realized);
        self.seen.insert(fill_id);
        Ok(FillEffect::Applied {
            closed: Quantity(change.closed),
            opened: Quantity(change.opened),
            realized: Money(change.realized),
            position: Quantity(change.quantity),
        })
    }

    fn find(&self, symbol: Symbol) -> Option<&Holding> {
        self.holdings.iter().find(|holding| holding.symbol == symbol)
    }
}

/// What a fill will do to a holding.
struct Change {
    /// Price × signed quantity: what leaves the cash.
    value: Decimal,
    closed: Decimal,
    opened: Decimal,
    realized: Decimal,
    quantity: Decimal,
    cost: Decimal,
}

impl Change {
    fn plan(held: &Holding, fill: &Fill) -> Result<Self, AccountError> {
        let (price, amount) = (fill.price.get(), fill.quantity.get());
        let traded = if fill.side == Side::Buy { amount } else { -amount };
        let value = exact::mul(price, traded).ok_or(AccountError::Inexact("price × quantity"))?;
        let quantity = exact::add(held.quantity, traded).ok_or(AccountError::Inexact("position"))?;
        let size = held.quantity.abs();
        let opposed =
            !held.quantity.is_zero() && held.quantity.is_sign_negative() != traded.is_sign_negative();
        if !opposed {
            let cost = exact::add(held.cost, value).ok_or(AccountError::Inexact("cost"))?;
            return Ok(Self {
                value,
                closed: Decimal::ZERO,
                opened: amount,
                realized: Decimal::ZERO,
                quantity,
                cost,
            });
        }
        if amount < size {
            let share =
                share_of(held.cost, amount, size).ok_or(AccountError::Inexact("cost of a partial close"))?;
            let cost = exact::sub(held.cost, share).ok_or(AccountError::Inexact("cost"))?;
            let realized = exact::sub(-value, share).ok_or(AccountError::Inexact("realised profit"))?;
            return Ok(Self { value, closed: amount, opened: Decimal::ZERO, realized, quantity, cost });
        }
        // A full close takes all the cost; what is left of the fill opens at its price.
        let closing = exact::mul(price, -held.quantity).ok_or(AccountError::Inexact("price × quantity"))?;
        let realized = exact::sub(-closing, held.cost).ok_or(AccountError::Inexact("realised profit"))?;
        let flat = quantity.is_zero();
        let cost = if flat { Some(Decimal::ZERO) } else { exact::mul(price, quantity) };
        Ok(Self {
            value,
            closed: size,
            opened: quantity.abs(),
            realized,
            quantity: if flat { Decimal::ZERO } else { quantity },
            cost: cost.ok_or(AccountError::Inexact("cost"))?,
        })
    }
}

/// `cost × closed / size`, rounded, and never more than the cost.
fn share_of(cost: Decimal, closed: Decimal, size: Decimal) -> Option<Decimal> {
    let raw = match exact::mul(cost, closed) {
        Some(product) => product.checked_div(size)?,
        None => cost.checked_mul(closed.checked_div(size)?)?,
    };
    let share = raw.round_dp(COST_DECIMALS);
    Some(if share.abs() > cost.abs() { cost } else { share })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OrderId, Timestamp};
    use crate::messages::Liquidity;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn symbol() -> Symbol {
        "BTC/EUR".parse().unwrap()
    }

    fn fill(fill_id: u64, side: Side, quantity: &str, price: &str, fee: &str) -> Fill {
        Fill {
            fill_id,
            order_id: OrderId(1),
            input: 1,
            at: Timestamp(0),
            symbol: symbol(),
            side,
            quantity: Quantity(d(quantity)),
            price: Price(d(price)),
            fee: Money(d(fee)),
            liquidity: Liquidity::Taker,
        }
    }

    fn account(fills: &[Fill]) -> Account {
        let mut account = Account::new(Money(d("10000")));
        for fill in fills {
            account.apply(fill).unwrap();
            assert_eq!(account.imbalance(), Ok(Money::ZERO));
        }
        account
    }

    #[test]
    fn a_long_is_paid_for_and_sold() {
        let account = account(&[
            fill(1, Side::Buy, "0.5", "100", "0.2"),
            fill(2, Side::Buy, "0.5", "110", "0.2"),
            fill(3, Side::Sell, "0.25", "120", "0.1"),
        ]);
        assert_eq!(account.cash(), Money(d("9924.5")));
        assert_eq!(account.cost(symbol()), Money(d("78.75")));
        assert_eq!(account.realized_pnl(), Money(d("3.75")));
        assert_eq!(account.average_price(symbol()), Some(Price(d("105"))));
        assert_eq!(account.unrealized_pnl(symbol(), Price(d("120"))), Ok(Money(d("11.25"))));
        assert_eq!(account.equity(|_| Some(Price(d("120")))), Ok(Money(d("10014.5"))));
        assert_eq!(account.equity(|_| None), Ok(Money(d("10003.25"))));
    }

    #[test]
    fn a_flip_closes_all_and_opens_the_rest_at_the_fill_s_price() {
        let mut account = account(&[fill(1, Side::Sell, "2", "50", "0")]);
        assert_eq!((account.cash(), account.cost(symbol())), (Money(d("10100")), Money(d("-100"))));
        let effect = account.apply(&fill(2, Side::Buy, "3", "40", "1")).unwrap();
        let expected = FillEffect::Applied {
            closed: Quantity(d("2")),
            opened: Quantity(d("1")),
            realized: Money(d("20")),
            position: Quantity(d("1")),
        };
        assert_eq!(effect, expected);
        assert_eq!(account.cost(symbol()), Money(d("40")));
        assert_eq!(account.cash(), Money(d("9979")));
        assert_eq!(account.open_symbols().collect::<Vec<_>>(), [symbol()]);
    }

    #[test]
    fn rounding_of_a_partial_close_stays_in_the_cost() {
        let mut account =
            account(&[fill(1, Side::Buy, "3", "33.333333333333", "0"), fill(2, Side::Sell, "1", "40", "0")]);
        // 99.999999999999 / 3 = 33.333333333333 exactly; a share of 2/3 of the rest is not.
        account.apply(&fill(3, Side::Sell, "0.7", "40", "0")).unwrap();
        assert_eq!(account.imbalance(), Ok(Money::ZERO));
        account.apply(&fill(4, Side::Sell, "1.3", "40", "0")).unwrap();
        assert_eq!(account.cost(symbol()), Money::ZERO);
        assert_eq!(account.realized_pnl(), Money(d("20.000000000001")));
    }

    #[test]
    fn a_fill_counts_once() {
        let mut account =
            account(&[fill(7, Side::Buy, "1", "100", "0"), fill(5, Side::Buy, "1", "100", "0")]);
        assert_eq!(account.apply(&fill(7, Side::Buy, "1", "100", "0")), Ok(FillEffect::Duplicate));
        assert_eq!(account.position(symbol()), Quantity(d("2")));
        account.apply(&fill(ID_WINDOW + 7, Side::Sell, "1", "100", "0")).unwrap();
        let late = account.apply(&fill(6, Side::Buy, "1", "100", "0"));
        assert_eq!(late, Err(AccountError::TooOld { fill_id: 6 }));
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut account = account(&[fill(1, Side::Buy, "1", "100", "0.00000001")]);
        let before = format!("{account:?}");
        for bad in [
            fill(2, Side::Buy, "1", "79228162514264337593543950335", "0"),
            fill(2, Side::Buy, "0.0000000000000001", "0.0000000000001", "0"),
            fill(2, Side::Buy, "1", "100", "79228162514264337593543950335"),
            fill(2, Side::Buy, "-1", "100", "0"),
            fill(2, Side::Buy, "1", "0", "0"),
        ] {
            assert!(account.apply(&bad).is_err(), "{bad:?}");
            assert_eq!(format!("{account:?}"), before);
        }
    }
}
