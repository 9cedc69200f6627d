//! Each kind of fault: where, which key, which value, what is allowed.

use super::*;

#[test]
fn unknown_keys_and_sections_suggest_what_was_meant() {
    let found = faults(
        "[live_risk]\nmax_order_notionl = 5\n\n[live_rsk]\nmax_order_notional = 5\n[outer.kindz]\n[zzzzzz]\n[outer]\nqqqqqq = true\n",
    );
    assert_eq!(
        found[0],
        "config.toml:2: live_risk.max_order_notionl = 5: unknown key; did you mean max_order_notional?"
    );
    assert_eq!(found[1], "config.toml:4: live_rsk: unknown section; did you mean live_risk?");
    assert_eq!(found[2], "config.toml:6: outer.kindz: unknown section; did you mean outer.kinds?");
    assert!(
        found[3].starts_with("config.toml:7: zzzzzz: unknown section; allowed: environment, shadow_paper,"),
        "{found:?}"
    );
    assert_eq!(found[4], "config.toml:9: outer.qqqqqq = true: unknown key; allowed: a, z");
    assert_eq!(found.len(), 5);
}

#[test]
fn a_key_outside_of_its_section_is_led_home() {
    assert_eq!(
        faults("max_order_notional = 5\nxyzzy = 1\nlive_risk = 5"),
        [
            "config.toml:1: max_order_notional = 5: unknown key; did you mean live_risk.max_order_notional?",
            "config.toml:2: xyzzy = 1: unknown key; a key stands in a section, as in section.key",
            "config.toml:3: live_risk = 5: this is a section; allowed: [live_risk]",
        ]
    );
}

#[test]
fn wrong_types_say_what_is_allowed_and_what_stands_there() {
    let number = "a number from -2 to 2.5";
    let count = "a whole number from -3 to 7";
    let cases = [
        ("yes", "1", "true or false; this is a whole number"),
        ("yes", "\"true\"", "true or false; this is a text"),
        ("count", "true", &format!("{count}; this is true or false")),
        ("count", "1.0", &format!("{count}; this is a number with a point")),
        ("count", "1e0", &format!("{count}; this is a number with a point")),
        ("count", "\"1\"", &format!("{count}; this is a text")),
        ("count", "[1]", &format!("{count}; this is a list")),
        ("count", "{ a = 1 }", &format!("{count}; this is a table")),
        ("closed", "false", &format!("{number}; this is true or false")),
        ("closed", "\"a lot\"", &format!("{number}; this is no number")),
        ("closed", "\"\"", &format!("{number}; this is no number")),
        ("closed", "2024-01-01", &format!("{number}; this is no number")),
        ("closed", "inf", &format!("{number}; this is not a finite number")),
        ("closed", "-inf", &format!("{number}; this is not a finite number")),
        ("closed", "nan", &format!("{number}; this is not a finite number")),
        ("closed", "[[1]]", &format!("{number}; this is a list")),
        ("word", "2", "one of one, 2, true; this is a whole number"),
        ("word", "\"three\"", "one of one, 2, true"),
        ("note", "5", "a text; this is a whole number"),
    ];
    for (key, value, expected) in cases {
        let shown = if value.starts_with(['[', '{']) { String::new() } else { format!(" = {value}") };
        let expected = format!("config.toml:3: outer.kinds.{key}{shown}: allowed: {expected}");
        assert_eq!(faults(format!("\n[outer.kinds]\n{key} = {value}\n")), [expected]);
    }
}

#[test]
fn both_bounds_hold_open_and_closed() {
    let cases: [(&str, &[&str], &[&str], &str); 5] = [
        (
            "closed",
            &["-2", "-2.0", "2.5", "25e-1", "0"],
            &["-2.0000000001", "2.50000001", "-3"],
            "from -2 to 2.5",
        ),
        ("open_below", &["-1.9999999", "2.5"], &["-2", "-2.00", "\"-2\"", "2.6"], "above -2 to 2.5"),
        ("open_above", &["-2", "2.4999999"], &["2.5", "2.50", "250e-2", "-2.1"], "from -2 below 2.5"),
        ("open", &["-1.99999", "2.4999"], &["-2", "2.5"], "above -2 below 2.5"),
        ("count", &["-3", "7", "0x7", "0o7", "0b111", "+7", "-0"], &["-4", "8", "0x8"], "from -3 to 7"),
    ];
    for (key, inside, outside, range) in cases {
        for value in inside {
            let config = load_file(format!("[outer.kinds]\n{key} = {value}"));
            assert!(config.is_ok(), "{key} = {value}: {config:?}");
        }
        for value in outside {
            let found = faults(format!("[outer.kinds]\n{key} = {value}"));
            let whole = if key == "count" { "whole " } else { "" };
            let expected =
                format!("config.toml:2: outer.kinds.{key} = {value}: allowed: a {whole}number {range}");
            assert_eq!(found, [expected]);
        }
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    let decimal = |text: &str| {
        let config = load_file(format!("outer.kinds.any_number = {text}")).map_err(|e| e.to_string())?;
        Ok::<String, String>(config.decimal("outer.kinds.any_number").to_string())
    };
    for (text, expected) in [
        ("0xFF", "255"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1_000.5_0", "1000.5"),
        ("0.10", "0.1"),
        ("-0.0", "0"),
        ("0e9999999999999999999", "0"),
        ("1e-28", "0.0000000000000000000000000001"),
        ("7e28", "70000000000000000000000000000"),
        ("\"0.1\"", "0.1"),
        ("9223372036854775807", "9223372036854775807"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
    ] {
        assert_eq!(decimal(text).as_deref(), Ok(expected), "{text}");
    }
    for (text, why) in [
        ("1e-29", "more digits than the 28"),
        ("0.00000000000000000000000000001", "more digits than the 28"),
        // Rounding this without a word would make another number of it.
        ("123456789.123456789123456789123456e2", "more digits than the 28"),
        ("1e29", "too large"),
        ("1e99999999999999999999", "too large"),
        ("79228162514264337593543950336", "too large"),
        ("0xFFFFFFFFFFFFFFFF", "64 bits"),
        ("\"1e\"", "this is no number"),
        ("\"1.2.3\"", "this is no number"),
        ("\"1,5\"", "this is no number"),
        ("\"e5\"", "this is no number"),
        ("\"0x5\"", "this is no number"),
    ] {
        assert!(decimal(text).is_err_and(|e| e.contains(why)), "{text}: {:?}", decimal(text));
    }
}

#[test]
fn whole_numbers_reach_to_both_ends() {
    for text in [i64::MIN.to_string(), i64::MAX.to_string(), "0x7FFFFFFFFFFFFFFF".to_owned()] {
        assert!(load_file(format!("outer.kinds.any_count = {text}")).is_ok(), "{text}");
    }
    for text in
        ["-9223372036854775809", "9223372036854775808", "0xFFFFFFFFFFFFFFFF", "1000000000000000000000000"]
    {
        let found = faults(format!("outer.kinds.any_count = {text}"));
        assert!(found[0].contains("any_count") && found[0].contains("64 bits"), "{found:?}");
    }
}

#[test]
fn texts_are_checked_by_what_they_mean() {
    let found = faults(
        "[shadow_paper]\nsymbol = \"btc\"\ntimeframe = \"2m\"\nspeed = \"fast\"\nstrategy = \" \"\n[synthetic]\nstart_time = \"yesterday\"\n",
    );
    for (fault, (line, key, allowed)) in found.iter().zip([
        (2, "shadow_paper.symbol = \"btc\"", "BASE/QUOTE"),
        (3, "shadow_paper.timeframe = \"2m\"", "one of 1m, 5m"),
        (4, "shadow_paper.speed = \"fast\"", "max, realtime, or a factor as in 60x"),
        (5, "shadow_paper.strategy = \" \"", "it is blank"),
        (7, "synthetic.start_time = \"yesterday\"", "2024-01-01T00:00:00Z"),
    ]) {
        assert!(fault.starts_with(&format!("config.toml:{line}: {key}: allowed: ")), "{fault}");
        assert!(fault.contains(allowed), "{fault}");
    }
    assert_eq!(found.len(), 5);
}

#[test]
fn broken_rules_name_both_values_and_where_they_come_from() {
    assert_eq!(
        faults("[live_risk]\nmax_order_notional = 3000\n"),
        [
            "config.toml:2: live_risk.max_order_notional = 3000: allowed: live_risk.max_order_notional <= live_risk.max_symbol_exposure_notional (beside live_risk.max_symbol_exposure_notional = 2000, default)"
        ]
    );
    // Only the larger one was set: the fault stands there.
    assert_eq!(
        faults("[live_risk]\nmax_symbol_exposure_notional = 500\n"),
        [
            "config.toml:2: live_risk.max_symbol_exposure_notional = 500: allowed: live_risk.max_order_notional <= live_risk.max_symbol_exposure_notional (beside live_risk.max_order_notional = 1000, default)"
        ]
    );
    assert_eq!(
        set_faults(&["outer.a=true", "outer.z=true"]),
        ["--set: outer.a = true: allowed: not both true (beside outer.z = true, --set)"]
    );
    assert!(load_set(&["outer.a=true"]).is_ok());
}

#[test]
fn a_value_that_is_at_fault_breaks_no_rule_as_well() {
    assert_eq!(faults("[live_risk]\nmax_order_notional = -1\nmax_symbol_exposure_notional = 1").len(), 1);
}

#[test]
fn all_faults_come_at_once_in_the_order_of_their_lines() {
    let (_folder, file) = folder(
        "[outer]\nz = true\na = true\n[live_risk]\nmax_open_positions = 0\nmax_order_notionl = 1\nmax_daily_loss_pct = abc\nmax_daily_loss_abs = \"x\"\n[nowhere]\n[actors]\narbiters = 9\n[instrument.BTC]\ntick_size = 1\n",
    );
    let layers = Layers {
        file: Some(file),
        set: vec!["logging.level=loud".into(), "nonsense".into()],
        flags: vec![("--seed", "shadow_paper.seed".into(), "-1".into())],
    };
    let error = load(&schema(), &layers).unwrap_err();
    let places: Vec<String> =
        error.faults.iter().map(|f| format!("{} {}", bare(f).split(": ").next().unwrap(), f.key)).collect();
    assert_eq!(
        places,
        [
            "config.toml:5 live_risk.max_open_positions",
            "config.toml:6 live_risk.max_order_notionl",
            "config.toml:7 live_risk.max_daily_loss_pct",
            "config.toml:8 live_risk.max_daily_loss_abs",
            "config.toml:9 nowhere",
            "config.toml:11 actors.arbiters",
            "config.toml:12 instrument.BTC",
            "--set logging.level",
            "--set ",
            "--seed shadow_paper.seed",
            "config.toml:3 outer.a",
        ]
    );
    let text = error.to_string();
    assert!(text.starts_with("the configuration has 11 faults:\n  "), "{text}");
    assert_eq!(text.lines().count(), 12);
}

#[test]
fn long_values_are_cut_and_nothing_reaches_the_terminal() {
    let found = faults(format!(
        "[outer.kinds]\ncount = \"{}\"\nclosed = \"\"\"a\nb\"\"\"\nword = \"\u{9b}2J\"\n\"\\u001b[2J\" = 1",
        "x".repeat(5000)
    ));
    assert_eq!(found.len(), 4);
    for fault in &found {
        assert!(fault.chars().count() < 300 && !fault.chars().any(char::is_control), "{fault:?}");
    }
    assert!(found[0].contains("xxx…"));
    assert!(found[1].contains("\"\"\"a\\nb\"\"\""));
}
