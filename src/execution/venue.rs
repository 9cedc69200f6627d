//! The port to a venue.

use super::gate::Permit;
use crate::domain::{OrderId, Timestamp};
use crate::messages::{Input, VenueReport};
use crate::risk::ApprovedOrder;

/// A place where orders trade, driven by session time. What it has to say is appended to `out`
/// in the order in which it happened.
pub trait Venue: Send {
    /// Takes an order. Demands the risk core's approval and the gate's permit by type, and asks
    /// the gate again before the order begins: an order that meets a shut gate is reported as
    /// `blocked_by_safety` and does not begin.
    fn send(
        &mut self,
        order: ApprovedOrder,
        permit: Permit,
        input: u64,
        now: Timestamp,
        out: &mut Vec<VenueReport>,
    );

    /// Cancels a resting order; a cancel needs no permit and is never blocked. Unknown or closed
    /// orders are left alone.
    fn cancel(
        &mut self,
        order: OrderId,
        reason: &str,
        input: u64,
        now: Timestamp,
        out: &mut Vec<VenueReport>,
    );

    /// Cancels everything that rests, oldest first.
    fn cancel_all(&mut self, reason: &str, input: u64, now: Timestamp, out: &mut Vec<VenueReport>);

    /// Lets an accepted input trade against what rests.
    fn on_input(&mut self, input: &Input, out: &mut Vec<VenueReport>);

    /// Number of orders that rest or wait.
    fn open_orders(&self) -> usize;
}
