//! The proof that risk said yes.

use crate::messages::OrderIntent;

/// An order that passed every risk check. Only the risk core can make one, it cannot be copied,
/// and a venue takes nothing else: what reaches a venue has been through risk, by type.
#[derive(Debug, PartialEq, Eq)]
pub struct ApprovedOrder {
    intent: OrderIntent,
}

impl ApprovedOrder {
    /// Only for the risk core, after its checks.
    pub(in crate::risk) fn new(intent: OrderIntent) -> Self {
        Self { intent }
    }

    /// For tests of what comes after risk.
    #[cfg(test)]
    pub(crate) fn unchecked(intent: OrderIntent) -> Self {
        Self { intent }
    }

    /// What was approved.
    #[must_use]
    pub fn intent(&self) -> &OrderIntent {
        &self.intent
    }

    /// What was approved; the proof is used up.
    #[must_use]
    pub fn into_intent(self) -> OrderIntent {
        self.intent
    }
}
