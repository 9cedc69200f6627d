//! What a strategy says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::input::InputBatch;
use crate::domain::TargetPosition;

/// A strategy's word on one final bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Index of the bar in the batch's `bars`.
    pub bar: u32,
    /// The position it wants. While a strategy still warms up it wants none.
    pub target: TargetPosition,
    /// Differs from its word on the bar before.
    pub changed: bool,
}

/// A batch of inputs with the strategy's words on the bars in it: one signal for each bar.
#[derive(Debug, Clone)]
pub struct SignalBatch {
    /// The inputs.
    pub inputs: Arc<InputBatch>,
    /// One for each of `inputs.bars`, in order.
    pub signals: Vec<Signal>,
}
