//! Hand-computed examples for every number of `docs/fills.md` (a test's name ends with it), and
//! properties for what must hold whatever happens.

mod limit;
mod market;
mod properties;
mod reduce_only;
mod stop;
mod ticks;
mod time_in_force;
mod venue;

/// A list of owned strings, empty or not.
fn none() -> Vec<String> {
    Vec::new()
}
