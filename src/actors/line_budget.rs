//! Bounds what a run may say in the log about one kind of thing; the journal keeps all of it.

use std::fmt::Display;

/// Lines of one kind before only the count goes on.
const BUDGET: u64 = 20;

/// Says the first lines of a kind, then only counts.
#[derive(Debug)]
pub(crate) struct LineBudget {
    tag: &'static str,
    said: u64,
}

impl LineBudget {
    pub(crate) fn new(tag: &'static str) -> Self {
        Self { tag, said: 0 }
    }

    pub(crate) fn warn(&mut self, text: &dyn Display) {
        self.said += 1;
        if self.said <= BUDGET {
            tracing::warn!("[{}] {text}", self.tag);
        }
        if self.said == BUDGET {
            tracing::warn!("[{}] further lines of this kind go to the journal only", self.tag);
        }
    }

    /// Says how many lines were kept back.
    pub(crate) fn close(&self) {
        if self.said > BUDGET {
            tracing::warn!(
                "[{}] {} lines in all, {} of them in the journal only",
                self.tag,
                self.said,
                self.said - BUDGET
            );
        }
    }
}
