//! A second, naive implementation of every strategy: textbook formulas over the whole history, a new
//! computation for every bar, edges followed literally. Shares nothing with the library but the tie
//! rule, which is part of the definition and written down here again.

use peak_trade::domain::Bar;
use peak_trade::strategy::{ParameterValue, Parameters};

const TIE: f64 = 1e-12;
const NEGLIGIBLE: f64 = 1e-12;

fn gt(a: f64, b: f64, scale: f64) -> bool {
    a - b > TIE * scale
}

fn ge(a: f64, b: f64, scale: f64) -> bool {
    !gt(b, a, scale)
}

/// Prices as columns.
pub struct Candles {
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    seconds: f64,
}

impl Candles {
    pub fn of(bars: &[Bar]) -> Self {
        let column = |price: fn(&Bar) -> f64| bars.iter().map(price).collect();
        Self {
            open: column(|b| b.open.to_f64()),
            high: column(|b| b.high.to_f64()),
            low: column(|b| b.low.to_f64()),
            close: column(|b| b.close.to_f64()),
            seconds: bars.first().map_or(60.0, |b| b.timeframe.span().as_secs_f64()),
        }
    }

    fn len(&self) -> usize {
        self.close.len()
    }

    fn column(&self, name: &str) -> &[f64] {
        match name {
            "open" => &self.open,
            "high" => &self.high,
            "low" => &self.low,
            _ => &self.close,
        }
    }
}

/// A series that is not defined everywhere.
type Series = Vec<Option<f64>>;

fn each(n: usize, f: impl Fn(usize) -> Option<f64>) -> Series {
    (0..n).map(f).collect()
}

fn window(x: &[f64], i: usize, n: usize) -> Option<&[f64]> {
    (i + 1 >= n).then(|| &x[i + 1 - n..=i])
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn std(x: &[f64]) -> f64 {
    let m = mean(x);
    (x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (x.len() as f64 - 1.0)).sqrt()
}

fn sma(x: &[f64], n: usize) -> Series {
    each(x.len(), |i| window(x, i, n).map(mean))
}

/// The EMA as the weighted sum that it is: `(1−α)^i·x₀ + Σ α·(1−α)^k·x_{i−k}`.
fn ema(x: &[f64], alpha: f64) -> Vec<f64> {
    let weighted = |i: usize| {
        let (mut weight, mut sum) = (1.0, 0.0);
        for k in 0..i {
            sum += alpha * weight * x[i - k];
            weight *= 1.0 - alpha;
        }
        sum + weight * x[0]
    };
    (0..x.len()).map(weighted).collect()
}

/// Wilder's smoothing of those values that are there, defined once there were n of them.
fn wilder(x: &Series, n: usize) -> Series {
    let mut defined: Vec<f64> = Vec::new();
    let mut place: Vec<Option<usize>> = Vec::new();
    for v in x {
        defined.extend(v);
        place.push(defined.len().checked_sub(1));
    }
    let smoothed = ema(&defined, 1.0 / n as f64);
    place.into_iter().map(|p| p.filter(|p| p + 1 >= n).map(|p| smoothed[p])).collect()
}

fn some(x: Vec<f64>) -> Series {
    x.into_iter().map(Some).collect()
}

fn changes(x: &[f64]) -> Vec<f64> {
    x.windows(2).map(|w| w[1] - w[0]).collect()
}

fn rsi(x: &[f64], n: usize, wilder_smoothing: bool) -> Series {
    let smooth = |moves: Vec<f64>| if wilder_smoothing { wilder(&some(moves), n) } else { sma(&moves, n) };
    let gain = smooth(changes(x).iter().map(|c| if *c > 0.0 { *c } else { 0.0 }).collect());
    let loss = smooth(changes(x).iter().map(|c| if *c < 0.0 { -c } else { 0.0 }).collect());
    each(x.len(), |i| {
        let at = i.checked_sub(1)?;
        let (gain, loss) = (gain[at]?, loss[at]?);
        if gain + loss <= NEGLIGIBLE * x[i] {
            None
        } else if loss == 0.0 {
            Some(100.0)
        } else {
            Some(100.0 - 100.0 / (1.0 + gain / loss))
        }
    })
}

fn true_range(c: &Candles) -> Vec<f64> {
    let at = |i: usize| {
        let range = c.high[i] - c.low[i];
        if i == 0 {
            return range;
        }
        let before = c.close[i - 1];
        [range, (c.high[i] - before).abs(), (c.low[i] - before).abs()].into_iter().fold(0.0, f64::max)
    };
    (0..c.len()).map(at).collect()
}

/// ADX, +DI, −DI where all are defined.
fn adx(c: &Candles, n: usize) -> Vec<Option<(f64, f64, f64)>> {
    let moved = |i: usize, plus: bool| {
        if i == 0 {
            return Some(0.0);
        }
        let (up, down) = (c.high[i] - c.high[i - 1], c.low[i - 1] - c.low[i]);
        let (this, other) = if plus { (up, down) } else { (down, up) };
        Some(if this > other && this > 0.0 { this } else { 0.0 })
    };
    let range = wilder(&some(true_range(c)), n);
    let plus = wilder(&each(c.len(), |i| moved(i, true)), n);
    let minus = wilder(&each(c.len(), |i| moved(i, false)), n);
    let dx = each(c.len(), |i| {
        let floor = NEGLIGIBLE * c.close[i];
        let (range, plus, minus) = (range[i]?, plus[i]?, minus[i]?);
        (range > floor && plus + minus > floor).then(|| 100.0 * (plus - minus).abs() / (plus + minus))
    });
    let index = wilder(&dx, n);
    (0..c.len())
        .map(|i| {
            let (range, plus, minus) = (range[i]?, plus[i]?, minus[i]?);
            let adx = index[i]?;
            (range > NEGLIGIBLE * c.close[i]).then(|| (adx, 100.0 * plus / range, 100.0 * minus / range))
        })
        .collect()
}

fn volatility(c: &Candles, method: &str, n: usize) -> Series {
    let x = &c.close;
    let returns: Vec<f64> = x.windows(2).map(|w| w[1] / w[0] - 1.0).collect();
    let squares: Vec<f64> = x.windows(2).map(|w| (w[1] / w[0]).ln().powi(2)).collect();
    let year = 365.0 * 86_400.0 / c.seconds;
    let raw = match method {
        "atr" => wilder(&some(true_range(c)), n),
        "std" => each(c.len(), |i| window(&returns, i.checked_sub(1)?, n).map(std)),
        "realized" => {
            each(c.len(), |i| window(&squares, i.checked_sub(1)?, n).map(|w| (mean(w) * year).sqrt()))
        }
        _ => each(c.len(), |i| {
            let highest = window(&c.high, i, n)?.iter().copied().fold(f64::MIN, f64::max);
            let lowest = window(&c.low, i, n)?.iter().copied().fold(f64::MAX, f64::min);
            Some(highest - lowest)
        }),
    };
    let in_price_units = matches!(method, "atr" | "range");
    each(c.len(), |i| {
        let scale = if in_price_units { x[i] } else { 1.0 };
        raw[i].map(|v| if v <= NEGLIGIBLE * scale { 0.0 } else { v })
    })
}

/// Percentile rank of each value among the last n, equals in the middle.
fn rank(x: &Series, n: usize, min: usize) -> Series {
    each(x.len(), |i| {
        let v = x[i]?;
        let first = (i + 1).saturating_sub(n);
        let among: Vec<f64> = x[first..=i].iter().copied().flatten().collect();
        if among.len() < min {
            return None;
        }
        let less = among.iter().filter(|a| **a < v - TIE * v).count() as f64;
        let equal = among.iter().filter(|a| (**a - v).abs() <= TIE * v).count() as f64;
        Some(100.0 * (less + (equal + 1.0) / 2.0) / among.len() as f64)
    })
}

/// +1 where `enter` becomes true, −1 where `exit` does (what is unknown counts as false), held in
/// between; −1 means flat.
fn edges(enter: &[Option<bool>], exit: &[Option<bool>]) -> Vec<i8> {
    let becomes = |x: &[Option<bool>], i: usize| {
        // While a condition is undefined it keeps its value: a gap is no edge.
        let before = x[..i].iter().rev().find_map(|v| *v).unwrap_or(false);
        x[i] == Some(true) && !before
    };
    let mut target = 0;
    (0..enter.len())
        .map(|i| {
            if becomes(exit, i) {
                target = 0;
            } else if becomes(enter, i) && exit[i] != Some(true) {
                target = 1;
            }
            target
        })
        .collect()
}

/// A line against another: above, below, and in between as it was.
fn crossings(a: &Series, b: &Series, scale: impl Fn(usize) -> f64, first: usize) -> Vec<i8> {
    let mut enter = Vec::new();
    let mut exit = Vec::new();
    let mut side = None;
    for i in 0..a.len() {
        if let (Some(a), Some(b), true) = (a[i], b[i], i >= first) {
            if gt(a, b, scale(i)) {
                side = Some(true);
            } else if gt(b, a, scale(i)) {
                side = Some(false);
            }
        }
        enter.push(side);
        exit.push(side.map(|above| !above));
    }
    edges(&enter, &exit)
}

struct P<'a>(&'a Parameters);

impl P<'_> {
    fn n(&self, name: &str) -> usize {
        match self.0.get(name) {
            Some(ParameterValue::Int(n)) => *n as usize,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn x(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(ParameterValue::Float(x)) => *x,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn on(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(ParameterValue::Bool(b)) => *b,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(ParameterValue::Text(text)) => text,
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// The target at every bar. `parameters` are complete (as `StrategySpec::resolve` returns them).
pub fn targets(key: &str, parameters: &Parameters, c: &Candles) -> Vec<i8> {
    let p = P(parameters);
    match key {
        "ma_crossover" => {
            let x = c.column(p.text("price_col"));
            let (fast, slow) = (sma(x, p.n("fast_window")), sma(x, p.n("slow_window")));
            let scale = |i: usize| fast[i].unwrap_or(0.0).max(slow[i].unwrap_or(0.0));
            crossings(&fast, &slow, scale, 0)
        }
        "macd" => {
            let alpha = |span: usize| 2.0 / (span as f64 + 1.0);
            let fast = ema(&c.close, alpha(p.n("fast_ema")));
            let slow = ema(&c.close, alpha(p.n("slow_ema")));
            let line: Vec<f64> = fast.iter().zip(&slow).map(|(f, s)| f - s).collect();
            let signal = ema(&line, alpha(p.n("signal_ema")));
            let first = p.n("slow_ema") + p.n("signal_ema") - 2;
            crossings(&some(line), &some(signal), |i| fast[i].max(slow[i]), first)
        }
        "trend_following" => trend_following(&p, c),
        "rsi_reversion" => rsi_reversion(&p, c),
        "breakout_donchian" => {
            let (x, n) = (c.column(p.text("price_col")), p.n("lookback"));
            let mut target = 0;
            let at = |i: usize| {
                if i >= n {
                    let before = &x[i - n..i];
                    if before.iter().all(|b| x[i] > *b) {
                        target = 1;
                    } else if before.iter().all(|b| x[i] < *b) {
                        target = -1;
                    }
                }
                target
            };
            (0..x.len()).map(at).collect()
        }
        "momentum_1h" => {
            let n = p.n("lookback_period");
            let momentum = each(c.len(), |i| Some(c.close[i] / c.close[i.checked_sub(n)?] - 1.0));
            let rule = |f: &dyn Fn(f64) -> bool| momentum.iter().map(|m| m.map(f)).collect::<Vec<_>>();
            let enter = rule(&|m| gt(m, p.x("entry_threshold"), 1.0 + m.abs()));
            let exit = rule(&|m| gt(p.x("exit_threshold"), m, 1.0 + m.abs()));
            edges(&enter, &exit)
        }
        "bollinger_bands" => {
            let n = p.n("bb_period");
            let rule = |f: &dyn Fn(f64, f64, f64) -> bool| -> Vec<Option<bool>> {
                let at = |i: usize| window(&c.close, i, n).map(|w| f(c.close[i], mean(w), std(w)));
                (0..c.len()).map(at).collect()
            };
            let level = |m: f64, s: f64| p.x("entry_threshold") * (m - p.x("bb_std") * s);
            // On a plateau the bands meet: at the middle band is no entry.
            let enter = rule(&|x, m, s| ge(level(m, s), x, x.max(m)) && !ge(x, m, x.max(m)));
            edges(&enter, &rule(&|x, m, _| ge(x, m, x.max(m))))
        }
        "mean_reversion" => {
            let n = p.n("lookback");
            let vol_window = p.n("vol_window");
            let ranks = rank(&volatility(c, "std", vol_window), 100, vol_window);
            let filter = p.on("use_vol_filter");
            let first = if filter { (2 * vol_window).max(n) - 1 } else { n - 1 };
            let rule = |f: &dyn Fn(usize, f64, f64, f64) -> bool| -> Vec<Option<bool>> {
                let at = |i: usize| {
                    let w = window(&c.close, i, n).filter(|_| i >= first)?;
                    Some(f(i, c.close[i], mean(w), std(w)))
                };
                (0..c.len()).map(at).collect()
            };
            let calm = |i: usize| ranks[i].is_some_and(|r| ge(p.x("max_vol_percentile"), r, 100.0));
            edges(
                &rule(&|i, x, m, s| gt(m + p.x("entry_threshold") * s, x, x.max(m)) && (!filter || calm(i))),
                &rule(&|_, x, m, s| gt(x, m + p.x("exit_threshold") * s, x.max(m))),
            )
        }
        "vol_regime_filter" => vol_regime_filter(&p, c),
        "composite" => composite(&p, c),
        "buy_and_hold" => vec![1; c.len()],
        other => panic!("no reference for {other}"),
    }
}

fn trend_following(p: &P, c: &Candles) -> Vec<i8> {
    let filter = p.on("use_ma_filter");
    let average = sma(&c.close, p.n("ma_period"));
    let ma_bars = if filter { p.n("ma_period") } else { 0 };
    let first = (2 * p.n("adx_period")).max(ma_bars) + 10 - 1;
    let movement = adx(c, p.n("adx_period"));
    let rule = |f: &dyn Fn(usize, f64, f64, f64) -> bool| -> Vec<Option<bool>> {
        let at =
            |i: usize| movement[i].filter(|_| i >= first).map(|(adx, plus, minus)| f(i, adx, plus, minus));
        (0..c.len()).map(at).collect()
    };
    let above_average = |i: usize| average[i].is_some_and(|m| gt(c.close[i], m, c.close[i].max(m)));
    edges(
        &rule(&|i, adx, plus, minus| {
            gt(adx, p.x("adx_threshold"), 100.0) && gt(plus, minus, 100.0) && (!filter || above_average(i))
        }),
        &rule(&|_, adx, plus, minus| gt(p.x("exit_threshold"), adx, 100.0) || gt(minus, plus, 100.0)),
    )
}

fn rsi_reversion(p: &P, c: &Candles) -> Vec<i8> {
    let x = c.column(p.text("price_col"));
    let rsi = rsi(x, p.n("rsi_window"), p.on("use_wilder"));
    let trend = sma(x, p.n("trend_ma_window"));
    let filter = p.on("use_trend_filter");
    let mut target = 0;
    let at = |i: usize| {
        let Some(rsi) = rsi[i] else { return target };
        if filter && trend[i].is_none() {
            return target;
        }
        let over = trend[i].is_some_and(|m| gt(x[i], m, x[i].max(m)));
        let under = trend[i].is_some_and(|m| gt(m, x[i], x[i].max(m)));
        let long_entry = gt(p.x("lower"), rsi, 100.0) && (!filter || over);
        let short_entry = gt(rsi, p.x("upper"), 100.0) && (!filter || under);
        let long_exit = target == 1 && ge(rsi, p.x("exit_lower"), 100.0);
        let short_exit = target == -1 && ge(p.x("exit_upper"), rsi, 100.0);
        if long_exit || short_exit {
            target = 0;
        }
        if long_entry && target != 1 {
            target = 1;
        } else if short_entry && target != -1 {
            target = -1;
        }
        target
    };
    (0..x.len()).map(at).collect()
}

fn vol_regime_filter(p: &P, c: &Candles) -> Vec<i8> {
    let n = p.n("vol_window");
    let vol = volatility(c, p.text("vol_method"), n);
    let ranks = rank(&vol, p.n("lookback_percentile"), n);
    let (low, high) = (p.x("low_vol_threshold"), p.x("high_vol_threshold"));
    let at = |i: usize| -> i8 {
        if i + 1 < p.n("min_bars") {
            return 0;
        }
        if p.on("regime_mode") {
            let Some(vol) = vol[i] else { return 0 };
            let regime = if low > 0.0 && gt(low, vol, low) {
                1
            } else if high > 0.0 && gt(vol, high, high) {
                -1
            } else {
                0
            };
            return if p.on("invert") { -regime } else { regime };
        }
        let Some(rank) = ranks[i] else { return 0 };
        let inside =
            ge(rank, p.x("vol_percentile_low"), 100.0) && ge(p.x("vol_percentile_high"), rank, 100.0);
        i8::from(inside != p.on("invert"))
    };
    (0..c.len()).map(at).collect()
}

fn composite(p: &P, c: &Candles) -> Vec<i8> {
    let keys: Vec<&str> = p.text("components").split(',').map(str::trim).collect();
    let series: Vec<(bool, usize, Vec<i8>)> = keys
        .iter()
        .map(|key| {
            let section = p.0.section(key);
            let warm = peak_trade::strategy::build(key, &section).unwrap().min_bars();
            (*key == "vol_regime_filter", warm, targets(key, &section, c))
        })
        .collect();
    let first = series.iter().map(|(_, warm, _)| *warm).max().unwrap() - 1;
    let (filters, signals): (Vec<_>, Vec<_>) = series.iter().partition(|(filter, _, _)| *filter);
    let weights: Vec<f64> = match p.text("weights") {
        "" => vec![1.0; signals.len()],
        text => text.split(',').map(|w| w.trim().parse().unwrap()).collect(),
    };
    let total: f64 = weights.iter().sum();
    let at = |i: usize| -> i8 {
        if i < first || filters.iter().any(|(_, _, targets)| targets[i] != 1) {
            return 0;
        }
        let now: Vec<i8> = signals.iter().map(|(_, _, targets)| targets[i]).collect();
        let (longs, shorts) =
            (now.iter().filter(|t| **t == 1).count(), now.iter().filter(|t| **t == -1).count());
        match p.text("aggregation") {
            "weighted" => {
                let sum = now.iter().zip(&weights).map(|(t, w)| f64::from(*t) * w).sum::<f64>() / total;
                let threshold = p.x("signal_threshold");
                i8::from(gt(sum, threshold, 1.0)) - i8::from(gt(-threshold, sum, 1.0))
            }
            "voting" => i8::from(longs * 2 > now.len()) - i8::from(shorts * 2 > now.len()),
            "unanimous" => i8::from(longs == now.len()) - i8::from(shorts == now.len()),
            "any_long" => i8::from(longs > 0),
            "any_short" => -i8::from(shorts > 0),
            other => panic!("{other}"),
        }
    };
    (0..c.len()).map(at).collect()
}
