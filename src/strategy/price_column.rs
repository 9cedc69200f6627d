//! Which price of a bar a strategy looks at.

use super::parameters::{DefaultValue, ParameterKind, ParameterSpec};
use crate::domain::Bar;

/// A price of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PriceColumn {
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    #[default]
    Close,
}

impl PriceColumn {
    /// The names, as allowed for the parameter `price_col`.
    pub const NAMES: &'static [&'static str] = &["open", "high", "low", "close"];

    /// The parameter `price_col`, close by default.
    pub(super) const PARAMETER: ParameterSpec = ParameterSpec {
        name: "price_col",
        doc: "price of the bar that is looked at",
        unit: "",
        kind: ParameterKind::Choice(Self::NAMES),
        default: DefaultValue::Text("close"),
    };

    /// By its name; close for any other text (the registry has refused those before).
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "high" => Self::High,
            "low" => Self::Low,
            _ => Self::Close,
        }
    }

    /// This price of `bar`.
    #[must_use]
    pub fn of(self, bar: &Bar) -> f64 {
        match self {
            Self::Open => bar.open,
            Self::High => bar.high,
            Self::Low => bar.low,
            Self::Close => bar.close,
        }
        .to_f64()
    }
}
