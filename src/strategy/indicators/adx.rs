//! Directional movement: +DI, −DI and the average directional index.

use super::atr::Atr;
use super::wilder::Wilder;
use crate::strategy::compare::NEGLIGIBLE;

/// Direction and strength of a trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectionalMovement {
    /// Average directional index, 0 to 100: the strength.
    pub adx: f64,
    /// Positive directional indicator.
    pub plus_di: f64,
    /// Negative directional indicator.
    pub minus_di: f64,
}

/// W. Wilder, New Concepts in Technical Trading Systems (1978):
/// - `up = high − previous high`, `down = previous low − low`; `+DM = up` if `up > down` and `up > 0`,
///   else 0; `−DM = down` if `down > up` and `down > 0`, else 0; both 0 for the first bar;
/// - `±DI = 100 · W(±DM) / W(TR)` with W Wilder's smoothing, defined from the n-th bar on;
/// - `DX = 100 · |+DI − −DI| / (+DI + −DI)`, `ADX = W(DX)`, defined from the (2n−1)-th bar on.
///
/// Where nothing moved (the smoothed true range, or the sum of the smoothed movements, at most
/// [`NEGLIGIBLE`] of the price) there is no DX, and ADX keeps its value (as TA-Lib does).
#[derive(Debug, Clone)]
pub struct Adx {
    range: Atr,
    plus: Wilder,
    minus: Wilder,
    index: Wilder,
    previous: Option<(f64, f64)>,
}

impl Adx {
    /// Over `window` bars.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self {
            range: Atr::new(window),
            plus: Wilder::new(window),
            minus: Wilder::new(window),
            index: Wilder::new(window),
            previous: None,
        }
    }

    /// Takes the next bar.
    pub fn push(&mut self, high: f64, low: f64, close: f64) -> Option<DirectionalMovement> {
        let (up, down) = match self.previous.replace((high, low)) {
            Some((previous_high, previous_low)) => (high - previous_high, previous_low - low),
            None => (0.0, 0.0),
        };
        let range = self.range.push(high, low, close);
        let plus = self.plus.push(if up > down && up > 0.0 { up } else { 0.0 });
        let minus = self.minus.push(if down > up && down > 0.0 { down } else { 0.0 });
        let (range, plus, minus) = (range?, plus?, minus?);

        let nothing = NEGLIGIBLE * close.abs();
        if range <= nothing {
            return None;
        }
        let moved = plus + minus;
        if moved > nothing {
            self.index.push(100.0 * (plus - minus).abs() / moved);
        }
        let adx = self.index.value()?;
        Some(DirectionalMovement { adx, plus_di: 100.0 * plus / range, minus_di: 100.0 * minus / range })
    }
}
