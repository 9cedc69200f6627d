//! Sessions: assembling and running one, as actors, as a direct loop, or from a journal.

pub mod assemble;
pub mod crew;
pub mod engine;
pub mod metrics;
pub mod plan;
pub mod replay;
pub mod run;
pub mod schema;
pub mod signals;
