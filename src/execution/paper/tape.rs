//! What one market event offers: prices for a buyer and for a seller, and how much of its volume
//! our orders may have.

use rust_decimal::Decimal;

use super::pricing::is_better;
use crate::domain::{MarketEvent, Price, Quantity, Side, Timestamp};

/// The prices that one side meets within an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prices {
    /// Where a taker trades first: a bar's open, a trade's price, the opposite quote.
    pub(super) first: Price,
    /// The highest price.
    pub(super) high: Price,
    /// The lowest price.
    pub(super) low: Price,
    /// Whether a price equal to the limit trades: a displayed quote does, a print does not (F9).
    touch_trades: bool,
}

impl Prices {
    fn of(price: Price, touch_trades: bool) -> Self {
        Self { first: price, high: price, low: price, touch_trades }
    }

    /// The price within the event that is worst for a trader on this side.
    pub(super) fn worst(&self, side: Side) -> Price {
        match side {
            Side::Buy => self.high,
            Side::Sell => self.low,
        }
    }

    /// The price within the event that is best for a trader on this side.
    pub(super) fn best(&self, side: Side) -> Price {
        match side {
            Side::Buy => self.low,
            Side::Sell => self.high,
        }
    }

    /// True when a limit order trades where the market is at `price`.
    pub(super) fn reaches(&self, side: Side, price: Price, limit: Price) -> bool {
        is_better(side, price, limit) || (self.touch_trades && price == limit)
    }
}

/// What is left of an event's volume for us.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// One amount for both sides: a bar's volume, a trade's quantity.
    Shared(Quantity),
    /// What is displayed to buyers (the ask's quantity) and to sellers (the bid's).
    Sides { buy: Quantity, sell: Quantity },
}

/// How much of a displayed quote our orders have had. A quote that comes again at the same price
/// is the same quote: it fills us once (F6).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Consumed {
    buy: Option<(Price, Quantity)>,
    sell: Option<(Price, Quantity)>,
}

impl Consumed {
    /// Forgets what was had of a quote that has moved since.
    #[inline]
    pub(super) fn forget_if_moved(&mut self, event: &MarketEvent) {
        if (self.buy.is_some() || self.sell.is_some())
            && let MarketEvent::Quote(quote) = event
        {
            self.buy = self.buy.filter(|(price, _)| *price == quote.ask);
            self.sell = self.sell.filter(|(price, _)| *price == quote.bid);
        }
    }

    fn had(&self, side: Side) -> Quantity {
        let level = match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        };
        level.map_or(Quantity::ZERO, |(_, quantity)| quantity)
    }

    fn add(&mut self, side: Side, price: Price, quantity: Quantity) {
        let total = self.had(side) + quantity;
        match side {
            Side::Buy => self.buy = Some((price, total)),
            Side::Sell => self.sell = Some((price, total)),
        }
    }
}

/// One event as the matching sees it.
#[derive(Debug)]
pub(super) struct Tape {
    /// When its first price traded: a bar's open time, a tick's exchange time.
    pub(super) from: Timestamp,
    /// When it is over: a bar's close time, a tick's exchange time.
    pub(super) until: Timestamp,
    pub(super) is_bar: bool,
    is_quote: bool,
    buy: Option<Prices>,
    sell: Option<Prices>,
    left: Left,
}

impl Tape {
    /// Reads an event; our share of its volume is rounded down to the lot (F5).
    pub(super) fn of(
        event: &MarketEvent,
        participation: Decimal,
        lot: Quantity,
        consumed: &mut Consumed,
    ) -> Self {
        consumed.forget_if_moved(event);
        let share = |volume: Quantity| {
            let share = volume.get().checked_mul(participation).unwrap_or(Decimal::ZERO);
            Quantity(Quantity(share).floor_to_lot(lot).get().normalize())
        };
        let when_positive = |quantity: Quantity, prices| quantity.is_positive().then_some(prices);
        match event {
            MarketEvent::Bar(bar) => {
                let prices = Prices { first: bar.open, high: bar.high, low: bar.low, touch_trades: false };
                let prices = when_positive(bar.volume, prices);
                Self {
                    from: bar.open_time,
                    until: bar.close_time(),
                    is_bar: true,
                    is_quote: false,
                    buy: prices,
                    sell: prices,
                    left: Left::Shared(share(bar.volume)),
                }
            }
            MarketEvent::Trade(trade) => {
                let prices = when_positive(trade.quantity, Prices::of(trade.price, false));
                Self {
                    from: trade.time,
                    until: trade.time,
                    is_bar: false,
                    is_quote: false,
                    buy: prices,
                    sell: prices,
                    left: Left::Shared(share(trade.quantity)),
                }
            }
            MarketEvent::Quote(quote) => Self {
                from: quote.time,
                until: quote.time,
                is_bar: false,
                is_quote: true,
                buy: when_positive(quote.ask_quantity, Prices::of(quote.ask, true)),
                sell: when_positive(quote.bid_quantity, Prices::of(quote.bid, true)),
                left: Left::Sides {
                    buy: share(quote.ask_quantity) - consumed.had(Side::Buy),
                    sell: share(quote.bid_quantity) - consumed.had(Side::Sell),
                },
            },
        }
    }

    /// The prices a side meets; none when nothing traded or is displayed.
    pub(super) fn prices(&self, side: Side) -> Option<Prices> {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }

    /// What our orders on this side may still have.
    pub(super) fn left(&self, side: Side) -> Quantity {
        let left = match (self.left, side) {
            (Left::Shared(left), _) => left,
            (Left::Sides { buy, .. }, Side::Buy) => buy,
            (Left::Sides { sell, .. }, Side::Sell) => sell,
        };
        left.max(Quantity::ZERO)
    }

    /// Takes some of it.
    pub(super) fn take(&mut self, side: Side, quantity: Quantity, consumed: &mut Consumed) {
        match (&mut self.left, side) {
            (Left::Shared(left), _) => *left -= quantity,
            (Left::Sides { buy, .. }, Side::Buy) => *buy -= quantity,
            (Left::Sides { sell, .. }, Side::Sell) => *sell -= quantity,
        }
        if self.is_quote
            && let Some(prices) = self.prices(side)
        {
            consumed.add(side, prices.first, quantity);
        }
    }
}
