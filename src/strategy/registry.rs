//! The strategies there are, with their parameters, and the making of one by its key.

use super::composite::Plan;
use super::error::StrategyError;
use super::parameters::{ParameterSpec, Parameters, Resolved, Rule};
use super::{
    Strategy, bollinger_bands, breakout_donchian, buy_and_hold, composite, ma_crossover, macd,
    mean_reversion, momentum, rsi_reversion, trend_following, vol_regime_filter,
};
use crate::config::nearest;

/// How far a strategy is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StrategyTier {
    /// The main ones.
    Core,
    /// Helpers and complements.
    Aux,
    /// Research only.
    RAndD,
}

impl StrategyTier {
    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Aux => "aux",
            Self::RAndD => "r_and_d",
        }
    }
}

/// What is known about a strategy before it is made.
#[derive(Debug, Clone, Copy)]
pub struct StrategySpec {
    /// Its key, as in `--strategy ma_crossover`.
    pub key: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// How far it is trusted.
    pub tier: StrategyTier,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What it does, exactly.
    pub doc: &'static str,
    /// Its parameters.
    pub parameters: &'static [ParameterSpec],
    /// What parameters must satisfy together.
    pub rules: &'static [Rule],
    pub(super) make: Maker,
}

/// How a strategy is made of checked parameters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Maker {
    /// Of its own parameters alone.
    Plain(fn(&Resolved) -> Box<dyn Strategy>),
    /// Of its own and those of its components.
    Composite,
}

impl StrategySpec {
    /// Checks parameters and fills in the defaults: what the strategy will run with, for the
    /// journal.
    ///
    /// # Errors
    /// [`StrategyError::Parameters`] with every fault.
    pub fn resolve(&self, given: &Parameters) -> Result<Parameters, StrategyError> {
        let resolved = match self.make {
            Maker::Plain(_) => self.check(given).map(|resolved| resolved.to_parameters()),
            Maker::Composite => Plan::check(given).map(|plan| plan.to_parameters()),
        };
        resolved.map_err(|faults| StrategyError::Parameters { strategy: self.key, faults })
    }

    /// Makes the strategy.
    ///
    /// # Errors
    /// [`StrategyError::Parameters`] with every fault.
    pub fn build(&self, given: &Parameters) -> Result<Box<dyn Strategy>, StrategyError> {
        let fail = |faults| StrategyError::Parameters { strategy: self.key, faults };
        match self.make {
            Maker::Plain(make) => self.check(given).map(|resolved| make(&resolved)).map_err(fail),
            Maker::Composite => Plan::check(given).map_err(fail)?.build(),
        }
    }

    fn check(&self, given: &Parameters) -> Result<Resolved, Vec<super::ParameterFault>> {
        Resolved::check(self.parameters, self.rules, given, |_| false)
    }
}

/// Core strategies first, then the others.
static REGISTRY: [StrategySpec; 11] = [
    ma_crossover::SPEC,
    rsi_reversion::SPEC,
    bollinger_bands::SPEC,
    trend_following::SPEC,
    breakout_donchian::SPEC,
    momentum::SPEC,
    macd::SPEC,
    mean_reversion::SPEC,
    vol_regime_filter::SPEC,
    composite::SPEC,
    buy_and_hold::SPEC,
];

/// All strategies.
#[must_use]
pub fn registry() -> &'static [StrategySpec] {
    &REGISTRY
}

/// The strategy with this key.
///
/// # Errors
/// [`StrategyError::UnknownKey`], with the known keys and the nearest of them.
pub fn find(key: &str) -> Result<&'static StrategySpec, StrategyError> {
    let keys = || REGISTRY.iter().map(|spec| spec.key);
    REGISTRY.iter().find(|spec| spec.key == key).ok_or_else(|| StrategyError::UnknownKey {
        key: key.to_owned(),
        suggestion: nearest(key, keys()).map(str::to_owned),
        known: keys().collect::<Vec<_>>().join(", "),
    })
}

/// Makes the strategy with this key from these parameters.
///
/// # Errors
/// [`StrategyError`], if the key is unknown or parameters are wrong.
pub fn build(key: &str, given: &Parameters) -> Result<Box<dyn Strategy>, StrategyError> {
    find(key)?.build(given)
}
