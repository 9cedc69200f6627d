//! Execution: the gate, the order life cycle, and the paper venue.

mod gate;
mod lifecycle;
mod paper;
mod stage;
#[cfg(test)]
mod testing;
mod venue;

pub use gate::{GateShut, HaltGate, Permit, Tripped};
pub use lifecycle::{
    Applied, Denial, Effect, IllegalTransition, LedgerError, OrderEvent, OrderLedger, OrderRecord,
    transition, transition_table_markdown,
};
pub use paper::{PaperParams, PaperParamsError, PaperVenue};
pub use stage::ExecutionStage;
pub use venue::Venue;
