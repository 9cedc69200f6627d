//! What data quality found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{Price, Timestamp};

/// A finding of the data quality check at one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataIssue {
    /// The input's number.
    pub input: u64,
    /// Session time of the input.
    pub at: Timestamp,
    /// What was found.
    pub kind: DataIssueKind,
}

/// The kinds of findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataIssueKind {
    /// Bars (or trades, by consecutive ids) are missing before this input. None is invented.
    Gap {
        /// How many are missing.
        missing: u64,
        /// Open time of the first missing bar, or time of the last trade before the gap.
        from: Timestamp,
        /// Open time of the last missing bar, or time of the first trade after the gap.
        to: Timestamp,
    },
    /// The same bar or trade again: dropped.
    Duplicate,
    /// The same bar time (or trade id) again with other contents: the first one stays.
    ConflictingDuplicate,
    /// Older than an input already seen: dropped.
    OutOfOrder {
        /// The newest time seen.
        newest: Timestamp,
    },
    /// A price of nought or less, or a negative volume: quarantined.
    NonPositive {
        /// Which field.
        field: String,
        /// Its value.
        value: String,
    },
    /// Bid at or above ask: quarantined.
    Crossed {
        /// Best bid.
        bid: Price,
        /// Best ask.
        ask: Price,
    },
    /// High below low, or open or close outside them: quarantined.
    Inconsistent {
        /// What contradicts what.
        detail: String,
    },
    /// A bar of another timeframe, or not aligned to its timeframe: quarantined.
    Misaligned {
        /// What was expected and found.
        detail: String,
    },
    /// Further from the last accepted price than `max_jump_pct`: quarantined.
    Jump {
        /// Last accepted price.
        from: Price,
        /// The price of this input.
        to: Price,
        /// How many consecutive inputs now agree on the new level (this one included).
        agreeing: u32,
    },
    /// Enough consecutive inputs agreed on a level beyond the jump limit: accepted.
    NewLevel {
        /// The level before.
        from: Price,
        /// The level from now on.
        to: Price,
    },
}

impl fmt::Display for DataIssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { missing, from, to } => write!(f, "Gap detected: {missing} missing ({from} to {to})"),
            Self::Duplicate => f.write_str("Duplicate dropped"),
            Self::ConflictingDuplicate => f.write_str("Conflicting duplicate dropped: the first one stays"),
            Self::OutOfOrder { newest } => write!(f, "Out of order, dropped: already at {newest}"),
            Self::NonPositive { field, value } => write!(f, "Bad value quarantined: {field} = {value}"),
            Self::Crossed { bid, ask } => write!(f, "Crossed quote quarantined: bid {bid} >= ask {ask}"),
            Self::Inconsistent { detail } => write!(f, "Inconsistent bar quarantined: {detail}"),
            Self::Misaligned { detail } => write!(f, "Misaligned bar quarantined: {detail}"),
            Self::Jump { from, to, agreeing } => {
                write!(f, "Price jump quarantined: {from} -> {to} ({agreeing} in a row agree)")
            }
            Self::NewLevel { from, to } => write!(f, "New price level accepted: {from} -> {to}"),
        }
    }
}
