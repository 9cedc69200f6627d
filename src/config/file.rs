//! The configuration file: reading it, and walking what it holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, printable};
use super::load::{Loading, add_defaults, suggestion};
use super::resolved::Origin;
use super::value::Value;

/// Nobody writes a configuration this large; somebody may name the wrong file.
const MAX_BYTES: u64 = 1024 * 1024;

/// Lines of a text by byte offset.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect())
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

/// Where in the schema a table of the file stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// A section, or on the way to one: sections may follow.
    Path,
    /// An instance: only keys may follow.
    Instance,
}

pub(super) struct FileLayer<'a, 's> {
    loading: &'a mut Loading<'s>,
    name: String,
    text: &'a str,
    lines: Lines,
    /// Faults of syntax by line; a line that is no TOML is not judged any further.
    syntax: BTreeMap<usize, Fault>,
    faults: Vec<(usize, Fault)>,
}

impl<'a, 's> FileLayer<'a, 's> {
    /// Puts the values of a file into `loading`, and its faults in the order of their lines.
    pub(super) fn load(path: &Path, loading: &'a mut Loading<'s>) {
        let name = printable(&path.display().to_string());
        let text = match read(path) {
            Ok(text) => text,
            Err(why) => return loading.faults.push(Loading::fault(name, "", "", why)),
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        let mut layer = FileLayer {
            loading,
            name,
            text: &text,
            lines: Lines::of(&text),
            syntax: BTreeMap::new(),
            faults: Vec::new(),
        };
        for error in errors {
            let span = error.span().unwrap_or_default();
            let line = layer.lines.at(span.start);
            // The message alone: what stands there may be a secret.
            let which = match error.message() {
                "duplicate key" => text.get(span).map(|key| format!(": {key}")).unwrap_or_default(),
                _ => String::new(),
            };
            let problem = printable(&format!("not TOML: {}{which}", error.message()));
            let fault = Loading::fault(format!("{}:{line}", layer.name), "", "", problem);
            // One slip makes the parser say several things about the same line.
            layer.syntax.entry(line).or_insert(fault);
        }
        layer.table(table.get_ref(), "", Inside::Path);
        let FileLayer { loading, mut faults, syntax, .. } = layer;
        faults.extend(syntax);
        faults.sort_by_key(|(line, _)| *line);
        loading.faults.extend(faults.into_iter().map(|(_, fault)| fault));
    }

    fn fault(&mut self, line: usize, key: &str, value: &str, problem: impl ToString) {
        let fault = Loading::fault(format!("{}:{line}", self.name), key, value, problem);
        self.faults.push((line, fault));
    }

    fn table(&mut self, table: &DeTable<'_>, section: &str, inside: Inside) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            let dotted = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let line = self.lines.at(key.span().start);
            let broken = self.is_broken(&dotted, key.span().start, value);
            match value.get_ref() {
                DeValue::Table(inner) => self.inner(inner, section, name, &dotted, inside, (line, broken)),
                _ if broken => {}
                _ => self.value(value, section, name, &dotted, line),
            }
        }
    }

    /// True when a line of this entry is no TOML, so that what the parser made of it means
    /// nothing. The fault of syntax then gets the key.
    fn is_broken(&mut self, dotted: &str, key: usize, value: &Spanned<DeValue<'_>>) -> bool {
        let span = value.span();
        let lines: RangeInclusive<usize> =
            self.lines.at(key.min(span.start))..=self.lines.at(key.max(span.end));
        let mut found = false;
        for fault in self.syntax.range_mut(lines).map(|(_, fault)| fault) {
            found = true;
            if fault.key.is_empty() && !matches!(value.get_ref(), DeValue::Table(_)) {
                *fault = Loading::fault(&fault.place, dotted, "", &fault.problem);
            }
        }
        found
    }

    fn inner(
        &mut self,
        table: &DeTable<'_>,
        section: &str,
        name: &str,
        dotted: &str,
        inside: Inside,
        (line, broken): (usize, bool),
    ) {
        let schema = self.loading.schema;
        let known_key = schema.key(dotted).map(|spec| spec.allowed.to_string());
        let problem = if let Some((_, instances)) = schema.template(section) {
            match (instances.check)(name) {
                Ok(()) => {
                    add_defaults(&mut self.loading.values, schema, dotted, &[]);
                    return self.table(table, dotted, Inside::Instance);
                }
                Err(_) => format!("unknown section; allowed: {}", instances.allowed),
            }
        } else if let Some(allowed) = known_key {
            format!("allowed: {allowed}; this is a table")
        } else if inside == Inside::Instance {
            "unknown section; no sections are allowed in here".to_owned()
        } else if !name.contains('.') && schema.leads_somewhere(dotted) {
            return self.table(table, dotted, Inside::Path);
        } else if schema.leads_somewhere(dotted) {
            format!("unknown section; without quotes [{dotted}] is one")
        } else {
            format!("unknown section{}", suggestion(dotted, schema.sections.iter().map(|s| s.name.as_str())))
        };
        if !broken {
            self.fault(line, dotted, "", problem);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, section: &str, name: &str, dotted: &str, line: usize) {
        let schema = self.loading.schema;
        let list = matches!(value.get_ref(), DeValue::Array(_));
        // Lists are not repeated: a secret may stand somewhere in them.
        let written = if list { "" } else { self.text.get(value.span()).unwrap_or_default().trim() };
        if let Some((_, instances)) = schema.template(dotted) {
            return self.fault(
                line,
                dotted,
                written,
                format!("this is a section; allowed: {}", instances.allowed),
            );
        }
        if let Some((_, instances)) = schema.template(section) {
            let problem = format!("unknown key; allowed here: a section, {}", instances.allowed);
            return self.fault(line, dotted, written, problem);
        }
        if name.contains('.') {
            let problem = match schema.key(dotted) {
                Some(_) => format!("unknown key; without quotes {dotted} is one"),
                None => format!("unknown key{}", self.loading.key_hint(dotted)),
            };
            return self.fault(line, dotted, written, problem);
        }
        if schema.key(dotted).is_none() && schema.leads_somewhere(dotted) {
            let many = if list { ", once and in single brackets" } else { "" };
            return self.fault(
                line,
                dotted,
                written,
                format!("this is a section; allowed: [{dotted}]{many}"),
            );
        }
        match (Value::from_toml(value.get_ref()), schema.key(dotted)) {
            (Err(why), Some(spec)) => {
                let problem = format!("allowed: {}; {why}", spec.allowed);
                self.fault(line, dotted, written, problem);
            }
            (read, _) => {
                // Of an unknown key the kind of its value does not matter.
                let read = read.unwrap_or(Value::Bool(false));
                let origin = Origin::File { path: self.name.clone(), line };
                if let Err(problem) = self.loading.put(dotted, read, origin) {
                    self.fault(line, dotted, written, problem);
                }
            }
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let says = |e: std::io::Error| format!("cannot be read: {e}");
    let file = File::open(path).map_err(says)?;
    let mut bytes = Vec::new();
    // Bounded here and not by the size that is stated: devices and pipes state none.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(says)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("is too large; allowed: up to {MAX_BYTES} bytes. Is this the right file?"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let line = e.as_bytes().iter().take(valid).filter(|b| **b == b'\n').count() + 1;
        format!("is not UTF-8 text (line {line}, byte {valid}). Is this the right file?")
    })
}
