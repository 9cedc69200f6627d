//! Parameters: their values as given, what a strategy declares about them, and the check of one
//! against the other.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{FaultKind, ParameterFault};
use crate::config::nearest;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or the name of a choice.
    Text(String),
}

impl ParameterValue {
    /// What a text on a command line means: a whole number, a number, `true` or `false`, else text.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        if let Ok(int) = text.parse() {
            Self::Int(int)
        } else if let Ok(float) = text.parse() {
            Self::Float(float)
        } else if let Ok(bool) = text.parse() {
            Self::Bool(bool)
        } else {
            Self::Text(text.to_owned())
        }
    }
}

impl ParameterValue {
    /// A list as the text that parameters take it in: separated by commas.
    #[must_use]
    pub fn from_list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Text(items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value:?}"),
        }
    }
}

impl From<bool> for ParameterValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for ParameterValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for ParameterValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for ParameterValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// Parameters as somebody gave them, by name. Those not given have their defaults.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(BTreeMap<String, ParameterValue>);

impl Parameters {
    /// None given: all defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more (or another value for it).
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<ParameterValue>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets one.
    pub fn set(&mut self, name: &str, value: impl Into<ParameterValue>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The value given under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ParameterValue> {
        self.0.get(name)
    }

    /// All that were given, by name in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParameterValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Those whose names begin with `section.`, without that beginning.
    #[must_use]
    pub fn section(&self, section: &str) -> Self {
        self.iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix(section)?.strip_prefix('.')?;
                Some((name.to_owned(), value.clone()))
            })
            .collect()
    }
}

impl FromIterator<(String, ParameterValue)> for Parameters {
    fn from_iter<T: IntoIterator<Item = (String, ParameterValue)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// What values a parameter takes. Bounds are inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterKind {
    /// A whole number.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A finite number; whole numbers count too.
    Float {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// True or false.
    Bool,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
}

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Float { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Bool => f.write_str("true or false"),
            Self::Choice(names) => write!(f, "one of {}", names.join(", ")),
            Self::Text => f.write_str("a text"),
        }
    }
}

/// A default, in a form that a table of constants can hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DefaultValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or the name of a choice.
    Text(&'static str),
}

impl From<DefaultValue> for ParameterValue {
    fn from(value: DefaultValue) -> Self {
        match value {
            DefaultValue::Bool(value) => Self::Bool(value),
            DefaultValue::Int(value) => Self::Int(value),
            DefaultValue::Float(value) => Self::Float(value),
            DefaultValue::Text(value) => Self::Text(value.to_owned()),
        }
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ParameterValue::from(*self).fmt(f)
    }
}

/// What a strategy declares about one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParameterSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The unit it is in; empty where it has none.
    pub unit: &'static str,
    /// The values it takes.
    pub kind: ParameterKind,
    /// Its value when not given.
    pub default: DefaultValue,
}

impl ParameterSpec {
    /// `value` in the type of this parameter, or what is wrong with it.
    fn accept(&self, value: &ParameterValue) -> Result<ParameterValue, FaultKind> {
        match (self.kind, value) {
            (ParameterKind::Int { min, max }, ParameterValue::Int(n)) => {
                if (min..=max).contains(n) {
                    Ok(value.clone())
                } else {
                    Err(FaultKind::Range)
                }
            }
            (ParameterKind::Float { min, max }, ParameterValue::Float(x)) => {
                if *x >= min && *x <= max {
                    Ok(value.clone())
                } else {
                    Err(FaultKind::Range)
                }
            }
            (ParameterKind::Float { min, max }, ParameterValue::Int(n)) => {
                let x = *n as f64;
                if x >= min && x <= max { Ok(ParameterValue::Float(x)) } else { Err(FaultKind::Range) }
            }
            (ParameterKind::Bool, ParameterValue::Bool(_))
            | (ParameterKind::Text, ParameterValue::Text(_)) => Ok(value.clone()),
            (ParameterKind::Choice(names), ParameterValue::Text(name)) => {
                if names.contains(&name.as_str()) {
                    Ok(value.clone())
                } else {
                    Err(FaultKind::Range)
                }
            }
            // A text may look like a number: one weight, for example.
            (ParameterKind::Text, ParameterValue::Int(_) | ParameterValue::Float(_)) => {
                Ok(ParameterValue::Text(value.to_string()))
            }
            _ => Err(FaultKind::Type),
        }
    }
}

/// What several parameters must satisfy together.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The rule in words or symbols, as in `fast_window < slow_window`.
    pub text: &'static str,
    /// The parameters it joins.
    pub parameters: &'static [&'static str],
    /// Whether it holds.
    pub holds: fn(&Resolved) -> bool,
}

/// All parameters of a strategy, checked, with defaults where none were given.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    values: BTreeMap<String, ParameterValue>,
}

impl Resolved {
    /// Checks `given` against `specs` and `rules`. Parameters for which `elsewhere` says yes are left
    /// to somebody else to check.
    ///
    /// # Errors
    /// Every fault there is: unknown names, wrong types, values out of range; broken rules where the
    /// values they join are sound.
    pub(super) fn check(
        specs: &[ParameterSpec],
        rules: &[Rule],
        given: &Parameters,
        elsewhere: impl Fn(&str) -> bool,
    ) -> Result<Self, Vec<ParameterFault>> {
        let mut values: BTreeMap<String, ParameterValue> =
            specs.iter().map(|spec| (spec.name.to_owned(), spec.default.into())).collect();
        let mut faults = Vec::new();
        for (name, value) in given.iter().filter(|(name, _)| !elsewhere(name)) {
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                faults.push(unknown(name, value, specs));
                continue;
            };
            match spec.accept(value) {
                Ok(value) => {
                    values.insert(name.to_owned(), value);
                }
                Err(kind) => {
                    faults.push(ParameterFault {
                        parameter: name.to_owned(),
                        value: value.to_string(),
                        allowed: match spec.unit {
                            "" => spec.kind.to_string(),
                            unit => format!("{} ({unit})", spec.kind),
                        },
                        kind,
                    });
                }
            }
        }
        let resolved = Self { values };
        for rule in rules {
            let unsound = faults.iter().any(|fault| rule.parameters.contains(&fault.parameter.as_str()));
            if !unsound && !(rule.holds)(&resolved) {
                faults.push(resolved.broken(rule));
            }
        }
        if faults.is_empty() { Ok(resolved) } else { Err(faults) }
    }

    fn broken(&self, rule: &Rule) -> ParameterFault {
        let values = rule.parameters.iter().filter_map(|name| {
            let value = self.values.get(*name)?;
            Some(format!("{name} = {value}"))
        });
        ParameterFault {
            parameter: rule.parameters.join(", "),
            value: values.collect::<Vec<_>>().join(", "),
            allowed: rule.text.to_owned(),
            kind: FaultKind::Rule,
        }
    }

    /// All of them, as parameters that can be given again.
    #[must_use]
    pub fn to_parameters(&self) -> Parameters {
        Parameters(self.values.clone())
    }

    /// A whole number as a count; nought for a name that is not declared as one.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        match self.values.get(name) {
            Some(ParameterValue::Int(value)) => usize::try_from(*value).unwrap_or(0),
            other => {
                debug_assert!(false, "{name} is not a whole number: {other:?}");
                0
            }
        }
    }

    /// A number; nought for a name that is not declared as one.
    #[must_use]
    pub fn float(&self, name: &str) -> f64 {
        match self.values.get(name) {
            Some(ParameterValue::Float(value)) => *value,
            other => {
                debug_assert!(false, "{name} is not a number: {other:?}");
                0.0
            }
        }
    }

    /// A truth value; false for a name that is not declared as one.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(ParameterValue::Bool(value)) => *value,
            other => {
                debug_assert!(false, "{name} is not true or false: {other:?}");
                false
            }
        }
    }

    /// A text or choice; empty for a name that is not declared as one.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(ParameterValue::Text(value)) => value,
            other => {
                debug_assert!(false, "{name} is not a text: {other:?}");
                ""
            }
        }
    }
}

fn unknown(name: &str, value: &ParameterValue, specs: &[ParameterSpec]) -> ParameterFault {
    let names = || specs.iter().map(|spec| spec.name);
    let known = names().collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "there are none".to_owned() } else { format!("known: {known}") };
    let allowed = match nearest(name, names()) {
        Some(near) => format!("did you mean {near}? {known}"),
        None => known,
    };
    ParameterFault { parameter: name.to_owned(), value: value.to_string(), allowed, kind: FaultKind::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[ParameterSpec] = &[
        ParameterSpec {
            name: "fast",
            doc: "",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: 9 },
            default: DefaultValue::Int(3),
        },
        ParameterSpec {
            name: "slow",
            doc: "",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: 9 },
            default: DefaultValue::Int(5),
        },
        ParameterSpec {
            name: "level",
            doc: "",
            unit: "",
            kind: ParameterKind::Float { min: 0.0, max: 1.0 },
            default: DefaultValue::Float(0.5),
        },
        ParameterSpec {
            name: "side",
            doc: "",
            unit: "",
            kind: ParameterKind::Choice(&["long", "short"]),
            default: DefaultValue::Text("long"),
        },
    ];
    const RULES: &[Rule] = &[Rule {
        text: "fast < slow",
        parameters: &["fast", "slow"],
        holds: |p| p.count("fast") < p.count("slow"),
    }];

    fn faults(given: &Parameters) -> Vec<String> {
        match Resolved::check(SPECS, RULES, given, |_| false) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn defaults_fill_what_was_not_given_and_whole_numbers_are_numbers() {
        let given = Parameters::new().with("level", 1);
        let resolved = Resolved::check(SPECS, RULES, &given, |_| false).unwrap();
        assert_eq!((resolved.count("fast"), resolved.count("slow")), (3, 5));
        assert_eq!(resolved.float("level"), 1.0);
        assert_eq!(resolved.text("side"), "long");
        let again = Resolved::check(SPECS, RULES, &resolved.to_parameters(), |_| false).unwrap();
        assert_eq!(again, resolved);
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let given = Parameters::new()
            .with("fast_period", 10)
            .with("slow", 10)
            .with("level", f64::NAN)
            .with("side", "both");
        assert_eq!(
            faults(&given),
            [
                "fast_period = 10: no such parameter; known: fast, slow, level, side",
                "level = NaN: allowed: a number from 0 to 1",
                "side = \"both\": allowed: one of long, short",
                "slow = 10: allowed: a whole number from 2 to 9 (bars)",
            ]
        );
    }

    #[test]
    fn a_rule_is_checked_on_sound_values_only() {
        assert_eq!(faults(&Parameters::new().with("fast", 5)), ["fast = 5, slow = 5: allowed: fast < slow"]);
        let wrong_type = faults(&Parameters::new().with("fast", 2.5));
        assert_eq!(wrong_type, ["fast = 2.5: allowed: a whole number from 2 to 9 (bars)"]);
    }

    #[test]
    fn texts_of_a_command_line_find_their_type() {
        for (text, expected) in [
            ("14", ParameterValue::Int(14)),
            ("-0.5", ParameterValue::Float(-0.5)),
            (" true ", ParameterValue::Bool(true)),
            ("close", ParameterValue::Text("close".to_owned())),
        ] {
            assert_eq!(ParameterValue::from_text(text), expected);
        }
    }
}
