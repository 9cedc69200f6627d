//! Execution: the gate, the order life cycle, and the paper venue.

mod gate;
mod venue;

pub use gate::{GateShut, HaltGate, Permit, Tripped};
pub use venue::Venue;
