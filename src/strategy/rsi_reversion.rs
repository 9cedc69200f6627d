//! Reversion from extremes of the relative strength index.

use super::compare::{above, at_least, at_most, below, price_scale};
use super::indicators::{Rsi, Sma, Smoothing};
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved, Rule};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, PriceColumn, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

/// A level of the RSI.
const LEVEL: ParameterKind = ParameterKind::Float { min: 0.0, max: 100.0 };

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "rsi_reversion",
    title: "RSI reversion",
    tier: StrategyTier::Core,
    summary: "buys oversold and sells overbought, leaves at the middle of the RSI",
    doc: "Long when RSI < lower, short when RSI > upper. A long closes at RSI >= exit_lower, a short at \
          RSI <= exit_upper; an entry on the other side turns the position at once. With \
          use_trend_filter a long is entered only above SMA(trend_ma_window) and a short only below it; \
          exits are not filtered. While the RSI is undefined (the price stands still) the position is \
          kept.",
    parameters: &[
        ParameterSpec {
            name: "rsi_window",
            doc: "number of price changes in the RSI",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(14),
        },
        ParameterSpec {
            name: "lower",
            doc: "oversold below this level",
            unit: "RSI points",
            kind: LEVEL,
            default: DefaultValue::Float(30.0),
        },
        ParameterSpec {
            name: "upper",
            doc: "overbought above this level",
            unit: "RSI points",
            kind: LEVEL,
            default: DefaultValue::Float(70.0),
        },
        ParameterSpec {
            name: "exit_lower",
            doc: "a long closes at this level or above",
            unit: "RSI points",
            kind: LEVEL,
            default: DefaultValue::Float(50.0),
        },
        ParameterSpec {
            name: "exit_upper",
            doc: "a short closes at this level or below",
            unit: "RSI points",
            kind: LEVEL,
            default: DefaultValue::Float(50.0),
        },
        ParameterSpec {
            name: "use_trend_filter",
            doc: "enter only in the direction of the trend",
            unit: "",
            kind: ParameterKind::Bool,
            default: DefaultValue::Bool(false),
        },
        ParameterSpec {
            name: "trend_ma_window",
            doc: "length of the simple moving average that tells the trend",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(50),
        },
        ParameterSpec {
            name: "use_wilder",
            doc: "Wilder's smoothing of gains and losses; false: their simple means",
            unit: "",
            kind: ParameterKind::Bool,
            default: DefaultValue::Bool(true),
        },
        PriceColumn::PARAMETER,
    ],
    rules: &[
        Rule {
            text: "lower < upper",
            parameters: &["lower", "upper"],
            holds: |p| p.float("lower") < p.float("upper"),
        },
        Rule {
            text: "lower < exit_lower (else a long closes before the RSI has risen)",
            parameters: &["lower", "exit_lower"],
            holds: |p| p.float("lower") < p.float("exit_lower"),
        },
        Rule {
            text: "exit_upper < upper (else a short closes before the RSI has fallen)",
            parameters: &["exit_upper", "upper"],
            holds: |p| p.float("exit_upper") < p.float("upper"),
        },
    ],
    make: Maker::Plain(|p| Box::new(RsiReversion::new(p))),
};

/// The scale of the RSI in comparisons.
const POINTS: f64 = 100.0;

struct RsiReversion {
    rsi: Rsi,
    trend: Option<Sma>,
    price: PriceColumn,
    lower: f64,
    upper: f64,
    exit_lower: f64,
    exit_upper: f64,
    target: TargetPosition,
    warm_up: WarmUp,
}

impl RsiReversion {
    fn new(parameters: &Resolved) -> Self {
        let window = parameters.count("rsi_window");
        let smoothing = if parameters.flag("use_wilder") { Smoothing::Wilder } else { Smoothing::Simple };
        let trend = parameters.flag("use_trend_filter").then(|| parameters.count("trend_ma_window"));
        Self {
            rsi: Rsi::new(window, smoothing),
            trend: trend.map(Sma::new),
            price: PriceColumn::from_name(parameters.text("price_col")),
            lower: parameters.float("lower"),
            upper: parameters.float("upper"),
            exit_lower: parameters.float("exit_lower"),
            exit_upper: parameters.float("exit_upper"),
            target: TargetPosition::Flat,
            warm_up: WarmUp::new((window + 1).max(trend.unwrap_or(0))),
        }
    }

    fn next(&self, rsi: f64, may_buy: bool, may_sell: bool) -> TargetPosition {
        let buy = may_buy && below(rsi, self.lower, POINTS);
        let sell = may_sell && above(rsi, self.upper, POINTS);
        match self.target {
            TargetPosition::Flat | TargetPosition::Short if buy => TargetPosition::Long,
            TargetPosition::Flat | TargetPosition::Long if sell => TargetPosition::Short,
            TargetPosition::Long if at_least(rsi, self.exit_lower, POINTS) => TargetPosition::Flat,
            TargetPosition::Short if at_most(rsi, self.exit_upper, POINTS) => TargetPosition::Flat,
            kept => kept,
        }
    }
}

impl Strategy for RsiReversion {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        let price = self.price.of(bar);
        let rsi = self.rsi.push(price);
        let (may_buy, may_sell) = match self.trend.as_mut() {
            Some(trend) => match trend.push(price) {
                Some(mean) => {
                    let scale = price_scale(price, mean);
                    (above(price, mean, scale), below(price, mean, scale))
                }
                None => (false, false),
            },
            None => (true, true),
        };
        if self.warm_up.count()
            && let Some(rsi) = rsi
        {
            self.target = self.next(rsi, may_buy, may_sell);
        }
        self.target
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}
