//! Reading the layers and checking them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::fault::{ConfigError, Fault, excerpt, holds_secret};
use super::file::FileLayer;
use super::nearest::nearest;
use super::resolved::{Config, Origin};
use super::schema::{Broken, Schema};
use super::value::Value;

/// Names the configuration file.
pub const ENV_PATH: &str = "PEAK_TRADE_CONFIG_PATH";

/// Where the configuration lies unless somebody says otherwise.
const DEFAULT_FILE: &str = "config/config.toml";

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
    // An empty variable is one that somebody meant to unset.
    let environment = environment.filter(|path| !path.as_os_str().is_empty());
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
        FileLayer::load(path, &mut loading);
    }
    for assignment in &layers.set {
        loading.assignment(assignment);
    }
    for (flag, key, text) in &layers.flags {
        loading.text_value(flag, key, text, Typed::Plain);
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
    let value = config.get(&key).map(Value::short).unwrap_or_default();
    let others: Vec<String> = broken
        .keys
        .iter()
        .filter(|other| **other != key)
        .filter_map(|other| {
            let (value, origin) = config.values.get(other)?;
            Some(format!("{other} = {}, {origin}", excerpt(&value.short())))
        })
        .collect();
    let beside = if others.is_empty() { String::new() } else { format!(" (beside {})", others.join("; ")) };
    Loading::fault(place, &key, &value, format!("allowed: {}{beside}", broken.allowed))
}

/// Relative folders stand beside the folder `config/` that holds the file.
pub(super) fn base_folder(file: Option<&Path>) -> PathBuf {
    let Some(folder) = file.and_then(Path::parent) else { return PathBuf::new() };
    // `config.toml`, `./config.toml` and `../config.toml` do not say in which folder they are.
    let stands_in = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let named = match folder.file_name() {
        Some(_) => folder.to_path_buf(),
        None => std::fs::canonicalize(stands_in).unwrap_or_else(|_| folder.to_path_buf()),
    };
    match named.parent() {
        Some(parent) if named.file_name().is_some_and(|name| name == "config") => parent.to_path_buf(),
        _ => folder.to_path_buf(),
    }
}

fn defaults(schema: &Schema) -> BTreeMap<String, (Value, Origin)> {
    let mut values = BTreeMap::new();
    for section in &schema.sections {
        match &section.instances {
            None => add_defaults(&mut values, schema, &section.name, &[]),
            Some(instances) => {
                for (name, differing) in &instances.shipped {
                    add_defaults(&mut values, schema, &format!("{}.{name}", section.name), differing);
                }
            }
        }
    }
    values
}

pub(super) fn add_defaults(
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

/// How a text on the command line is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    /// TOML if it is that, else a bare text.
    Toml,
    /// A flag of its own: a text is taken as typed, quotes and all.
    Plain,
}

pub(super) struct Loading<'a> {
    pub(super) schema: &'a Schema,
    pub(super) values: BTreeMap<String, (Value, Origin)>,
    pub(super) faults: Vec<Fault>,
}

impl Loading<'_> {
    /// A fault that shows no secret and stays on its line.
    pub(super) fn fault(place: impl ToString, key: &str, value: &str, problem: impl ToString) -> Fault {
        let value =
            if holds_secret(key) && !value.is_empty() { "[REDACTED]".to_owned() } else { excerpt(value) };
        Fault { place: place.to_string(), key: excerpt(key), value, problem: problem.to_string() }
    }

    fn assignment(&mut self, assignment: &str) {
        let (key, text) = assignment.split_once('=').unwrap_or((assignment, ""));
        // The quotes that a file needs around a symbol may stand here too.
        let key = key.trim().replace(['"', '\''], "");
        let complete = assignment.contains('=');
        if complete && key.contains('.') {
            return self.text_value("--set", &key, text.trim(), Typed::Toml);
        }
        let ends_so = |known: &&String| known.rsplit('.').next() == Some(key.as_str());
        let meant = self.values.keys().find(ends_so).or(self.values.keys().find(|known| **known == key));
        let problem = match meant {
            Some(known) => format!("allowed: --set section.key=value; did you mean {known}=…?"),
            // What stands here may be a secret without its key: it is not repeated.
            None => "allowed: --set section.key=value".to_owned(),
        };
        let (key, text) =
            if meant.is_some() || holds_secret(&key) { (key.as_str(), text.trim()) } else { ("", "") };
        // Without `=` all of it is the key, and who can say what was meant to be one.
        let key = if complete || meant.is_some() { key } else { "" };
        self.faults.push(Self::fault("--set", key, text, problem));
    }

    fn text_value(&mut self, flag: &str, key: &str, text: &str, typed: Typed) {
        // A key that wants a text gets the text as typed, even if it looks like a number.
        let spec = self.schema.key(key);
        let wants_text = spec.is_some_and(|spec| matches!(spec.default, Value::Text(_)));
        let parsed = if wants_text && typed == Typed::Plain { None } else { toml_value(text) };
        let value = match parsed {
            Some(Ok(value @ Value::Text(_))) => value,
            Some(Ok(value)) if !wants_text => value,
            Some(Err(why)) if !wants_text && spec.is_some() => {
                let allowed = spec.map(|spec| spec.allowed.to_string()).unwrap_or_default();
                let problem = format!("allowed: {allowed}; {why}");
                return self.faults.push(Self::fault(flag, key, text, problem));
            }
            _ => Value::Text(text.to_owned()),
        };
        if let Some((section, _)) = key.rsplit_once('.')
            && spec.is_some()
        {
            add_defaults(&mut self.values, self.schema, section, &[]);
        }
        if let Err(problem) = self.put(key, value, Origin::Flag(flag.to_owned())) {
            self.faults.push(Self::fault(flag, key, text, problem));
        }
    }

    /// Puts a value in, or says why not.
    pub(super) fn put(&mut self, dotted: &str, value: Value, origin: Origin) -> Result<(), String> {
        if holds_secret(dotted) {
            return Err(
                "secrets are not kept in the configuration: put it into an environment variable".to_owned()
            );
        }
        let Some(spec) = self.schema.key(dotted) else {
            return Err(format!("unknown key{}", self.key_hint(dotted)));
        };
        let value = spec.allowed.accept(value)?;
        self.values.insert(dotted.to_owned(), (value, origin));
        Ok(())
    }

    pub(super) fn key_hint(&self, dotted: &str) -> String {
        let (section, key) = dotted.rsplit_once('.').unwrap_or(("", dotted));
        if let Some(spec) = self.schema.section(section) {
            return suggestion(key, spec.keys.iter().map(|k| k.name.as_str()));
        }
        let elsewhere = self.values.keys().find(|known| known.rsplit('.').next() == Some(key));
        match elsewhere.map(String::as_str).filter(|_| section.is_empty()) {
            Some(known) => format!("; did you mean {known}?"),
            None => match nearest(dotted, self.values.keys().map(String::as_str)) {
                Some(near) => format!("; did you mean {near}?"),
                None if section.is_empty() => "; a key stands in a section, as in section.key".to_owned(),
                None => {
                    let sections = self.schema.sections.iter().map(|s| s.name.as_str());
                    format!("; there is no section {}{}", excerpt(section), suggestion(section, sections))
                }
            },
        }
    }
}

/// The single TOML value that a text is, if it is one.
fn toml_value(text: &str) -> Option<Result<Value, String>> {
    let document = format!("value = {text}");
    let table = DeTable::parse(&document).ok()?;
    let mut entries = table.get_ref().iter();
    match (entries.next(), entries.next()) {
        (Some((_, value)), None) => Some(Value::from_toml(value.get_ref())),
        _ => None,
    }
}

pub(super) fn suggestion<'a>(text: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(text, known.clone()) {
        Some(near) => format!("; did you mean {near}?"),
        None => {
            let known: Vec<&str> = known.take(40).collect();
            format!("; allowed: {}", known.join(", "))
        }
    }
}
