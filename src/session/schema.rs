//! The whole configuration schema: the engine's own sections and one for each strategy.

use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use crate::config::{Allowed, Broken, Config, KeySpec, Rule, Schema, SectionSpec, Value, base_sections};
use crate::strategy::{
    DefaultValue, ParameterKind, ParameterSpec, ParameterValue, Parameters, StrategyError, StrategySpec,
    find, registry,
};

/// Everything that may be configured.
#[must_use]
pub fn schema() -> Schema {
    let (mut sections, mut rules) = base_sections();
    for spec in registry() {
        sections.push(strategy_section(spec));
        rules.push(strategy_rule(spec));
    }
    rules.push(strategy_exists());
    Schema::new(sections, rules)
}

/// The parameters of a strategy as configured. A composite also gets those of its components,
/// from their own sections.
#[must_use]
pub fn parameters(config: &Config, key: &str) -> Parameters {
    let mut parameters = own_parameters(config, key, "");
    if let Some(ParameterValue::Text(components)) = parameters.get("components").cloned() {
        for component in components.split(',').map(str::trim) {
            let known = registry().iter().any(|spec| spec.key == component && spec.key != key);
            if known {
                for (name, value) in own_parameters(config, component, &format!("{component}.")).iter() {
                    parameters.set(name, value.clone());
                }
            }
        }
    }
    parameters
}

fn own_parameters(config: &Config, key: &str, prefix: &str) -> Parameters {
    let section = format!("strategy.{key}");
    let values: Vec<_> = config
        .section(&section)
        .filter(|(name, _)| !name.contains('.'))
        .map(|(name, value)| (format!("{prefix}{name}"), parameter(value)))
        .collect();
    values.into_iter().collect()
}

fn parameter(value: &Value) -> ParameterValue {
    match value {
        Value::Bool(value) => ParameterValue::Bool(*value),
        Value::Integer(value) => ParameterValue::Int(*value),
        Value::Decimal(value) => ParameterValue::Float(value.to_f64().unwrap_or(f64::NAN)),
        Value::Text(value) => ParameterValue::Text(value.clone()),
    }
}

fn strategy_section(spec: &StrategySpec) -> SectionSpec {
    SectionSpec {
        name: format!("strategy.{}", spec.key),
        doc: format!("{} ({}). {}", spec.title, spec.tier.as_str(), spec.summary),
        keys: spec.parameters.iter().map(strategy_key).collect(),
        instances: None,
    }
}

fn strategy_key(spec: &ParameterSpec) -> KeySpec {
    let decimal = |number: f64| Decimal::from_f64(number).unwrap_or_default().normalize();
    let allowed = match spec.kind {
        ParameterKind::Int { min, max } => Allowed::Integer { min, max },
        ParameterKind::Float { min, max } => Allowed::number(decimal(min), decimal(max)),
        ParameterKind::Bool => Allowed::Bool,
        ParameterKind::Choice(names) => Allowed::Choice(names.iter().map(|n| (*n).to_owned()).collect()),
        ParameterKind::Text => Allowed::any_text(),
    };
    let default = match spec.default {
        DefaultValue::Bool(value) => Value::Bool(value),
        DefaultValue::Int(value) => Value::Integer(value),
        // The shortest text of the number, so that 0.95 stays 0.95.
        DefaultValue::Float(value) => {
            Value::Decimal(Decimal::from_str(&value.to_string()).unwrap_or_default())
        }
        DefaultValue::Text(value) => Value::Text(value.to_owned()),
    };
    KeySpec {
        name: spec.name.to_owned(),
        allowed,
        default,
        unit: spec.unit.to_owned(),
        doc: spec.doc.to_owned(),
    }
}

/// A strategy's parameters must fit together, as the strategy itself says.
fn strategy_rule(spec: &'static StrategySpec) -> Rule {
    Rule::new(move |config| {
        let Err(StrategyError::Parameters { faults, .. }) = spec.build(&parameters(config, spec.key)) else {
            return Vec::new();
        };
        let broken = faults.into_iter().map(|fault| Broken {
            keys: fault.parameter.split(", ").map(|name| format!("strategy.{}.{name}", spec.key)).collect(),
            allowed: fault.allowed,
        });
        // A composite's components answer for themselves in their own sections.
        broken.filter(|broken| broken.keys.iter().all(|key| config.get(key).is_some())).collect()
    })
}

fn strategy_exists() -> Rule {
    Rule::new(|config| match find(config.text("shadow_paper.strategy")) {
        Ok(_) => Vec::new(),
        Err(unknown) => {
            vec![Broken { keys: vec!["shadow_paper.strategy".to_owned()], allowed: unknown.to_string() }]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, load, render_default_file};

    #[test]
    fn the_shipped_file_is_what_the_schema_says() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml");
        let expected = render_default_file(&schema());
        if std::env::var_os("PEAK_TRADE_BLESS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        }
        let shipped = std::fs::read_to_string(&path).unwrap();
        assert!(
            shipped == expected,
            "config/config.toml is out of date; PEAK_TRADE_BLESS=1 cargo test writes it anew"
        );
    }

    #[test]
    fn the_shipped_file_changes_nothing() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml");
        let shipped = load(&schema(), &Layers { file: Some(path), ..Layers::default() }).unwrap();
        let compiled_in = load(&schema(), &Layers::default()).unwrap();
        let all = [
            "environment",
            "shadow_paper",
            "live_risk",
            "paper_venue",
            "data_quality",
            "synthetic",
            "instrument",
            "shadow_paper_logging",
            "registry",
            "actors",
            "logging",
            "strategy",
        ];
        assert_eq!(shipped.settings(&all), compiled_in.settings(&all));
    }

    #[test]
    fn the_limits_fit_the_runbook_s_grep() {
        let file = render_default_file(&schema());
        let after: Vec<&str> =
            file.lines().skip_while(|line| *line != "[live_risk]").skip(1).take(15).collect();
        for key in ["max_order_notional", "max_daily_loss_pct", "warning_threshold_factor"] {
            assert!(after.iter().any(|line| line.starts_with(key)), "{key} is not within 15 lines");
        }
    }

    #[test]
    fn a_composite_gets_its_components_parameters() {
        let layers = Layers { set: vec!["strategy.rsi_reversion.lower=21".to_owned()], ..Layers::default() };
        let config = load(&schema(), &layers).unwrap();
        let parameters = parameters(&config, "composite");
        assert_eq!(parameters.get("rsi_reversion.lower"), Some(&ParameterValue::Float(21.0)));
    }
}
