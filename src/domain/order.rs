//! Words about orders.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::money::Quantity;
use super::time::Timestamp;

/// A text is not one of the allowed words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not {what}; allowed: {allowed}")]
pub struct ParseOrderWordError {
    /// What was expected.
    pub what: &'static str,
    /// The text as given.
    pub text: String,
    /// The allowed words.
    pub allowed: &'static str,
}

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Take base currency for quote currency.
    Buy,
    /// Give base currency for quote currency.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The change of a position when this side trades `quantity`: positive for a buy.
    #[must_use]
    pub fn signed(self, quantity: Quantity) -> Quantity {
        match self {
            Self::Buy => quantity,
            Self::Sell => -quantity,
        }
    }

    /// `buy` or `sell`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Side {
    type Err = ParseOrderWordError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "buy" | "b" => Ok(Self::Buy),
            "sell" | "s" => Ok(Self::Sell),
            _ => Err(ParseOrderWordError { what: "a side", text: text.to_owned(), allowed: "buy, sell" }),
        }
    }
}

/// How an order wants to be priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// At the best price there is.
    Market,
    /// At the limit price or better.
    Limit,
    /// A market order once the stop price trades.
    Stop,
    /// A limit order once the stop price trades.
    StopLimit,
}

impl OrderType {
    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit => "limit",
            Self::Stop => "stop",
            Self::StopLimit => "stop_limit",
        }
    }

    /// Needs a limit price.
    #[must_use]
    pub const fn has_limit(self) -> bool {
        matches!(self, Self::Limit | Self::StopLimit)
    }

    /// Needs a stop price.
    #[must_use]
    pub const fn has_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopLimit)
    }
}

/// How long an order stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// Immediate or cancel: what does not fill at once is cancelled.
    Ioc,
    /// Fill or kill: all at once or nothing.
    Fok,
    /// Good till date: cancelled (expired) at this time.
    Gtd(Timestamp),
}

impl TimeInForce {
    /// Its short name, without the date.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gtc => "gtc",
            Self::Ioc => "ioc",
            Self::Fok => "fok",
            Self::Gtd(_) => "gtd",
        }
    }
}

/// What a strategy wants to hold: a direction, not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum TargetPosition {
    /// −1.
    Short,
    /// 0.
    #[default]
    Flat,
    /// +1.
    Long,
}

impl TargetPosition {
    /// −1, 0 or +1.
    #[must_use]
    pub const fn as_i8(self) -> i8 {
        match self {
            Self::Short => -1,
            Self::Flat => 0,
            Self::Long => 1,
        }
    }

    /// From the sign of a number.
    #[must_use]
    pub const fn from_sign(sign: i64) -> Self {
        match sign {
            i64::MIN..=-1 => Self::Short,
            0 => Self::Flat,
            1.. => Self::Long,
        }
    }

    /// From the sign of a position.
    #[must_use]
    pub fn of_position(position: Quantity) -> Self {
        if position.is_positive() {
            Self::Long
        } else if position.is_negative() {
            Self::Short
        } else {
            Self::Flat
        }
    }

    /// The opposite direction.
    #[must_use]
    pub const fn inverted(self) -> Self {
        match self {
            Self::Short => Self::Long,
            Self::Flat => Self::Flat,
            Self::Long => Self::Short,
        }
    }
}
