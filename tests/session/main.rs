//! Sessions through the real binary and through the library: what an operator sees, and what
//! survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crash;
mod default_run;
mod determinism;
mod faults;
mod real_candles;
mod refusals;
mod signals;
mod supervision;
mod support;
