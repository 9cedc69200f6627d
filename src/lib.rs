//! Peak Trade: an actor-model trading engine.
//!
//! A functional core in an actor shell. Everything that decides (strategies, risk, order life
//! cycle, paper matching, accounting) is a plain struct without a clock, I/O or actix; the actors
//! in [`actors`] own one such struct each and exchange the typed messages of [`messages`].
//!
//! Floors, each importing only from those below it:
//!
//! | floor | rooms |
//! |---|---|
//! | 5 | `bin/`, [`cli`] |
//! | 4 | [`session`] |
//! | 3 | [`actors`] |
//! | 2 | [`market`], [`strategy`], [`risk`], [`execution`], [`runlog`] |
//! | 1 | [`messages`] |
//! | 0 | [`domain`], [`clock`], [`config`] |

pub mod actors;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod execution;
pub mod market;
pub mod messages;
pub mod risk;
pub mod runlog;
pub mod session;
pub mod strategy;
