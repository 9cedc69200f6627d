//! Files that are hardly TOML, or TOML of a kind that nobody asked for.

use super::*;

#[test]
fn faults_of_syntax_have_their_line_and_hide_what_follows_from_them() {
    let found = faults("[live_risk]\nmax_order_notional = abc\nmax_open_positions = 0\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with(
            "config.toml:2: live_risk.max_order_notional: not TOML: string values must be quoted"
        )
    );
    assert!(found[1].starts_with("config.toml:3: live_risk.max_open_positions = 0: allowed:"));

    for (content, line) in [
        ("[outer\na = true\n", 1),
        ("[outer]\na = \n", 2),
        ("[outer]\na = true z = true\n", 2),
        ("[outer]\n\n= true\n", 3),
        ("[outer]\na true\n", 2),
        ("[outer.kinds]\nnote = \"unclosed\ncount = 1\n", 2),
        ("[outer.kinds]\nnote = 'bell\u{7}'\n", 2),
        ("[outer]\na = tru\n", 2),
        ("[outer]]\na = true\n", 1),
        ("[outer]\na = True\n", 2),
        ("[outer]\na : true\n", 2),
        ("[outer.kinds]\ncount = 007\n", 2),
        ("[outer.kinds]\nclosed = .5\n", 2),
        ("[outer.kinds]\nclosed = 0,5\n", 2),
    ] {
        let found = faults(content);
        assert_eq!(found.len(), 1, "{content:?}: {found:?}");
        assert!(found[0].starts_with(&format!("config.toml:{line}: ")), "{content:?}: {found:?}");
        assert!(found[0].contains("not TOML: "), "{content:?}: {found:?}");
    }
}

#[test]
fn the_same_thing_twice_is_a_fault() {
    for (content, line, key) in [
        ("[outer]\na = true\na = true\n", 3, "a"),
        ("[outer]\na = true\n[outer]\nz = false\n", 3, "outer"),
        ("outer.a = true\n[outer]\nz = false\n", 2, "outer"),
        ("outer = { a = true, a = true }", 1, "a"),
        ("[outer]\na = true\n\"a\" = false\n", 3, "\"a\""),
        ("[instrument.\"BTC/EUR\"]\ntick_size = 1\n[instrument.'BTC/EUR']\n", 3, "'BTC/EUR'"),
    ] {
        let found = faults(content);
        assert_eq!(found.len(), 1, "{content:?}: {found:?}");
        assert!(found[0].starts_with(&format!("config.toml:{line}: ")), "{found:?}");
        assert!(found[0].ends_with(&format!("not TOML: duplicate key: {key}")), "{found:?}");
    }
}

#[test]
fn a_limit_cannot_be_set_twice_by_quotes() {
    // TOML takes these for different names; a limit that one of them wins silently is no limit.
    for (content, fault) in [
        (
            "\"live_risk.max_order_notional\" = 900\n[live_risk]\nmax_order_notional = 5\n",
            "config.toml:1: live_risk.max_order_notional = 900: unknown key; without quotes live_risk.max_order_notional is one",
        ),
        (
            "[outer]\n\"kinds.count\" = 5\n",
            "config.toml:2: outer.kinds.count = 5: unknown key; without quotes outer.kinds.count is one",
        ),
        (
            "[\"outer.kinds\"]\ncount = 5\n",
            "config.toml:1: outer.kinds: unknown section; without quotes [outer.kinds] is one",
        ),
    ] {
        assert_eq!(faults(content), [fault]);
    }
    let found = faults("\"live_risk.x\" = 1");
    assert!(
        found[0].starts_with("config.toml:1: live_risk.x = 1: unknown key; allowed: base_currency"),
        "{found:?}"
    );
}

#[test]
fn instances_are_symbols() {
    let config =
        load_file("[instrument.\"A.B/EUR\"]\nlot_size = 0.5\n[instrument]\n'C/D' = { tick_size = 2 }")
            .unwrap();
    assert_eq!(config.decimal("instrument.A.B/EUR.lot_size"), Decimal::new(5, 1));
    assert_eq!(config.decimal("instrument.A.B/EUR.tick_size"), Decimal::new(1, 8));
    assert_eq!(config.decimal("instrument.C/D.tick_size"), Decimal::TWO);
    assert_eq!(config.section("instrument").count(), 7 * 4);

    let allowed = "allowed: BASE/QUOTE in quotes, as in [instrument.\"BTC/EUR\"]";
    for (content, fault) in [
        ("[instrument.btc]\n", "config.toml:1: instrument.btc: unknown section; "),
        ("[instrument.BTC.EUR]\n", "config.toml:1: instrument.BTC: unknown section; "),
        ("[instrument.A.\"B/EUR\"]\n", "config.toml:1: instrument.A: unknown section; "),
        ("[instrument.\"\"]\n", "config.toml:1: instrument.: unknown section; "),
        ("[instrument.\"btc/eur\"]\n", "config.toml:1: instrument.btc/eur: unknown section; "),
        ("[[instrument]]\ntick_size = 1\n", "config.toml:1: instrument: this is a section; "),
        ("instrument = 5\n", "config.toml:1: instrument = 5: this is a section; "),
    ] {
        assert_eq!(faults(content), [format!("{fault}{allowed}")]);
    }
    assert_eq!(
        faults("[instrument]\ntick_size = 1\n"),
        [
            "config.toml:2: instrument.tick_size = 1: unknown key; allowed here: a section, BASE/QUOTE in quotes, as in [instrument.\"BTC/EUR\"]"
        ]
    );
    assert_eq!(
        faults("[instrument.\"BTC/EUR\".FOO]\ntick_size = 1\n"),
        ["config.toml:1: instrument.BTC/EUR.FOO: unknown section; no sections are allowed in here"]
    );
    assert_eq!(
        faults("[instrument.\"BTC/EUR\"]\ntik_size = 1\n"),
        ["config.toml:2: instrument.BTC/EUR.tik_size = 1: unknown key; did you mean tick_size?"]
    );
}

#[test]
fn lists_of_tables_are_no_sections() {
    assert_eq!(
        faults("[[outer]]\na = true\n[[outer]]\na = false\n[[nowhere]]\n"),
        [
            "config.toml:1: outer: this is a section; allowed: [outer], once and in single brackets",
            "config.toml:5: nowhere: unknown key; a key stands in a section, as in section.key",
        ]
    );
}

#[test]
fn every_way_to_write_a_table_leads_to_the_same_value() {
    for content in [
        "live_risk.max_order_notional = 5",
        "[live_risk]\nmax_order_notional = 5.0",
        "live_risk = { max_order_notional = \"5\" }",
        "\"live_risk\".'max_order_notional' = 0x5",
        "[ live_risk ] # limits\n\tmax_order_notional\t=\t50e-1 # five",
        "\u{feff}[live_risk]\r\nmax_order_notional = 5\r\n",
        "\r\n\r\n[live_risk]\r\nmax_order_notional = 5",
    ] {
        let config = load_file(content).unwrap();
        assert_eq!(
            config.get("live_risk.max_order_notional"),
            Some(&Value::Decimal(Decimal::from(5))),
            "{content:?}"
        );
        assert_eq!(config.settings(&["live_risk"])["live_risk.max_order_notional"], "5.0", "{content:?}");
    }
    assert!(load_file("[strategy]\n").is_err());
    assert!(load_file("[outer]\n[outer.kinds]\n").is_ok());
}

#[test]
fn lines_are_counted_with_either_line_end() {
    for (ends, name) in [("\n", "LF"), ("\r\n", "CRLF")] {
        let content = ["\u{feff}# head", "", "[outer]", "a = 1", "# ä€😀", "z = 2"].join(ends);
        let found = faults(content);
        assert!(found[0].starts_with("config.toml:4: outer.a = 1:"), "{name}: {found:?}");
        assert!(found[1].starts_with("config.toml:6: outer.z = 2:"), "{name}: {found:?}");
    }
    let config = load_file("\r\n\r\n[outer]\r\n\r\na = true\r\n").unwrap();
    assert_eq!(origin(&config, "outer.a"), "config.toml:5");
}

#[test]
fn nothing_written_is_nothing_changed() {
    let expected = load_set(&[]).unwrap();
    for content in ["", "\n", "\u{feff}", "# only a comment", "   \t\r\n", "[outer]\n"] {
        let config = load_file(content).unwrap();
        assert_eq!(config.settings(&["outer", "live_risk"]), expected.settings(&["outer", "live_risk"]));
    }
}

#[test]
fn what_is_no_text_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |file: PathBuf| {
        let error = load(&schema(), &Layers { file: Some(file), ..Layers::default() }).unwrap_err();
        assert_eq!(error.faults.len(), 1, "{error}");
        let fault = &error.faults[0];
        assert!(fault.key.is_empty() && fault.value.is_empty(), "{fault}");
        fault.to_string()
    };
    let absent = folder.path().join("absent.toml");
    assert_eq!(
        refuse(absent.clone()),
        format!("{}: cannot be read: No such file or directory (os error 2)", absent.display())
    );
    assert!(refuse(folder.path().to_path_buf()).contains("cannot be read: Is a directory"));

    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    assert!(refuse(write("latin1", b"[outer]\n# \xe4\n")).contains("is not UTF-8 text (line 2, byte 10)"));
    assert!(refuse(write("utf16", b"\xff\xfe[\0o\0")).contains("is not UTF-8 text (line 1, byte 0)"));
    let two_mib = vec![b'#'; 2 * 1024 * 1024];
    assert!(refuse(write("large", &two_mib)).contains("is too large; allowed: up to 1048576 bytes"));
    assert!(refuse(write("one over", &two_mib[..1024 * 1024 + 1])).contains("is too large"));
    let just = write("just", &two_mib[..1024 * 1024]);
    assert!(load(&schema(), &Layers { file: Some(just), ..Layers::default() }).is_ok());
    // States a size of nought and never ends.
    #[cfg(target_os = "linux")]
    assert!(refuse(PathBuf::from("/dev/zero")).contains("is too large"));
}

#[test]
fn depth_and_mass_end_in_faults() {
    let many_keys: String = (0..90_000).map(|i| format!("k{i}=1\n")).collect();
    for content in [
        "[".repeat(300_000),
        format!("a={}", "[".repeat(300_000)),
        format!("outer.a={}1{}", "[".repeat(79), "]".repeat(79)),
        format!("a={}", "{a=".repeat(200_000)),
        format!("[{}a]", "a.".repeat(300_000)),
        format!("{}a=1", "outer.".repeat(100_000)),
        format!("[outer.{}a]\n{}b=1", "a.".repeat(70), "c.".repeat(70)),
        format!("{} = 1", "x".repeat(1_000_000)),
        format!("[outer]\n{many_keys}"),
        "\"".repeat(500_000),
        "a=1\n".repeat(20_000),
        "[outer]\n".repeat(20_000),
    ] {
        let found = faults(&content);
        assert!(found.iter().all(|fault| fault.chars().count() < 2_000), "{}", &content[..20]);
    }
}
