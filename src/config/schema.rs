//! What may be configured: sections, keys, what each allows, and rules over several keys.

use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::resolved::Config;
use super::value::{Value, exact_decimal};

/// What a key allows.
#[derive(Clone)]
pub enum Allowed {
    /// `true` or `false`.
    Bool,
    /// A whole number, bounds inclusive.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number.
    Number {
        /// Smallest.
        min: Decimal,
        /// Largest.
        max: Decimal,
        /// `min` itself is not allowed.
        above_min: bool,
        /// `max` itself is not allowed.
        below_max: bool,
    },
    /// One of these words.
    Choice(Vec<String>),
    /// A text that this accepts; the string says what is allowed.
    Text(&'static str, fn(&str) -> Result<(), String>),
}

impl Allowed {
    /// A number from `min` to `max`, both allowed.
    #[must_use]
    pub fn number(min: Decimal, max: Decimal) -> Self {
        Self::Number { min, max, above_min: false, below_max: false }
    }

    /// Any positive number up to `max`.
    #[must_use]
    pub fn positive(max: Decimal) -> Self {
        Self::Number { min: Decimal::ZERO, max, above_min: true, below_max: false }
    }

    /// Any text.
    #[must_use]
    pub fn any_text() -> Self {
        Self::Text("a text", |_| Ok(()))
    }

    /// The value in the type of this key, or why not.
    pub(super) fn accept(&self, value: Value) -> Result<Value, String> {
        let refuse = |value: &Value| Err(format!("allowed: {self}; this is {}", value.kind()));
        match (self, value) {
            (Self::Bool, value @ Value::Bool(_)) => Ok(value),
            (Self::Integer { min, max }, Value::Integer(n)) => {
                if (*min..=*max).contains(&n) {
                    Ok(Value::Integer(n))
                } else {
                    Err(format!("allowed: {self}"))
                }
            }
            (Self::Integer { .. }, Value::Decimal(d)) if d.is_integer() && d.to_i64().is_none() => {
                Err(format!("allowed: {self}; this does not fit into 64 bits"))
            }
            (Self::Number { .. }, Value::Integer(n)) => self.in_range(Decimal::from(n)),
            (Self::Number { .. }, Value::Decimal(d)) => self.in_range(d),
            // Amounts may be quoted so that no tool along the way makes a float of them.
            (Self::Number { .. }, Value::Text(text)) => match exact_decimal(&text) {
                Ok(d) => self.in_range(d),
                Err(why) => Err(format!("allowed: {self}; {why}")),
            },
            (Self::Choice(words), Value::Text(text)) => {
                if words.contains(&text) {
                    Ok(Value::Text(text))
                } else {
                    Err(format!("allowed: {self}"))
                }
            }
            (Self::Text(_, check), Value::Text(text)) => match check(&text) {
                Ok(()) => Ok(Value::Text(text)),
                Err(why) => Err(format!("allowed: {self}; {why}")),
            },
            (_, value) => refuse(&value),
        }
    }

    fn in_range(&self, number: Decimal) -> Result<Value, String> {
        let Self::Number { min, max, above_min, below_max } = self else {
            return Err(format!("allowed: {self}"));
        };
        // One text for one number: 0.10 and 0.1 must not look like two configurations.
        let number = if number.is_zero() { Decimal::ZERO } else { number.normalize() };
        let low = if *above_min { number > *min } else { number >= *min };
        let high = if *below_max { number < *max } else { number <= *max };
        if low && high { Ok(Value::Decimal(number)) } else { Err(format!("allowed: {self}")) }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Integer { min, max: i64::MAX } => write!(f, "a whole number from {min} on"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min, max, above_min, below_max } => {
                let low = if *above_min { "above" } else { "from" };
                let high = if *below_max { "below" } else { "to" };
                write!(f, "a number {low} {} {high} {}", min.normalize(), max.normalize())
            }
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Text(what, _) => f.write_str(what),
        }
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One key.
#[derive(Debug, Clone)]
pub struct KeySpec {
    /// Its name within the section.
    pub name: String,
    /// What it allows.
    pub allowed: Allowed,
    /// Its value when nobody sets it.
    pub default: Value,
    /// Its unit; empty where it has none.
    pub unit: String,
    /// What it does.
    pub doc: String,
}

/// One section, or many alike: a section with instances (`[instrument."BTC/EUR"]`) names the ones
/// that are shipped, and allows more by the same keys.
#[derive(Debug, Clone)]
pub struct SectionSpec {
    /// Its dotted name.
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// Its keys.
    pub keys: Vec<KeySpec>,
    /// `Some` for a section with instances.
    pub instances: Option<Instances>,
}

/// An instance of a section by name, with the values that differ from the keys' defaults.
pub type Instance = (String, Vec<(String, Value)>);

/// The instances of a section.
#[derive(Debug, Clone)]
pub struct Instances {
    /// What an instance may be called, in words.
    pub allowed: &'static str,
    /// Refuses other names. No two names that it accepts may be told apart by quotes alone.
    pub check: fn(&str) -> Result<(), String>,
    /// The shipped ones, with the values that differ from the keys' defaults. An unlisted
    /// instance takes the keys' defaults.
    pub shipped: Vec<Instance>,
}

type Check = dyn Fn(&Config) -> Vec<Broken> + Send + Sync;

/// What several keys must satisfy together.
#[derive(Clone)]
pub struct Rule {
    check: Arc<Check>,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The dotted keys whose values do not go together; the first one is where it is shown.
    pub keys: Vec<String>,
    /// What is allowed.
    pub allowed: String,
}

impl Rule {
    /// A rule that says itself what is broken.
    pub fn new(check: impl Fn(&Config) -> Vec<Broken> + Send + Sync + 'static) -> Self {
        Self { check: Arc::new(check) }
    }

    /// A rule over these dotted keys that holds or does not.
    pub fn holding(
        keys: &[&str],
        allowed: &str,
        holds: impl Fn(&Config) -> bool + Send + Sync + 'static,
    ) -> Self {
        let broken =
            Broken { keys: keys.iter().map(|k| (*k).to_owned()).collect(), allowed: allowed.to_owned() };
        Self::new(move |config| if holds(config) { Vec::new() } else { vec![broken.clone()] })
    }

    pub(super) fn broken(&self, config: &Config) -> Vec<Broken> {
        (self.check)(config)
    }
}

/// Everything that may be configured.
#[derive(Clone)]
pub struct Schema {
    pub(super) sections: Vec<SectionSpec>,
    pub(super) rules: Vec<Rule>,
}

impl Schema {
    /// A schema of these sections and rules.
    #[must_use]
    pub fn new(sections: Vec<SectionSpec>, rules: Vec<Rule>) -> Self {
        Self { sections, rules }
    }

    /// The section of this name, or the one whose instance it is.
    pub(super) fn section(&self, name: &str) -> Option<&SectionSpec> {
        self.sections.iter().find(|section| match &section.instances {
            None => section.name == name,
            Some(instances) => name
                .strip_prefix(&section.name)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|instance| (instances.check)(instance).is_ok()),
        })
    }

    /// The section of this name that has instances.
    pub(super) fn template(&self, name: &str) -> Option<(&SectionSpec, &Instances)> {
        let section = self.sections.iter().find(|section| section.name == name)?;
        Some((section, section.instances.as_ref()?))
    }

    /// A section, or on the way to one.
    pub(super) fn leads_somewhere(&self, name: &str) -> bool {
        let below = |s: &SectionSpec| {
            s.name == name || s.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        };
        self.section(name).is_some() || self.sections.iter().any(below)
    }

    /// The key of this dotted name.
    pub(super) fn key(&self, dotted: &str) -> Option<&KeySpec> {
        let (section, key) = dotted.rsplit_once('.')?;
        self.section(section)?.keys.iter().find(|spec| spec.name == key)
    }
}
