//! Percentile rank of the newest value within its window.

use std::collections::VecDeque;

use crate::strategy::compare::TIE;

/// `100 · (less + (equal + 1) / 2) / n`: where the newest of the last n values stands among them, in
/// (0, 100]; `equal` counts the value itself, so that values which are all the same stand in the
/// middle (pandas `rolling(n).rank(pct=True)`, average rank). Equal is meant by the tie rule of
/// [`compare`](crate::strategy::compare).
///
/// Defined from `min_values` values on, over those there are until the window is full. O(log n) to
/// find a place and one move of at most n numbers to make it.
#[derive(Debug, Clone)]
pub struct PercentileRank {
    window: usize,
    min_values: usize,
    in_order_of_time: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl PercentileRank {
    /// Over the last `window` values, from `min_values` values on.
    #[must_use]
    pub fn new(window: usize, min_values: usize) -> Self {
        let window = window.max(1);
        Self {
            window,
            min_values: min_values.clamp(1, window),
            in_order_of_time: VecDeque::with_capacity(window + 1),
            sorted: Vec::with_capacity(window + 1),
        }
    }

    /// Takes the next value, which must not be NaN.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        if self.in_order_of_time.len() == self.window
            && let Some(oldest) = self.in_order_of_time.pop_front()
        {
            let place = self.sorted.partition_point(|x| x.total_cmp(&oldest).is_lt());
            self.sorted.remove(place);
        }
        self.in_order_of_time.push_back(value);
        let place = self.sorted.partition_point(|x| x.total_cmp(&value).is_lt());
        self.sorted.insert(place, value);

        let count = self.sorted.len();
        if count < self.min_values {
            return None;
        }
        let tolerance = TIE * value.abs();
        let less = self.sorted.partition_point(|x| *x < value - tolerance);
        let up_to = self.sorted.partition_point(|x| *x <= value + tolerance);
        let equal = up_to.saturating_sub(less);
        Some(100.0 * (less as f64 + (equal as f64 + 1.0) / 2.0) / count as f64)
    }
}
