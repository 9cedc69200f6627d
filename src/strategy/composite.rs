//! Several strategies joined into one target.

use super::compare::{above, below};
use super::error::{FaultKind, ParameterFault, StrategyError};
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, ParameterValue, Parameters, Resolved};
use super::registry::{Maker, StrategySpec, StrategyTier, find};
use super::{Strategy, WarmUp, vol_regime_filter};
use crate::domain::{Bar, TargetPosition};

/// The key, which may not be its own component.
pub(super) const KEY: &str = "composite";

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: KEY,
    title: "Composite",
    tier: StrategyTier::Aux,
    summary: "joins the targets of several strategies into one",
    doc: "components names the strategies, separated by commas; each has its default parameters, or those \
          given as component.parameter, as in rsi_reversion.lower. A vol_regime_filter among them is a \
          filter: the joined target counts while all filters are long (open) and is flat otherwise; it has \
          no weight and no vote. Aggregations of the others: weighted (the weighted sum of the targets, \
          weights scaled to a sum of 1, long above signal_threshold, short below its negative), voting \
          (more than half say so), unanimous (all say so), any_long (long if one is, else flat), any_short \
          (short if one is, else flat). Flat until all components are warm. A composite cannot be a \
          component.",
    parameters: &[
        ParameterSpec {
            name: "components",
            doc: "keys of the strategies, separated by commas",
            unit: "",
            kind: ParameterKind::Text,
            default: DefaultValue::Text("rsi_reversion,breakout_donchian"),
        },
        ParameterSpec {
            name: "weights",
            doc: "one number for each component that is no filter, separated by commas; empty = equal",
            unit: "",
            kind: ParameterKind::Text,
            default: DefaultValue::Text(""),
        },
        ParameterSpec {
            name: "aggregation",
            doc: "how the targets are joined",
            unit: "",
            kind: ParameterKind::Choice(&["weighted", "voting", "unanimous", "any_long", "any_short"]),
            default: DefaultValue::Text("weighted"),
        },
        ParameterSpec {
            name: "signal_threshold",
            doc: "weighted: the sum must exceed this",
            unit: "fraction of the weights",
            kind: ParameterKind::Float { min: 0.0, max: 1.0 },
            default: DefaultValue::Float(0.3),
        },
    ],
    rules: &[],
    make: Maker::Composite,
};

#[derive(Debug, Clone, Copy)]
enum Aggregation {
    Weighted,
    Voting,
    Unanimous,
    AnyLong,
    AnyShort,
}

struct Component {
    strategy: Box<dyn Strategy>,
    weight: f64,
}

struct Composite {
    components: Vec<Component>,
    filters: Vec<Box<dyn Strategy>>,
    aggregation: Aggregation,
    threshold: f64,
    warm_up: WarmUp,
}

impl Composite {
    fn new(parameters: &Resolved, components: Vec<Component>, filters: Vec<Box<dyn Strategy>>) -> Self {
        let strategies = components.iter().map(|component| &component.strategy).chain(&filters);
        let needed = strategies.map(|strategy| strategy.min_bars()).max().unwrap_or(1);
        let aggregation = match parameters.text("aggregation") {
            "voting" => Aggregation::Voting,
            "unanimous" => Aggregation::Unanimous,
            "any_long" => Aggregation::AnyLong,
            "any_short" => Aggregation::AnyShort,
            _ => Aggregation::Weighted,
        };
        Self {
            components,
            filters,
            aggregation,
            threshold: parameters.float("signal_threshold"),
            warm_up: WarmUp::new(needed),
        }
    }

    fn join(&self, longs: usize, shorts: usize, sum: f64) -> TargetPosition {
        let count = self.components.len();
        let (long, short) = match self.aggregation {
            Aggregation::Weighted => (above(sum, self.threshold, 1.0), below(sum, -self.threshold, 1.0)),
            Aggregation::Voting => (2 * longs > count, 2 * shorts > count),
            Aggregation::Unanimous => (longs == count, shorts == count),
            Aggregation::AnyLong => (longs > 0, false),
            Aggregation::AnyShort => (false, shorts > 0),
        };
        if long {
            TargetPosition::Long
        } else if short {
            TargetPosition::Short
        } else {
            TargetPosition::Flat
        }
    }
}

impl Strategy for Composite {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        let (mut longs, mut shorts, mut sum) = (0, 0, 0.0);
        for component in &mut self.components {
            let target = component.strategy.on_bar(bar);
            longs += usize::from(target == TargetPosition::Long);
            shorts += usize::from(target == TargetPosition::Short);
            sum += component.weight * f64::from(target.as_i8());
        }
        let mut open = true;
        for filter in &mut self.filters {
            open &= filter.on_bar(bar) == TargetPosition::Long;
        }
        if self.warm_up.count() && open { self.join(longs, shorts, sum) } else { TargetPosition::Flat }
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}

/// The component that a parameter `component.parameter` belongs to.
pub(super) fn section_of(name: &str) -> Option<&str> {
    name.split_once('.').map(|(section, _)| section)
}

/// Components as their text lists them.
fn components_of(parameters: &Resolved) -> Vec<String> {
    let text = parameters.text("components");
    text.split(',').map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()).collect()
}

/// What is checked and ready to be made into a composite.
pub(super) struct Plan {
    parameters: Resolved,
    components: Vec<(&'static StrategySpec, Parameters)>,
    weights: Vec<f64>,
}

impl Plan {
    /// Checks `given` for the composite itself and for each component.
    pub(super) fn check(given: &Parameters) -> Result<Self, Vec<ParameterFault>> {
        let in_section = |name: &str| section_of(name).is_some();
        let parameters = Resolved::check(SPEC.parameters, SPEC.rules, given, in_section)?;
        let keys = components_of(&parameters);
        let mut faults = Vec::new();
        let mut components: Vec<(&'static StrategySpec, Parameters)> = Vec::new();
        for key in &keys {
            match component(key, &components) {
                Ok(spec) => components.push((spec, given.section(key))),
                Err(allowed) => faults.push(range("components", parameters.text("components"), allowed)),
            }
        }
        for (spec, section) in &components {
            if let Err(StrategyError::Parameters { faults: inner, .. }) = spec.resolve(section) {
                faults.extend(inner.into_iter().map(|fault| in_component(spec.key, fault)));
            }
        }
        for (name, value) in given.iter() {
            if let Some(section) = section_of(name)
                && !keys.iter().any(|key| key == section)
            {
                faults.push(ParameterFault {
                    parameter: name.to_owned(),
                    value: value.to_string(),
                    allowed: format!("sections of the components: {}", keys.join(", ")),
                    kind: FaultKind::Unknown,
                });
            }
        }
        let signals = components.iter().filter(|(spec, _)| !is_filter(spec)).count();
        if signals == 0 && faults.is_empty() {
            let allowed = "at least one strategy that is no filter".to_owned();
            faults.push(range("components", parameters.text("components"), allowed));
        }
        let weights = weights_of(parameters.text("weights"), signals);
        let weights = weights.map_err(|allowed| range("weights", parameters.text("weights"), allowed));
        match weights {
            Ok(weights) if faults.is_empty() => Ok(Self { parameters, components, weights }),
            Ok(_) => Err(faults),
            Err(fault) => {
                faults.push(fault);
                Err(faults)
            }
        }
    }

    /// All parameters, those of the components included.
    pub(super) fn to_parameters(&self) -> Parameters {
        let mut all = self.parameters.to_parameters();
        for (spec, section) in &self.components {
            if let Ok(resolved) = spec.resolve(section) {
                for (name, value) in resolved.iter() {
                    all.set(&format!("{}.{name}", spec.key), value.clone());
                }
            }
        }
        all
    }

    /// Makes the composite.
    pub(super) fn build(&self) -> Result<Box<dyn Strategy>, StrategyError> {
        let mut weights = self.weights.iter();
        let mut components = Vec::new();
        let mut filters = Vec::new();
        for (spec, section) in &self.components {
            let strategy = spec.build(section)?;
            if is_filter(spec) {
                filters.push(strategy);
            } else {
                components.push(Component { strategy, weight: weights.next().copied().unwrap_or(0.0) });
            }
        }
        Ok(Box::new(Composite::new(&self.parameters, components, filters)))
    }
}

fn is_filter(spec: &StrategySpec) -> bool {
    spec.key == vol_regime_filter::KEY
}

/// The strategy that a component names, or what is allowed instead.
fn component(
    key: &str,
    before: &[(&'static StrategySpec, Parameters)],
) -> Result<&'static StrategySpec, String> {
    if key == KEY {
        return Err("strategies other than composite".to_owned());
    }
    if before.iter().any(|(spec, _)| spec.key == key) {
        return Err(format!("each strategy once ({key} is there twice)"));
    }
    find(key).map_err(|error| error.to_string())
}

/// Weights scaled to a sum of 1, or what is allowed instead.
fn weights_of(text: &str, count: usize) -> Result<Vec<f64>, String> {
    if text.trim().is_empty() {
        return Ok(vec![1.0 / count.max(1) as f64; count]);
    }
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse::<f64>()).collect();
    let sum: f64 = numbers.iter().flatten().sum();
    match numbers {
        Ok(weights)
            if weights.len() == count
                && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
                && sum.is_finite()
                && sum > 0.0 =>
        {
            Ok(weights.iter().map(|weight| weight / sum).collect())
        }
        _ => Err(format!(
            "{count} numbers of 0 or more, separated by commas, with a sum above 0 (one for each component \
             that is no filter)"
        )),
    }
}

fn range(parameter: &str, value: &str, allowed: String) -> ParameterFault {
    let value = ParameterValue::from(value).to_string();
    ParameterFault { parameter: parameter.to_owned(), value, allowed, kind: FaultKind::Range }
}

/// The fault of a component's parameter under the name that it was given by.
fn in_component(key: &str, fault: ParameterFault) -> ParameterFault {
    match fault.kind {
        FaultKind::Rule => ParameterFault { value: format!("{key}: {}", fault.value), ..fault },
        _ => ParameterFault { parameter: format!("{key}.{}", fault.parameter), ..fault },
    }
}
