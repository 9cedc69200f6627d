//! What is rendered reads back as the same values.

use proptest::prelude::*;

use super::super::{render_default_file, render_json, render_text};
use super::*;

const SECTIONS: [&str; 12] = [
    "environment",
    "shadow_paper",
    "live_risk",
    "paper_venue",
    "data_quality",
    "synthetic",
    "instrument",
    "shadow_paper_logging",
    "registry",
    "actors",
    "logging",
    "outer",
];

fn rows(config: &Config) -> Vec<(String, Value)> {
    let rows = render_json(&schema(), config);
    let key = |row: &serde_json::Value| row["key"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(|row| (key(row), config.get(&key(row)).unwrap().clone())).collect()
}

fn as_set(config: &Config) -> Vec<String> {
    config.settings(&SECTIONS).into_iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// A configuration in which no value is the default one where it can be helped.
fn unusual() -> Config {
    load_file(
        "[outer]\na = true\n[outer.kinds]\nnote = '''a \"b\" 'c' \\ #\n= '''\ncount = -3\nclosed = -1.25\n[instrument.\"A.B/EUR\"]\ntick_size = 0.25\n[instrument.\"BTC/EUR\"]\nmin_notional = 7\n[shadow_paper]\nsymbol = \"A.B/EUR\"\nstart_balance = 123456.789\n",
    )
    .unwrap()
}

#[test]
fn settings_go_through_set() {
    for config in [load_set(&[]).unwrap(), unusual()] {
        let set = as_set(&config);
        assert_eq!(set.len(), rows(&config).len(), "a section is missing above");
        let again = load(&schema(), &Layers { set, ..Layers::default() }).unwrap();
        assert_eq!(rows(&again), rows(&config));
        assert_eq!(again.settings(&SECTIONS), config.settings(&SECTIONS));
        assert!(rows(&again).iter().all(|(key, _)| origin(&again, key) == "--set"));
    }
}

#[test]
fn shown_text_is_a_configuration_file() {
    for config in
        [load_set(&[]).unwrap(), unusual(), load_set(&["outer.kinds.note=\"\\u001b\\n[outer]\\r\""]).unwrap()]
    {
        let text = render_text(&config);
        let again = load_file(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(rows(&again), rows(&config));
        assert_eq!(render_text(&again).lines().count(), text.lines().count());
    }
}

#[test]
fn a_file_s_odd_name_does_not_break_what_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd\nname = 5 # \u{1b}.toml");
    std::fs::write(&file, "[outer]\na = true").unwrap();
    let config = load(&schema(), &Layers { file: Some(file), ..Layers::default() }).unwrap();
    assert!(load_file(render_text(&config)).is_ok());
}

#[test]
fn sections_within_sections_are_shown_once() {
    // The keys of outer.kinds stand between outer.a and outer.z.
    let text = render_text(&load_set(&[]).unwrap());
    assert_eq!(text.lines().filter(|line| *line == "[outer]").count(), 1);
    assert_eq!(text.lines().filter(|line| *line == "[outer.kinds]").count(), 1);
}

#[test]
fn the_default_file_changes_nothing() {
    let file = render_default_file(&schema());
    let config = load_file(&file).unwrap_or_else(|e| panic!("{e}\n{file}"));
    let compiled_in = load_set(&[]).unwrap();
    assert_eq!(rows(&config), rows(&compiled_in));
    assert_eq!(config.settings(&SECTIONS), compiled_in.settings(&SECTIONS));
    assert!(rows(&config).iter().all(|(key, _)| origin(&config, key).starts_with("config.toml:")));
    let overlong = file.lines().find(|line| line.starts_with('#') && line.chars().count() > 100);
    assert_eq!(overlong, None);
}

#[test]
fn every_default_is_allowed() {
    // Setting a value says whether it is allowed; a default is never asked otherwise.
    for (key, value) in rows(&load_set(&[]).unwrap()) {
        let set = load_set(&[&format!("{key}={value}")]);
        assert_eq!(set.map(|config| config.get(&key).cloned()).unwrap_or_default(), Some(value), "{key}");
    }
}

#[test]
fn json_keeps_numbers_exact() {
    let config =
        load_set(&["outer.kinds.any_number=0.1234567890123456789012345678", "outer.kinds.count=-3"]).unwrap();
    let json = render_json(&schema(), &config);
    let row = |key: &str| json.as_array().unwrap().iter().find(|row| row["key"] == key).unwrap().clone();
    assert_eq!(row("outer.kinds.any_number")["value"], "0.1234567890123456789012345678");
    assert_eq!(row("outer.kinds.count")["value"], -3);
    assert_eq!(row("outer.kinds.count")["origin"], "--set");
    assert_eq!(row("outer.kinds.count")["allowed"], "a whole number from -3 to 7");
    assert_eq!(row("live_risk.max_order_notional")["unit"], "quote currency");
}

fn values() -> impl Strategy<Value = (&'static str, Value)> {
    let decimal = (any::<i64>(), any::<i32>(), 0_u32..=28).prop_map(|(low, high, scale)| {
        Decimal::from_i128_with_scale((i128::from(high) << 64) + i128::from(low), scale)
    });
    let text = prop_oneof![
        any::<String>(),
        "[\"'\\\\#=\n\r\t\\[\\] 0-9a-z.]{0,30}",
        "-?[0-9]{1,30}(\\.[0-9]{1,5})?(e[0-9])?"
    ];
    prop_oneof![
        any::<bool>().prop_map(|b| ("yes", Value::Bool(b))),
        any::<i64>().prop_map(|n| ("any_count", Value::Integer(n))),
        decimal.prop_map(|d| ("any_number", Value::Decimal(d.normalize()))),
        text.prop_map(|t| ("note", Value::Text(t))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_value_reads_back_as_itself((key, value) in values()) {
        let key = format!("outer.kinds.{key}");
        let line = format!("{key} = {value}");
        prop_assert_eq!(line.lines().count(), 1);
        for config in [load_file(&line), load_set(&[&line])] {
            let config = config.unwrap();
            prop_assert_eq!(config.get(&key), Some(&value));
            let set = as_set(&config);
            let again = load(&schema(), &Layers { set, ..Layers::default() }).unwrap();
            prop_assert_eq!(again.settings(&SECTIONS), config.settings(&SECTIONS));
            let shown = load_file(render_text(&config)).unwrap();
            prop_assert_eq!(shown.settings(&SECTIONS), config.settings(&SECTIONS));
        }
    }

    #[test]
    fn a_symbol_s_instance_reads_back(base in "[A-Z0-9][A-Z0-9.]{0,9}", quote in "[A-Z0-9][A-Z0-9.]{0,9}", cents in 1_i64..1_000_000) {
        let key = format!("instrument.{base}/{quote}.tick_size");
        let config = load_set(&[&format!("{key}={}", Decimal::new(cents, 2))]).unwrap();
        let shown = load_file(render_text(&config)).unwrap();
        prop_assert_eq!(shown.decimal(&key), Decimal::new(cents, 2));
        prop_assert_eq!(rows(&shown), rows(&config));
    }
}
