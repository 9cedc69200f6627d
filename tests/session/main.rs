//! Sessions through the real binary and through the library: what an operator sees, and what
//! survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod crash;
mod default_run;
mod determinism;
mod faults;
mod hostile;
mod lab;
mod real_candles;
mod refusals;
mod scenarios;
mod signals;
mod stand;
mod supervision;
mod support;
