//! The vocabulary of the trade: symbols, time, money, market events, orders and ids.
//!
//! Money is decimal ([`Price`], [`Quantity`], [`Money`]); `f64` appears only where a statistic is
//! computed. Times are UTC ([`Timestamp`]).

mod ids;
mod instrument;
mod market;
mod money;
mod order;
mod symbol;
mod time;
mod timeframe;

pub use ids::{OrderId, ParseIdError, RunId, RunMode};
pub use instrument::{Instrument, InstrumentError};
pub use market::{Bar, MarketEvent, Quote, Trade, VolumeUnit};
pub use money::{Bps, Money, MoneyError, Price, Quantity, exact_f64};
pub use order::{OrderType, ParseOrderWordError, Side, TargetPosition, TimeInForce};
pub use symbol::{ParseSymbolError, Symbol};
pub use time::{Span, Timestamp};
pub use timeframe::{ParseTimeframeError, Timeframe};
