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

/// What traded or is displayed, and how much of our share of it we had.
#[derive(Debug, Clone, Copy)]
enum Volume {
    /// One amount for both sides: a bar's volume, a trade's quantity.
    Shared { traded: Quantity, had: Quantity },
    /// What is displayed to buyers (the ask's quantity) and to sellers (the bid's).
    Displayed { to_buyers: Quantity, to_sellers: Quantity },
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
    buy: Option<Prices>,
    sell: Option<Prices>,
    volume: Volume,
    participation: Decimal,
    lot: Quantity,
}

impl Tape {
    /// Reads an event. Cheap: volumes are worked out when something trades, which is rare.
    pub(super) fn of(event: &MarketEvent, participation: Decimal, lot: Quantity) -> Self {
        let when_positive = |quantity: Quantity, prices| quantity.is_positive().then_some(prices);
        let (buy, sell, volume) = match event {
            MarketEvent::Bar(bar) => {
                let prices = Prices { first: bar.open, high: bar.high, low: bar.low, touch_trades: false };
                let prices = when_positive(bar.volume, prices);
                (prices, prices, Volume::Shared { traded: bar.volume, had: Quantity::ZERO })
            }
            MarketEvent::Trade(trade) => {
                let prices = when_positive(trade.quantity, Prices::of(trade.price, false));
                (prices, prices, Volume::Shared { traded: trade.quantity, had: Quantity::ZERO })
            }
            MarketEvent::Quote(quote) => (
                when_positive(quote.ask_quantity, Prices::of(quote.ask, true)),
                when_positive(quote.bid_quantity, Prices::of(quote.bid, true)),
                Volume::Displayed { to_buyers: quote.ask_quantity, to_sellers: quote.bid_quantity },
            ),
        };
        let (from, is_bar) = match event {
            MarketEvent::Bar(bar) => (bar.open_time, true),
            MarketEvent::Trade(_) | MarketEvent::Quote(_) => (event.time(), false),
        };
        Self { from, until: event.time(), is_bar, buy, sell, volume, participation, lot }
    }

    /// The prices a side meets; none when nothing traded or is displayed.
    pub(super) fn prices(&self, side: Side) -> Option<Prices> {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }

    /// What our orders on this side may still have: our share of the volume, rounded down to
    /// the lot, less what we had of it (F5, F6).
    pub(super) fn left(&self, side: Side, consumed: &Consumed) -> Quantity {
        let (volume, had) = match (self.volume, side) {
            (Volume::Shared { traded, had }, _) => (traded, had),
            (Volume::Displayed { to_buyers, .. }, Side::Buy) => (to_buyers, consumed.had(side)),
            (Volume::Displayed { to_sellers, .. }, Side::Sell) => (to_sellers, consumed.had(side)),
        };
        let share = volume.get().checked_mul(self.participation).unwrap_or(Decimal::ZERO);
        (Quantity(share).floor_to_lot(self.lot) - had).max(Quantity::ZERO)
    }

    /// Takes some of it.
    pub(super) fn take(&mut self, side: Side, quantity: Quantity, consumed: &mut Consumed) {
        match &mut self.volume {
            Volume::Shared { had, .. } => *had += quantity,
            Volume::Displayed { .. } => {
                if let Some(prices) = self.prices(side) {
                    consumed.add(side, prices.first, quantity);
                }
            }
        }
    }
}
