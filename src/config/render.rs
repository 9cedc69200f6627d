//! Configuration as text: the shipped file, and what `peak config show` prints.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::fault::printable;
use super::resolved::{Config, Origin};
use super::schema::{KeySpec, Schema, SectionSpec};
use super::value::{Value, quoted};

const HEAD: &str = "\
# Peak Trade configuration. Every key, with its default and its unit; a key that is left out takes
# its default. `peak config check` names every fault with its line, `peak config show` says where
# each value comes from. Secrets never stand here: they are environment variables.
";

/// The commented file with every key at its default. The shipped `config/config.toml` is this.
#[must_use]
pub fn render_default_file(schema: &Schema) -> String {
    let mut file = HEAD.to_owned();
    for section in &schema.sections {
        let _ = write!(file, "\n{}", wrapped(&section.doc));
        // Comments stand above the section, so that its keys stand together.
        for key in &section.keys {
            file.push_str(&wrapped(&describe(key)));
        }
        match &section.instances {
            None => keys(&mut file, section, &[], &header(&section.name)),
            Some(instances) => {
                for (name, differing) in &instances.shipped {
                    keys(&mut file, section, differing, &format!("[{}.{}]", section.name, quoted(name)));
                }
            }
        }
    }
    file
}

fn keys(file: &mut String, section: &SectionSpec, differing: &[(String, Value)], header: &str) {
    let _ = writeln!(file, "{header}");
    for key in &section.keys {
        let value = differing.iter().find(|(name, _)| *name == key.name).map_or(&key.default, |(_, v)| v);
        let _ = writeln!(file, "{} = {}", key.name, value.short());
    }
}

fn describe(key: &KeySpec) -> String {
    let unit = if key.unit.is_empty() { String::new() } else { format!(" [{}]", key.unit) };
    format!("- {}{unit}: {} Allowed: {}.", key.name, key.doc, key.allowed)
}

fn header(section: &str) -> String {
    format!("[{section}]")
}

/// As comment lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            let _ = writeln!(lines, "{line}");
            line = "#  ".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(lines, "{line}");
    lines
}

/// The configuration in force as TOML, each value with its origin: itself a configuration file.
#[must_use]
pub fn render_text(config: &Config) -> String {
    let mut text = match config.file() {
        Some(file) => format!("# from {}\n", printable(&file.display().to_string())),
        None => "# the compiled-in configuration\n".to_owned(),
    };
    // Gathered first: a section's keys need not stand together in the order of dotted keys.
    let mut sections: BTreeMap<&str, Vec<(&str, &Value, &Origin)>> = BTreeMap::new();
    for (dotted, (value, origin)) in &config.values {
        let (section, key) = dotted.rsplit_once('.').unwrap_or(("", dotted));
        sections.entry(section).or_default().push((key, value, origin));
    }
    for (section, keys) in sections {
        let _ = writeln!(text, "\n[{}]", shown_section(section));
        for (key, value, origin) in keys {
            let _ = writeln!(text, "{key} = {}  # {}", value.short(), printable(&origin.to_string()));
        }
    }
    text
}

/// The name of an instance is a symbol, and a symbol has a slash, which TOML wants quoted.
fn shown_section(section: &str) -> String {
    match section.split_once('.') {
        Some((head, name)) if name.contains('/') => format!("{head}.{}", quoted(name)),
        _ => section.to_owned(),
    }
}

/// The configuration in force as a list of key, value, unit, origin and description.
#[must_use]
pub fn render_json(schema: &Schema, config: &Config) -> Json {
    let rows = config.values.iter().map(|(dotted, (value, origin))| {
        let spec = schema.key(dotted);
        json!({
            "key": dotted,
            "value": match value {
                Value::Bool(b) => json!(b),
                Value::Integer(n) => json!(n),
                Value::Decimal(d) => json!(d.to_string()),
                Value::Text(t) => json!(t),
            },
            "unit": spec.map(|s| s.unit.clone()).unwrap_or_default(),
            "origin": origin.to_string(),
            "allowed": spec.map(|s| s.allowed.to_string()).unwrap_or_default(),
            "doc": spec.map(|s| s.doc.clone()).unwrap_or_default(),
        })
    });
    Json::Array(rows.collect())
}
