//! What was seen lately, in bounded memory: ids, equal intents, orders per second.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::{OrderType, Price, Quantity, Side, Span, Timestamp};
use crate::messages::OrderIntent;

/// How far an id may lie below the highest one seen and still be told apart from a repeated one.
pub const ID_WINDOW: u64 = 65_536;

const WORDS: usize = (ID_WINDOW / 64) as usize;

/// What a window of ids knows about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Not seen.
    New,
    /// Seen.
    Repeated,
    /// Too far below the highest id to tell.
    TooOld,
}

/// Ids seen, as a bitmap over the [`ID_WINDOW`] ids up to the highest one. Ids may come in any
/// order within the window; jumps upwards are free.
#[derive(Debug, Clone)]
pub(super) struct IdWindow {
    bits: Box<[u64; WORDS]>,
    highest: Option<u64>,
}

impl IdWindow {
    pub(super) fn new() -> Self {
        Self { bits: Box::new([0; WORDS]), highest: None }
    }

    fn place(id: u64) -> (usize, u64) {
        let bit = id % ID_WINDOW;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    pub(super) fn get(&self, id: u64) -> Seen {
        let Some(highest) = self.highest else { return Seen::New };
        if id > highest {
            return Seen::New;
        }
        if highest - id >= ID_WINDOW {
            return Seen::TooOld;
        }
        let (word, mask) = Self::place(id);
        if self.bits[word] & mask == 0 { Seen::New } else { Seen::Repeated }
    }

    pub(super) fn insert(&mut self, id: u64) {
        match self.highest {
            Some(highest) if id <= highest => {
                if highest - id >= ID_WINDOW {
                    return;
                }
            }
            Some(highest) if id - highest < ID_WINDOW => {
                for skipped in highest + 1..=id {
                    let (word, mask) = Self::place(skipped);
                    self.bits[word] &= !mask;
                }
                self.highest = Some(id);
            }
            _ => {
                self.bits.fill(0);
                self.highest = Some(id);
            }
        }
        let (word, mask) = Self::place(id);
        self.bits[word] |= mask;
    }
}

/// What makes two entries equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct IntentKey {
    slot: usize,
    side: Side,
    order_type: u8,
    quantity: Quantity,
    limit_price: Option<Price>,
    stop_price: Option<Price>,
}

impl IntentKey {
    fn of(slot: usize, intent: &OrderIntent) -> Self {
        Self {
            slot,
            side: intent.side,
            order_type: match intent.order_type {
                OrderType::Market => 0,
                OrderType::Limit => 1,
                OrderType::Stop => 2,
                OrderType::StopLimit => 3,
            },
            quantity: intent.quantity,
            limit_price: intent.limit_price,
            stop_price: intent.stop_price,
        }
    }
}

/// Entries approved within the duplicate window. Memory is bounded by the window and, whatever
/// the window, by [`RecentEntries::MOST`]; beyond that the oldest is forgotten.
#[derive(Debug, Clone, Default)]
pub(super) struct RecentEntries {
    last: BTreeMap<IntentKey, Timestamp>,
    queue: VecDeque<(Timestamp, IntentKey)>,
}

impl RecentEntries {
    const MOST: usize = 65_536;

    /// Session time since an equal entry was approved, if that is less than the window.
    pub(super) fn since(
        &self,
        slot: usize,
        intent: &OrderIntent,
        now: Timestamp,
        window: Span,
    ) -> Option<Span> {
        if window <= Span::ZERO {
            return None;
        }
        let at = self.last.get(&IntentKey::of(slot, intent))?;
        let age = now - *at;
        (age < window).then_some(age)
    }

    pub(super) fn approved(&mut self, slot: usize, intent: &OrderIntent, now: Timestamp, window: Span) {
        if window <= Span::ZERO {
            return;
        }
        while let Some((at, key)) = self.queue.front().copied() {
            if now - at < window && self.queue.len() < Self::MOST {
                break;
            }
            self.queue.pop_front();
            if self.last.get(&key) == Some(&at) {
                self.last.remove(&key);
            }
        }
        let key = IntentKey::of(slot, intent);
        self.last.insert(key, now);
        self.queue.push_back((now, key));
    }
}

/// Approvals within the last second of session time: a sliding window `(now − 1 s, now]`, never
/// longer than the limit, because the limit-th newest approval decides.
#[derive(Debug, Clone, Default)]
pub(super) struct OrderRate {
    times: VecDeque<Timestamp>,
}

impl OrderRate {
    const WINDOW: Span = Span::from_secs(1);

    /// True when the window already holds as many approvals as the limit allows.
    pub(super) fn is_full(&self, now: Timestamp, limit: u32) -> bool {
        self.times.len() >= limit as usize
            && self.times.front().is_none_or(|oldest| now - *oldest < Self::WINDOW)
    }

    pub(super) fn approved(&mut self, now: Timestamp, limit: u32) {
        while self.times.front().is_some_and(|at| now - *at >= Self::WINDOW)
            || self.times.len() >= (limit as usize).max(1)
        {
            self.times.pop_front();
        }
        self.times.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_come_out_of_order_within_the_window() {
        let mut window = IdWindow::new();
        for id in [5, 3, 9, 0] {
            assert_eq!(window.get(id), Seen::New);
            window.insert(id);
            assert_eq!(window.get(id), Seen::Repeated);
        }
        assert_eq!(window.get(4), Seen::New);
        window.insert(9 + ID_WINDOW - 1);
        assert_eq!((window.get(9), window.get(5), window.get(10)), (Seen::Repeated, Seen::TooOld, Seen::New));
        window.insert(u64::MAX);
        assert_eq!((window.get(u64::MAX), window.get(u64::MAX - 1)), (Seen::Repeated, Seen::New));
        assert_eq!(window.get(9), Seen::TooOld);
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_a_set(steps in prop::collection::vec((0_u64..200_000, any::<bool>()), 1..400)) {
            let (mut window, mut set, mut highest) = (IdWindow::new(), BTreeSet::new(), None);
            for (id, far) in steps {
                let id = if far { id } else { id % 1_000 };
                let expected = match highest {
                    Some(top) if id <= top && top - id >= ID_WINDOW => Seen::TooOld,
                    _ if set.contains(&id) => Seen::Repeated,
                    _ => Seen::New,
                };
                prop_assert_eq!(window.get(id), expected);
                if expected != Seen::TooOld {
                    window.insert(id);
                    set.insert(id);
                    highest = highest.max(Some(id));
                }
            }
        }
    }
}
