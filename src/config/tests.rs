//! The configuration room from outside: what is accepted, what is refused, and how it says so.

mod anything;
mod faults;
mod layers;
mod roundtrip;
mod secrets;
mod syntax;

use std::path::PathBuf;
use std::sync::LazyLock;

use rust_decimal::Decimal;

use super::{
    Allowed, Config, ConfigError, Fault, KeySpec, Layers, Rule, Schema, SectionSpec, Value, base_sections,
    load,
};

fn schema() -> Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(build_schema);
    SCHEMA.clone()
}

/// The engine's own keys, and a section that has every kind of key and bound.
fn build_schema() -> Schema {
    let key = |name: &str, allowed: Allowed, default: Value| KeySpec {
        name: name.to_owned(),
        allowed,
        default,
        unit: String::new(),
        doc: "A key of the tests.".to_owned(),
    };
    let between = |above_min: bool, below_max: bool| Allowed::Number {
        min: Decimal::from(-2),
        max: Decimal::new(25, 1),
        above_min,
        below_max,
    };
    let half = || Value::Decimal(Decimal::new(5, 1));
    let (mut sections, mut rules) = base_sections();
    let keys = vec![
        key("yes", Allowed::Bool, Value::Bool(false)),
        key("count", Allowed::Integer { min: -3, max: 7 }, Value::Integer(0)),
        key("any_count", Allowed::Integer { min: i64::MIN, max: i64::MAX }, Value::Integer(0)),
        key("closed", between(false, false), half()),
        key("open_below", between(true, false), half()),
        key("open_above", between(false, true), half()),
        key("open", between(true, true), half()),
        key("any_number", Allowed::number(Decimal::MIN, Decimal::MAX), half()),
        key(
            "word",
            Allowed::Choice(vec!["one".into(), "2".into(), "true".into()]),
            Value::Text("one".into()),
        ),
        key("note", Allowed::any_text(), Value::Text(String::new())),
        key("password_env", Allowed::any_text(), Value::Text("PEAK_PASSWORD".into())),
    ];
    let section = |name: &str, keys: Vec<KeySpec>| SectionSpec {
        name: name.to_owned(),
        doc: "A section of the tests.".to_owned(),
        keys,
        instances: None,
    };
    sections.push(section(
        "outer",
        vec![key("a", Allowed::Bool, Value::Bool(false)), key("z", Allowed::Bool, Value::Bool(false))],
    ));
    sections.push(section("outer.kinds", keys));
    rules.push(Rule::holding(&["outer.a", "outer.z"], "not both true", |config| {
        !(config.flag("outer.a") && config.flag("outer.z"))
    }));
    Schema::new(sections, rules)
}

/// A folder with `config/config.toml` of this content.
fn folder(content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config/config.toml");
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(&file, content).unwrap();
    (folder, file)
}

fn load_file(content: impl AsRef<[u8]>) -> Result<Config, ConfigError> {
    let (_folder, file) = folder(content);
    load(&schema(), &Layers { file: Some(file), ..Layers::default() })
}

fn load_set(assignments: &[&str]) -> Result<Config, ConfigError> {
    let set = assignments.iter().map(|a| (*a).to_owned()).collect();
    load(&schema(), &Layers { set, ..Layers::default() })
}

/// The faults of a file, without the folder that it lies in.
fn faults(content: impl AsRef<[u8]>) -> Vec<String> {
    let error = load_file(content).expect_err("there is a fault");
    error.faults.iter().map(bare).collect()
}

fn bare(fault: &Fault) -> String {
    let text = fault.to_string();
    match text.split_once("config.toml") {
        Some((before, rest)) if before.starts_with('/') => format!("config.toml{rest}"),
        _ => text,
    }
}

fn set_faults(assignments: &[&str]) -> Vec<String> {
    load_set(assignments).expect_err("there is a fault").faults.iter().map(ToString::to_string).collect()
}

/// A path cannot be compared across folders, so origins lose theirs.
fn origin(config: &Config, key: &str) -> String {
    let origin = config.origin(key).expect("a key").to_string();
    origin.rsplit('/').next().unwrap_or_default().to_owned()
}
