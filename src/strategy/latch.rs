//! The memory between an entry and an exit.

use crate::domain::TargetPosition;

/// Long from the bar on which the entry condition holds until the bar on which the exit condition
/// holds; flat otherwise. Where both hold the exit wins.
///
/// This is the state that an edge-type strategy means by "enter" and "exit": as long as entry and
/// exit conditions exclude each other (the registry's rules see to that), a condition that holds
/// while the latch is on the other side has just become true.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Latch {
    long: bool,
}

impl Latch {
    /// The target after a bar with these conditions.
    pub(super) fn step(&mut self, enter: bool, exit: bool) -> TargetPosition {
        if exit {
            self.long = false;
        } else if enter {
            self.long = true;
        }
        self.target()
    }

    /// The target as it stands.
    pub(super) fn target(self) -> TargetPosition {
        if self.long { TargetPosition::Long } else { TargetPosition::Flat }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TargetPosition::{Flat, Long};

    #[test]
    fn it_holds_between_entry_and_exit() {
        let mut latch = Latch::default();
        let steps = [
            (false, false, Flat),
            (true, false, Long),
            (false, false, Long),
            (false, true, Flat),
            (false, false, Flat),
            (true, true, Flat),
        ];
        for (enter, exit, expected) in steps {
            assert_eq!(latch.step(enter, exit), expected);
        }
    }
}
