//! Sliding windows without subtraction.

/// Something that many values can be folded into, part by part, in order.
pub trait Aggregate: Copy {
    /// The aggregate of one value.
    fn of(value: f64) -> Self;

    /// The aggregate of this part and a later one.
    #[must_use]
    fn merge(self, later: Self) -> Self;
}

/// The aggregate of the last `window` values, in O(1) amortised time and `window` slots.
///
/// A running sum that adds the newest value and subtracts the oldest keeps the rounding errors of
/// everything that ever passed: after a price of 10⁵ a window of prices near 10⁻⁵ is noise. Here
/// nothing is ever subtracted. Values are taken in blocks of `window`; the finished block is turned
/// once into the aggregates of its tails, so that a window is always *tail of the last block* merged
/// with *head of this one*. Works for anything associative, also for maxima, and the result depends
/// on the values in the window only.
///
/// Source: M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and
/// octagonal kernels", Pattern Recognition Letters 13 (1992); J. Gil and M. Werman, "Computing 2-D
/// min, median, and max filters", IEEE PAMI 15 (1993).
#[derive(Debug, Clone)]
pub struct Rolling<A> {
    /// Before `position`: this block's values. From it on: the last block's tail aggregates.
    slots: Box<[A]>,
    position: usize,
    /// The aggregate of this block so far; none at its start.
    head: Option<A>,
    /// One block has been finished: the window is full from then on.
    full: bool,
}

impl<A: Aggregate> Rolling<A> {
    /// A window of `window` values; at least one.
    #[must_use]
    pub fn new(window: usize) -> Self {
        let slots = vec![A::of(0.0); window.max(1)].into_boxed_slice();
        Self { slots, position: 0, head: None, full: false }
    }

    /// The number of values in a full window.
    #[must_use]
    pub fn window(&self) -> usize {
        self.slots.len()
    }

    /// Takes the next value; the aggregate of the window, once it is full.
    pub fn push(&mut self, value: f64) -> Option<A> {
        let item = A::of(value);
        let head = match self.head {
            Some(head) => head.merge(item),
            None => item,
        };
        if let Some(slot) = self.slots.get_mut(self.position) {
            *slot = item;
        }
        self.position += 1;
        match self.slots.get(self.position) {
            Some(tail) => {
                self.head = Some(head);
                self.full.then(|| tail.merge(head))
            }
            None => Some(self.finish_block()),
        }
    }

    /// Turns the values of the finished block into the aggregates of its tails; the whole block's
    /// aggregate, which is the first of them.
    fn finish_block(&mut self) -> A {
        let mut tail: Option<A> = None;
        for slot in self.slots.iter_mut().rev() {
            *slot = tail.map_or(*slot, |later| slot.merge(later));
            tail = Some(*slot);
        }
        self.position = 0;
        self.head = None;
        self.full = true;
        tail.unwrap_or_else(|| A::of(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the order of merging visible: digits in base 16.
    #[derive(Clone, Copy)]
    struct Digits(u64, u32);

    impl Aggregate for Digits {
        fn of(value: f64) -> Self {
            Self(value as u64, 1)
        }

        fn merge(self, later: Self) -> Self {
            Self((self.0 << (4 * later.1)) | later.0, self.1 + later.1)
        }
    }

    #[test]
    fn the_window_is_the_last_values_in_order_at_every_step() {
        for window in 1..=9_u32 {
            let mut rolling: Rolling<Digits> = Rolling::new(window as usize);
            let mut history: u64 = 0;
            for n in 0..200_u32 {
                let digit = u64::from(n * 7 % 15);
                history = (history << 4) | digit;
                let got = rolling.push(digit as f64);
                assert_eq!(got.is_some(), n + 1 >= window);
                if let Some(got) = got {
                    assert_eq!((got.0, got.1), (history & ((1 << (4 * window)) - 1), window));
                }
            }
        }
    }
}
