//! Reading the layers and checking them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{ConfigError, Fault, holds_secret};
use super::nearest::nearest;
use super::resolved::{Config, Origin};
use super::schema::{Broken, Schema};
use super::value::Value;

/// Names the configuration file.
pub const ENV_PATH: &str = "PEAK_TRADE_CONFIG_PATH";

/// Where the configuration lies unless somebody says otherwise.
const DEFAULT_FILE: &str = "config/config.toml";

/// Nobody writes a configuration this large; somebody may name the wrong file.
const MAX_BYTES: u64 = 1024 * 1024;

/// What comes on top of the defaults.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// `key=value` as given to `--set`.
    pub set: Vec<String>,
    /// Flags of their own: flag, dotted key, value as text.
    pub flags: Vec<(&'static str, String, String)>,
}

/// The configuration file: the one given, else the one the environment names, else
/// `config/config.toml` where it exists.
#[must_use]
pub fn find_file(given: Option<&Path>, environment: Option<PathBuf>) -> Option<PathBuf> {
    given.map(Path::to_path_buf).or(environment).or_else(|| {
        let default = PathBuf::from(DEFAULT_FILE);
        default.exists().then_some(default)
    })
}

/// Reads and checks all layers.
///
/// # Errors
/// [`ConfigError`] with every fault of every layer.
pub fn load(schema: &Schema, layers: &Layers) -> Result<Config, ConfigError> {
    let mut loading = Loading { schema, values: defaults(schema), faults: Vec::new() };
    if let Some(path) = &layers.file {
        loading.file(path);
    }
    for assignment in &layers.set {
        loading.assignment(assignment);
    }
    for (flag, key, text) in &layers.flags {
        loading.text_value((*flag).to_owned(), key, text);
    }
    let Loading { values, mut faults, .. } = loading;
    let config = Config { values, base: base_folder(layers.file.as_deref()), file: layers.file.clone() };
    for broken in schema.rules.iter().flat_map(|rule| rule.broken(&config)) {
        // A rule over a value that is itself at fault would only say the same twice.
        let at_fault = broken.keys.iter().any(|key| faults.iter().any(|fault| fault.key == *key));
        if !at_fault {
            faults.push(rule_fault(&broken, &config));
        }
    }
    if faults.is_empty() { Ok(config) } else { Err(ConfigError { faults }) }
}

fn rule_fault(broken: &Broken, config: &Config) -> Fault {
    // Shown where somebody set one of the values, if anybody did.
    let set = |key: &&String| config.origin(key).is_some_and(|origin| *origin != Origin::Default);
    let key = broken.keys.iter().find(set).or(broken.keys.first()).cloned().unwrap_or_default();
    let place = config.origin(&key).map_or_else(String::new, ToString::to_string);
    let value = config.get(&key).map(ToString::to_string).unwrap_or_default();
    let others: Vec<String> = broken
        .keys
        .iter()
        .filter(|other| **other != key)
        .filter_map(|other| config.get(other).map(|value| format!("{other} = {value}")))
        .collect();
    let beside = if others.is_empty() { String::new() } else { format!(" (beside {})", others.join(", ")) };
    Fault { place, key, value, problem: format!("allowed: {}{beside}", broken.allowed) }
}

/// Relative folders stand beside the folder `config/` that holds the file.
fn base_folder(file: Option<&Path>) -> PathBuf {
    let Some(folder) = file.and_then(Path::parent) else { return PathBuf::new() };
    if folder.file_name().is_some_and(|name| name == "config") {
        folder.parent().map(Path::to_path_buf).unwrap_or_default()
    } else {
        folder.to_path_buf()
    }
}

fn defaults(schema: &Schema) -> BTreeMap<String, (Value, Origin)> {
    let mut values = BTreeMap::new();
    for section in &schema.sections {
        match &section.instances {
            None => add_defaults(&mut values, schema, &section.name, &[]),
            Some(instances) => {
                for (name, differing) in instances {
                    add_defaults(&mut values, schema, &format!("{}.{name}", section.name), differing);
                }
            }
        }
    }
    values
}

fn add_defaults(
    values: &mut BTreeMap<String, (Value, Origin)>,
    schema: &Schema,
    section: &str,
    differing: &[(String, Value)],
) {
    let Some(spec) = schema.section(section) else { return };
    for key in &spec.keys {
        let value =
            differing.iter().find(|(name, _)| *name == key.name).map_or(&key.default, |(_, value)| value);
        let value = key.allowed.accept(value.clone()).unwrap_or_else(|_| value.clone());
        values.entry(format!("{section}.{}", key.name)).or_insert((value, Origin::Default));
    }
}

struct Loading<'a> {
    schema: &'a Schema,
    values: BTreeMap<String, (Value, Origin)>,
    faults: Vec<Fault>,
}

impl Loading<'_> {
    fn fault(&mut self, place: impl ToString, key: &str, value: &str, problem: impl ToString) {
        let value = if holds_secret(key) && !value.is_empty() { "[REDACTED]" } else { value };
        self.faults.push(Fault {
            place: place.to_string(),
            key: key.to_owned(),
            value: value.to_owned(),
            problem: problem.to_string(),
        });
    }

    fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match read(path) {
            Ok(text) => text,
            Err(why) => return self.fault(name, "", "", why),
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            self.fault(format!("{name}:{line}"), "", "", format!("not TOML: {}", error.message()));
        }
        self.table(table.get_ref(), "", &text, &name);
    }

    fn table(&mut self, table: &DeTable<'_>, section: &str, text: &str, name: &str) {
        for (key, value) in table {
            let place = format!("{name}:{}", line_of(text, key.span().start));
            let dotted = if section.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{section}.{}", key.get_ref())
            };
            if let DeValue::Table(inner) = value.get_ref() {
                let is_key = self.schema.key(&dotted).is_some();
                if is_key {
                    self.fault(&place, &dotted, "", "this is a section, a value is expected here");
                } else if self.leads_somewhere(&dotted) {
                    if let Some(spec) = self.schema.section(&dotted)
                        && spec.instances.is_some()
                    {
                        add_defaults(&mut self.values, self.schema, &dotted, &[]);
                    }
                    self.table(inner, &dotted, text, name);
                } else {
                    let names = self.schema.sections.iter().map(|s| s.name.as_str());
                    let hint = suggestion(&dotted, names);
                    self.fault(&place, &dotted, "", format!("unknown section{hint}"));
                }
                continue;
            }
            let written = text.get(value.span()).unwrap_or_default().trim().to_owned();
            let line = line_of(text, key.span().start);
            match plain(value) {
                Ok(value) => {
                    let origin = Origin::File { path: name.to_owned(), line };
                    self.put(&place, &dotted, value, &written, origin);
                }
                Err(why) => self.fault(&place, &dotted, &written, why),
            }
        }
    }

    /// A section, or on the way to one.
    fn leads_somewhere(&self, dotted: &str) -> bool {
        self.schema.section(dotted).is_some()
            || self.schema.sections.iter().any(|s| {
                s.name == dotted || s.name.strip_prefix(dotted).is_some_and(|rest| rest.starts_with('.'))
            })
    }

    fn assignment(&mut self, assignment: &str) {
        let Some((key, text)) = assignment.split_once('=') else {
            let problem = "allowed: --set section.key=value";
            // What stands here may be a secret without its key: it is not repeated.
            return self.fault("--set", "", "", problem);
        };
        self.text_value("--set".to_owned(), key.trim(), text.trim());
    }

    /// A value from the command line: TOML if it is that, else a bare text.
    fn text_value(&mut self, flag: String, key: &str, text: &str) {
        let document = format!("value = {text}");
        let parsed = DeTable::parse(&document)
            .ok()
            .filter(|table| table.get_ref().len() == 1)
            .and_then(|table| table.get_ref().iter().next().map(|(_, value)| plain(value)))
            .and_then(Result::ok);
        // A key that wants a text gets the text as typed, even if it looks like a number.
        let wants_text = self.schema.key(key).is_some_and(|spec| matches!(spec.default, Value::Text(_)));
        let value = match parsed {
            Some(value @ Value::Text(_)) => value,
            Some(value) if !wants_text => value,
            _ => Value::Text(text.to_owned()),
        };
        if let Some((section, _)) = key.rsplit_once('.')
            && self.schema.key(key).is_some()
        {
            add_defaults(&mut self.values, self.schema, section, &[]);
        }
        self.put(&flag.clone(), key, value, text, Origin::Flag(flag));
    }

    fn put(&mut self, place: &str, dotted: &str, value: Value, written: &str, origin: Origin) {
        if holds_secret(dotted) {
            let advice = "secrets are not kept in the configuration: put it into an environment variable";
            return self.fault(place, dotted, written, advice);
        }
        match self.schema.key(dotted).map(|spec| spec.allowed.accept(value)) {
            Some(Ok(value)) => {
                self.values.insert(dotted.to_owned(), (value, origin));
            }
            Some(Err(why)) => self.fault(place, dotted, written, why),
            None => {
                let hint = self.key_hint(dotted);
                self.fault(place, dotted, written, format!("unknown key{hint}"));
            }
        }
    }

    fn key_hint(&self, dotted: &str) -> String {
        let (section, key) = dotted.rsplit_once('.').unwrap_or(("", dotted));
        match self.schema.section(section) {
            Some(spec) => suggestion(key, spec.keys.iter().map(|k| k.name.as_str())),
            None => {
                let all: Vec<String> = self.values.keys().cloned().collect();
                suggestion(dotted, all.iter().map(String::as_str))
            }
        }
    }
}

fn suggestion<'a>(text: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(text, known.clone()) {
        Some(near) => format!("; did you mean {near}?"),
        None => {
            let known: Vec<&str> = known.take(40).collect();
            format!("; allowed: {}", known.join(", "))
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let says = |e: std::io::Error| format!("cannot be read: {e}");
    let size = fs::metadata(path).map_err(says)?.len();
    if size > MAX_BYTES {
        return Err(format!("has {size} bytes; allowed: up to {MAX_BYTES}. Is this the right file?"));
    }
    String::from_utf8(fs::read(path).map_err(says)?).map_err(|e| {
        format!("is not UTF-8 text (byte {}). Is this the right file?", e.utf8_error().valid_up_to())
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

fn plain(value: &Spanned<DeValue<'_>>) -> Result<Value, String> {
    match value.get_ref() {
        DeValue::Boolean(value) => Ok(Value::Bool(*value)),
        DeValue::String(text) => Ok(Value::Text(text.to_string())),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map(Value::Integer)
            .map_err(|_| "the number is too large".to_owned()),
        DeValue::Float(float) => {
            let text = float.as_str();
            Decimal::from_str_exact(text)
                .or_else(|_| Decimal::from_scientific(text))
                .map(|d| Value::Decimal(d.normalize()))
                .map_err(|_| "not a finite number".to_owned())
        }
        DeValue::Datetime(at) => Ok(Value::Text(at.to_string())),
        DeValue::Array(_) => Err("a list; a single value is expected here".to_owned()),
        DeValue::Table(_) => Err("a section; a single value is expected here".to_owned()),
    }
}
