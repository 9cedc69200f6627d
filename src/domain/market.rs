//! Bars, trades and quotes.

use serde::{Deserialize, Serialize};

use super::money::{Price, Quantity};
use super::order::Side;
use super::time::Timestamp;
use super::timeframe::Timeframe;

/// What the volume of a source's bars is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeUnit {
    /// Base currency (BTC of BTC/EUR).
    Base,
    /// Quote currency (EUR of BTC/EUR).
    Quote,
}

/// Open, high, low, close and volume of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Start of the interval. The bar exists (may be acted on) from `open_time + timeframe`.
    pub open_time: Timestamp,
    /// Length of the interval.
    pub timeframe: Timeframe,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Volume in base currency.
    pub volume: Quantity,
    /// Number of trades, where the source tells.
    pub trade_count: Option<u64>,
}

impl Bar {
    /// When the bar is complete: open + timeframe.
    #[must_use]
    pub fn close_time(&self) -> Timestamp {
        self.open_time + self.timeframe.span()
    }
}

/// One trade on the venue (a tick).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Exchange time.
    pub time: Timestamp,
    /// Price.
    pub price: Price,
    /// Quantity in base currency.
    pub quantity: Quantity,
    /// The taker's side, where known.
    pub taker_side: Option<Side>,
    /// The venue's trade id, where known; consecutive ids show gaps and duplicates.
    pub trade_id: Option<u64>,
}

/// Best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Exchange time.
    pub time: Timestamp,
    /// Best bid price.
    pub bid: Price,
    /// Quantity at the best bid.
    pub bid_quantity: Quantity,
    /// Best ask price.
    pub ask: Price,
    /// Quantity at the best ask.
    pub ask_quantity: Quantity,
}

/// What a market data source delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarketEvent {
    /// A final bar.
    Bar(Bar),
    /// A trade.
    Trade(Trade),
    /// A change of the best bid or ask.
    Quote(Quote),
}

impl MarketEvent {
    /// When the event may be acted on: a bar's close time, a tick's exchange time.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Bar(bar) => bar.close_time(),
            Self::Trade(trade) => trade.time,
            Self::Quote(quote) => quote.time,
        }
    }

    /// The price that values a position: a bar's close, a trade's price, a quote's middle.
    #[must_use]
    pub fn mark(&self) -> Price {
        match self {
            Self::Bar(bar) => bar.close,
            Self::Trade(trade) => trade.price,
            Self::Quote(quote) => {
                Price((quote.bid.get() + quote.ask.get()) * rust_decimal::Decimal::new(5, 1))
            }
        }
    }
}
