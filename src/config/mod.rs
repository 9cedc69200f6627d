//! Configuration: a schema of every key, layers of values, and every fault at once.
//!
//! Layers, later ones winning: the schema's defaults, the file, `--set key=value`, command-line
//! flags. Each value remembers where it came from. The shipped `config/config.toml` is what
//! [`render_default_file`] makes of the schema, so documentation and code cannot drift apart.

mod fault;
mod file;
mod keys;
mod load;
mod nearest;
mod render;
mod resolved;
mod schema;
mod value;

pub use fault::{ConfigError, Fault};
pub use keys::base_sections;
pub use load::{ENV_PATH, Layers, find_file, load};
pub use nearest::nearest;
pub use render::{render_default_file, render_json, render_text};
pub use resolved::{Config, Origin};
pub use schema::{Allowed, Broken, Instance, Instances, KeySpec, Rule, Schema, SectionSpec};
pub use value::Value;

#[cfg(test)]
mod tests;
