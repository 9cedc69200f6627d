//! The gate that every order passes on its way to a venue, and that anybody may shut.
//!
//! One atomic word holds a halted bit and the number of permits that are out. Taking a permit and
//! shutting the gate are single read-modify-write operations on that word, so for any order
//! either its permit came first (and [`HaltGate::trip`] sees it as outstanding) or the gate was
//! shut first (and there is no permit). The writer asks once more, immediately before its first
//! write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock::{Clock, SystemClock};

/// The bit that says halted; the bits below count permits.
const HALTED: u64 = 1 << 63;

/// How long [`HaltGate::trip`] waits for permits to come back.
const QUIET_WITHIN: Duration = Duration::from_millis(1);

/// The gate is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gate is shut: no order may begin")]
pub struct GateShut;

/// What shutting the gate found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tripped {
    /// No permit is out: no order begins from now on.
    Quiet,
    /// The gate is shut, but this many hand-overs had begun and did not end within a
    /// millisecond. Their orders count as unknown until a venue says what became of them.
    Latched {
        /// Permits still out.
        outstanding: u64,
    },
}

/// The gate. Once shut it stays shut: a new session makes a new one.
#[derive(Debug, Default)]
pub struct HaltGate {
    word: AtomicU64,
    cause: OnceLock<(String, String)>,
}

impl HaltGate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Asks for leave to hand one order to a venue's writer.
    ///
    /// # Errors
    /// [`GateShut`] once the gate was tripped.
    pub fn permit(self: &Arc<Self>) -> Result<Permit, GateShut> {
        let taken = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            (word & HALTED == 0).then_some(word + 1)
        });
        match taken {
            Ok(_) => Ok(Permit { gate: Arc::clone(self) }),
            Err(_) => Err(GateShut),
        }
    }

    /// Shuts the gate in the caller's thread, then waits at most a millisecond for hand-overs
    /// that had begun. Any thread may call it, any number of times; the first one's `source` and
    /// `reason` are kept.
    pub fn trip(&self, source: &str, reason: &str) -> Tripped {
        self.word.fetch_or(HALTED, Ordering::AcqRel);
        let _ = self.cause.set((source.to_owned(), reason.to_owned()));
        let clock = SystemClock;
        let begin = clock.monotonic();
        loop {
            let outstanding = self.word.load(Ordering::Acquire) & !HALTED;
            if outstanding == 0 {
                return Tripped::Quiet;
            }
            if clock.monotonic().duration_since(begin) >= QUIET_WITHIN {
                return Tripped::Latched { outstanding };
            }
            std::hint::spin_loop();
        }
    }

    /// True once tripped.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.word.load(Ordering::Acquire) & HALTED != 0
    }

    /// Who tripped it first, and why.
    #[must_use]
    pub fn cause(&self) -> Option<(&str, &str)> {
        self.cause.get().map(|(source, reason)| (source.as_str(), reason.as_str()))
    }
}

/// Leave to hand one order to a venue's writer; used up there, never copied, never stored.
#[derive(Debug)]
#[must_use = "a permit that is dropped lets no order through"]
pub struct Permit {
    gate: Arc<HaltGate>,
}

impl Permit {
    /// Asks again, immediately before the first write: false means the order must not begin.
    #[must_use]
    pub fn still_open(&self) -> bool {
        !self.gate.is_shut()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.word.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shut_gate_gives_no_permit_and_stays_shut() {
        let gate = HaltGate::new();
        drop(gate.permit().unwrap());
        assert_eq!(gate.trip("test", "first"), Tripped::Quiet);
        assert_eq!(gate.trip("test", "second"), Tripped::Quiet);
        assert_eq!(gate.permit().unwrap_err(), GateShut);
        assert_eq!(gate.cause(), Some(("test", "first")));
    }

    #[test]
    fn what_is_out_is_counted_and_told_to_stop() {
        let gate = HaltGate::new();
        let permit = gate.permit().unwrap();
        assert!(permit.still_open());
        assert_eq!(gate.trip("test", "why"), Tripped::Latched { outstanding: 1 });
        assert!(!permit.still_open());
        drop(permit);
        assert_eq!(gate.trip("test", "why"), Tripped::Quiet);
    }

    #[test]
    fn no_order_begins_after_trip_returned_quiet() {
        for _ in 0..200 {
            let gate = HaltGate::new();
            let begun = Arc::new(AtomicU64::new(0));
            let senders: Vec<_> = (0..2)
                .map(|_| {
                    let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
                    std::thread::spawn(move || {
                        while let Ok(permit) = gate.permit() {
                            if permit.still_open() {
                                begun.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    })
                })
                .collect();
            while begun.load(Ordering::SeqCst) < 100 {
                std::hint::spin_loop();
            }
            if gate.trip("test", "race") == Tripped::Quiet {
                let at_trip = begun.load(Ordering::SeqCst);
                senders.into_iter().for_each(|s| s.join().unwrap());
                assert_eq!(begun.load(Ordering::SeqCst), at_trip);
            }
        }
    }
}
