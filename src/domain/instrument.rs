//! What may be ordered of a symbol: tick, lot and minimums.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::money::{Money, Price, Quantity};
use super::symbol::Symbol;

/// A symbol with the steps and minimums that the venue asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// The pair.
    pub symbol: Symbol,
    /// Smallest step of an order's price, in quote currency.
    pub tick_size: Price,
    /// Smallest step of an order's quantity, in base currency.
    pub lot_size: Quantity,
    /// Smallest order quantity, in base currency.
    pub min_quantity: Quantity,
    /// Smallest order notional, in quote currency.
    pub min_notional: Money,
}

/// An order does not fit the instrument.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InstrumentError {
    /// Quantity is nought or negative.
    #[error("quantity {0} is not positive")]
    QuantityNotPositive(Quantity),
    /// Quantity is no multiple of the lot.
    #[error("quantity {quantity} is not a multiple of the lot {lot}")]
    OffLot {
        /// The order's quantity.
        quantity: Quantity,
        /// The instrument's lot.
        lot: Quantity,
    },
    /// Quantity is below the minimum.
    #[error("quantity {quantity} is below the minimum {minimum}")]
    BelowMinimumQuantity {
        /// The order's quantity.
        quantity: Quantity,
        /// The instrument's minimum.
        minimum: Quantity,
    },
    /// Price is nought or negative.
    #[error("price {0} is not positive")]
    PriceNotPositive(Price),
    /// Price is no multiple of the tick.
    #[error("price {price} is not a multiple of the tick {tick}")]
    OffTick {
        /// The order's price.
        price: Price,
        /// The instrument's tick.
        tick: Price,
    },
}

impl Instrument {
    /// Checks an order's quantity against lot and minimum.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn check_quantity(&self, quantity: Quantity) -> Result<(), InstrumentError> {
        if !quantity.is_positive() {
            return Err(InstrumentError::QuantityNotPositive(quantity));
        }
        if !quantity.is_on_lot(self.lot_size) {
            return Err(InstrumentError::OffLot { quantity, lot: self.lot_size });
        }
        if quantity < self.min_quantity {
            return Err(InstrumentError::BelowMinimumQuantity { quantity, minimum: self.min_quantity });
        }
        Ok(())
    }

    /// Checks an order's limit or stop price against the tick.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn check_price(&self, price: Price) -> Result<(), InstrumentError> {
        if !price.is_positive() {
            return Err(InstrumentError::PriceNotPositive(price));
        }
        if !price.is_on_tick(self.tick_size) {
            return Err(InstrumentError::OffTick { price, tick: self.tick_size });
        }
        Ok(())
    }
}
