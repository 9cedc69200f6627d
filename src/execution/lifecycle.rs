//! The life of an order: one flat table, and the ledger that keeps our orders by it.
//!
//! The table knows states and events only. Quantities (which fill completes an order, which one
//! is a duplicate) are the business of the [`OrderLedger`].

mod ledger;

pub use ledger::{Applied, Effect, LedgerError, OrderLedger, OrderRecord};

use std::fmt;

use crate::messages::OrderState;

/// Which check denied an order before it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denial {
    /// Malformed.
    Invalid,
    /// Locked by governance.
    Governance,
    /// Does not fit the environment's mode.
    Environment,
    /// Kill switch, pause or session state.
    Safety,
    /// A risk limit.
    Risk,
}

impl Denial {
    /// All of them, in the order in which the checks run.
    pub const ALL: [Self; 5] = [Self::Invalid, Self::Governance, Self::Environment, Self::Safety, Self::Risk];

    /// The state that it gives an order.
    #[must_use]
    pub const fn state(self) -> OrderState {
        match self {
            Self::Invalid => OrderState::Invalid,
            Self::Governance => OrderState::BlockedByGovernance,
            Self::Environment => OrderState::BlockedByEnvironment,
            Self::Safety => OrderState::BlockedBySafety,
            Self::Risk => OrderState::BlockedByRisk,
        }
    }

    /// The denial that gives this state, if any does.
    #[must_use]
    pub fn of_state(state: OrderState) -> Option<Self> {
        Self::ALL.into_iter().find(|denial| denial.state() == state)
    }
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderEvent {
    /// A check here denied it; it never left.
    Deny(Denial),
    /// It was handed to the venue.
    Submit,
    /// The venue checked it and placed nothing (`validate=true`).
    Validate,
    /// The venue acknowledged it: it works.
    Acknowledge,
    /// A trade, and something is left.
    PartialFill,
    /// The trade that completes it.
    Fill,
    /// Cancelled, by us or by the venue.
    Cancel,
    /// Its time in force ended.
    Expire,
    /// The venue refused it.
    Reject,
    /// Nobody can prove what became of it.
    LoseTrack,
    /// Proven: it never reached the venue.
    Fail,
}

impl OrderEvent {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Deny(Denial::Invalid),
        Self::Deny(Denial::Governance),
        Self::Deny(Denial::Environment),
        Self::Deny(Denial::Safety),
        Self::Deny(Denial::Risk),
        Self::Submit,
        Self::Validate,
        Self::Acknowledge,
        Self::PartialFill,
        Self::Fill,
        Self::Cancel,
        Self::Expire,
        Self::Reject,
        Self::LoseTrack,
        Self::Fail,
    ];

    /// The event that a report of this state stands for; none leads to `pending`.
    #[must_use]
    pub const fn of_report(state: OrderState) -> Option<Self> {
        Some(match state {
            OrderState::Pending => return None,
            OrderState::Invalid => Self::Deny(Denial::Invalid),
            OrderState::BlockedByGovernance => Self::Deny(Denial::Governance),
            OrderState::BlockedByEnvironment => Self::Deny(Denial::Environment),
            OrderState::BlockedBySafety => Self::Deny(Denial::Safety),
            OrderState::BlockedByRisk => Self::Deny(Denial::Risk),
            OrderState::Submitted => Self::Submit,
            OrderState::Validated => Self::Validate,
            OrderState::Success => Self::Acknowledge,
            OrderState::PartiallyFilled => Self::PartialFill,
            OrderState::Filled => Self::Fill,
            OrderState::Cancelled => Self::Cancel,
            OrderState::Expired => Self::Expire,
            OrderState::Rejected => Self::Reject,
            OrderState::Unknown => Self::LoseTrack,
            OrderState::Error => Self::Fail,
        })
    }

    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny(Denial::Invalid) => "deny_invalid",
            Self::Deny(Denial::Governance) => "deny_governance",
            Self::Deny(Denial::Environment) => "deny_environment",
            Self::Deny(Denial::Safety) => "deny_safety",
            Self::Deny(Denial::Risk) => "deny_risk",
            Self::Submit => "submit",
            Self::Validate => "validate",
            Self::Acknowledge => "acknowledge",
            Self::PartialFill => "partial_fill",
            Self::Fill => "fill",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::Reject => "reject",
            Self::LoseTrack => "lose_track",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for OrderEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An event that cannot happen to an order in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not possible for an order that is {from}")]
pub struct IllegalTransition {
    /// The order's state.
    pub from: OrderState,
    /// What was to happen to it.
    pub event: OrderEvent,
}

/// The state after an event.
///
/// Two rules that are not obvious. A trade reported after a cancel or an expiry is real money and
/// legal: the order keeps its state, or becomes filled when the trade completes it, because then
/// nothing of it was cancelled. An acknowledgement may be overtaken by what it acknowledges (two
/// connections, two orders of arrival) and then changes nothing.
///
/// # Errors
/// [`IllegalTransition`] for every pair that is not listed.
pub const fn transition(from: OrderState, event: OrderEvent) -> Result<OrderState, IllegalTransition> {
    use OrderEvent as E;
    use OrderState as S;
    Ok(match (from, event) {
        (S::Pending, E::Deny(denial)) => denial.state(),
        (S::Pending, E::Submit) => S::Submitted,
        (S::Pending, E::Cancel) => S::Cancelled,
        (S::Pending, E::Fail) => S::Error,

        (S::Submitted | S::Unknown, E::Validate) => S::Validated,
        (S::Submitted | S::Unknown, E::Acknowledge) => S::Success,
        (S::Submitted | S::Unknown, E::Reject) => S::Rejected,
        (S::Submitted | S::Unknown, E::Fail) => S::Error,

        (S::Submitted | S::Success | S::PartiallyFilled | S::Unknown, E::PartialFill) => S::PartiallyFilled,
        (S::Submitted | S::Success | S::PartiallyFilled | S::Unknown, E::Fill) => S::Filled,
        (S::Submitted | S::Success | S::PartiallyFilled | S::Unknown, E::Cancel) => S::Cancelled,
        (S::Submitted | S::Success | S::PartiallyFilled | S::Unknown, E::Expire) => S::Expired,
        (S::Submitted | S::Success | S::PartiallyFilled, E::LoseTrack) => S::Unknown,

        (S::Cancelled | S::Expired, E::PartialFill) => from,
        (S::Cancelled | S::Expired, E::Fill) => S::Filled,
        (S::PartiallyFilled | S::Filled | S::Cancelled | S::Expired, E::Acknowledge) => from,

        _ => return Err(IllegalTransition { from, event }),
    })
}

/// The table as Markdown: one row a state, its legal events with the states they lead to. The
/// documentation holds this text and a test compares the two.
#[must_use]
pub fn transition_table_markdown() -> String {
    let mut table = String::from("| state | event → next state |\n|---|---|\n");
    for from in OrderState::ALL {
        let legal: Vec<String> = OrderEvent::ALL
            .into_iter()
            .filter_map(|event| transition(from, event).ok().map(|to| format!("{event} → {to}")))
            .collect();
        let cell = if legal.is_empty() { "(final)".to_owned() } else { legal.join(", ") };
        table.push_str(&format!("| {from} | {cell} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, written out a second time: a row for each state, a column for each event
    /// in the order of `OrderEvent::ALL`; `-` is illegal.
    ///
    /// Columns: the five denials, submit, validate, acknowledge, partial fill, fill, cancel,
    /// expire, reject, lose track, fail.
    const EXPECTED: [(&str, &str); 16] = [
        (
            "pending",
            "invalid blocked_by_governance blocked_by_environment blocked_by_safety blocked_by_risk \
             submitted - - - - cancelled - - - error",
        ),
        ("invalid", "- - - - - - - - - - - - - - -"),
        ("blocked_by_governance", "- - - - - - - - - - - - - - -"),
        ("blocked_by_environment", "- - - - - - - - - - - - - - -"),
        ("blocked_by_safety", "- - - - - - - - - - - - - - -"),
        ("blocked_by_risk", "- - - - - - - - - - - - - - -"),
        (
            "submitted",
            "- - - - - - validated success partially_filled filled cancelled expired rejected unknown error",
        ),
        ("validated", "- - - - - - - - - - - - - - -"),
        ("success", "- - - - - - - - partially_filled filled cancelled expired - unknown -"),
        (
            "partially_filled",
            "- - - - - - - partially_filled partially_filled filled cancelled expired - unknown -",
        ),
        ("filled", "- - - - - - - filled - - - - - - -"),
        ("cancelled", "- - - - - - - cancelled cancelled filled - - - - -"),
        ("expired", "- - - - - - - expired expired filled - - - - -"),
        ("rejected", "- - - - - - - - - - - - - - -"),
        (
            "unknown",
            "- - - - - - validated success partially_filled filled cancelled expired rejected - error",
        ),
        ("error", "- - - - - - - - - - - - - - -"),
    ];

    #[test]
    fn every_pair_of_state_and_event_does_what_the_table_says() {
        for (from, (name, row)) in OrderState::ALL.into_iter().zip(EXPECTED) {
            assert_eq!(from.as_str(), name);
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(cells.len(), OrderEvent::ALL.len(), "{name}");
            for (event, expected) in OrderEvent::ALL.into_iter().zip(cells) {
                match transition(from, event) {
                    Ok(to) => assert_eq!(to.as_str(), expected, "{from} on {event}"),
                    Err(error) => {
                        assert_eq!("-", expected, "{from} on {event}");
                        assert_eq!(error, IllegalTransition { from, event });
                    }
                }
            }
        }
    }

    #[test]
    fn an_illegal_transition_names_state_and_event() {
        let error = transition(OrderState::Filled, OrderEvent::Cancel).unwrap_err();
        assert_eq!(error.to_string(), "cancel is not possible for an order that is filled");
    }

    #[test]
    fn a_terminal_state_is_left_only_by_a_late_fill() {
        for from in OrderState::ALL.into_iter().filter(|state| state.is_terminal()) {
            for event in OrderEvent::ALL {
                if let Ok(to) = transition(from, event) {
                    assert!(to == from || (event == OrderEvent::Fill && to == OrderState::Filled));
                }
            }
        }
    }

    #[test]
    fn every_state_but_pending_is_what_its_report_leads_to() {
        for state in OrderState::ALL {
            let Some(event) = OrderEvent::of_report(state) else {
                assert_eq!(state, OrderState::Pending);
                continue;
            };
            let reached =
                OrderState::ALL.into_iter().any(|from| from != state && transition(from, event) == Ok(state));
            assert!(reached, "{state} is not reached by {event}");
        }
    }

    #[test]
    fn a_denial_and_its_state_belong_together() {
        for denial in Denial::ALL {
            assert_eq!(Denial::of_state(denial.state()), Some(denial));
            assert_eq!(OrderEvent::of_report(denial.state()), Some(OrderEvent::Deny(denial)));
        }
        assert_eq!(Denial::of_state(OrderState::Rejected), None);
    }

    #[test]
    fn the_documented_table_is_this_one() {
        let documented = include_str!("../../docs/fills.md");
        assert!(
            documented.contains(&transition_table_markdown()),
            "docs/fills.md must hold this table:\n{}",
            transition_table_markdown()
        );
    }
}
