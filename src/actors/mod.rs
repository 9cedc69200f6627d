//! The actors: thin shells around the core.
//!
//! Work travels in bounded [`lane`]s, control in mailboxes; each actor is a [`shell`] around one
//! piece of work. The [`guardian`] starts them, watches deaths and heartbeats, restarts what may be
//! restarted, and stops them in tiers; [`control`] takes what people ask.

pub mod control;
pub mod execution;
pub mod gauges;
pub mod guardian;
pub mod lane;
mod line_budget;
pub mod logger;
pub mod market_data;
pub mod restart;
pub mod risk_limit;
pub mod shell;
pub mod strategy;
