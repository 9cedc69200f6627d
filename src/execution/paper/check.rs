//! Which orders the paper venue refuses on arrival.

use thiserror::Error;

use super::PaperVenue;
use crate::domain::{
    InstrumentError, Money, MoneyError, OrderId, OrderType, Price, Symbol, TimeInForce, Timestamp,
};
use crate::messages::OrderIntent;

/// Why an order was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Refused {
    #[error("{max} orders are open already")]
    TooManyOpen { max: usize },
    #[error("order {0} is open already")]
    IdInUse(OrderId),
    #[error("{order} is not traded here, only {traded}")]
    OtherSymbol { order: Symbol, traded: Symbol },
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    #[error("a {order_type} order needs a {which} price", order_type = .order_type.as_str())]
    PriceMissing { order_type: OrderType, which: &'static str },
    #[error("a {order_type} order has no {which} price", order_type = .order_type.as_str())]
    PriceUncalled { order_type: OrderType, which: &'static str },
    #[error("post-only needs a limit order that may rest, not {order_type} {tif}",
        order_type = .order_type.as_str(), tif = .time_in_force.as_str())]
    PostOnly { order_type: OrderType, time_in_force: TimeInForce },
    #[error("good till {0}, which has passed")]
    DatePassed(Timestamp),
    #[error("no price is known that the minimum notional could be checked at")]
    NoReferencePrice,
    #[error("notional {notional} is below the minimum {minimum}")]
    BelowMinimumNotional { notional: Money, minimum: Money },
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl PaperVenue {
    /// Checks an order as a venue would on arrival; the first rule it breaks (F4).
    pub(super) fn check(&self, intent: &OrderIntent, now: Timestamp) -> Result<(), Refused> {
        let instrument = &self.params.instrument;
        if self.open.len() >= self.max_open_orders {
            return Err(Refused::TooManyOpen { max: self.max_open_orders });
        }
        if self.open.iter().any(|working| working.intent.id == intent.id) {
            return Err(Refused::IdInUse(intent.id));
        }
        if intent.symbol != instrument.symbol {
            return Err(Refused::OtherSymbol { order: intent.symbol, traded: instrument.symbol });
        }
        match instrument.check_quantity(intent.quantity) {
            // What is left of a position may be less than a minimum, and must get out all the same.
            Err(InstrumentError::BelowMinimumQuantity { .. }) if intent.reduce_only => {}
            checked => checked?,
        }
        let order_type = intent.order_type;
        self.check_price(intent.limit_price, order_type, order_type.has_limit(), "limit")?;
        self.check_price(intent.stop_price, order_type, order_type.has_stop(), "stop")?;
        let time_in_force = intent.time_in_force;
        let may_rest =
            order_type.has_limit() && matches!(time_in_force, TimeInForce::Gtc | TimeInForce::Gtd(_));
        if intent.post_only && !may_rest {
            return Err(Refused::PostOnly { order_type, time_in_force });
        }
        if let TimeInForce::Gtd(date) = time_in_force
            && date <= now
        {
            return Err(Refused::DatePassed(date));
        }
        if instrument.min_notional.is_positive() && !intent.reduce_only {
            let reference = intent.decision_price.or(intent.limit_price).or(intent.stop_price);
            let reference = reference.filter(|price| price.is_positive()).ok_or(Refused::NoReferencePrice)?;
            let notional = Money(reference.notional(intent.quantity)?.get().normalize());
            if notional < instrument.min_notional {
                return Err(Refused::BelowMinimumNotional { notional, minimum: instrument.min_notional });
            }
        }
        Ok(())
    }

    fn check_price(
        &self,
        price: Option<Price>,
        order_type: OrderType,
        needed: bool,
        which: &'static str,
    ) -> Result<(), Refused> {
        match price {
            Some(price) if needed => Ok(self.params.instrument.check_price(price)?),
            None if needed => Err(Refused::PriceMissing { order_type, which }),
            Some(_) => Err(Refused::PriceUncalled { order_type, which }),
            None => Ok(()),
        }
    }
}
