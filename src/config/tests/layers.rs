//! What wins over what, and where it says a value came from.

use std::path::Path;

use super::super::find_file;
use super::super::load::base_folder;
use super::*;

#[test]
fn defaults_then_file_then_set_then_flags() {
    let (_folder, file) = folder("[shadow_paper]\nseed = 1\nbars = 1\nwarmup_candles = 1\n");
    let layers = Layers {
        file: Some(file.clone()),
        set: vec![
            "shadow_paper.bars=2".into(),
            "shadow_paper.warmup_candles=2".into(),
            "shadow_paper.bars = 3".into(),
        ],
        flags: vec![("--warmup-candles", "shadow_paper.warmup_candles".into(), "4".into())],
    };
    let config = load(&schema(), &layers).unwrap();
    let row = |key: &str| (config.count(key), origin(&config, key));
    assert_eq!(row("shadow_paper.poll_interval_seconds"), (60, "default".to_owned()));
    assert_eq!(row("shadow_paper.seed"), (1, "config.toml:2".to_owned()));
    assert_eq!(row("shadow_paper.bars"), (3, "--set".to_owned()));
    assert_eq!(row("shadow_paper.warmup_candles"), (4, "--warmup-candles".to_owned()));
    assert_eq!(config.file(), Some(file.as_path()));
    assert_eq!(config.origin("nowhere.at_all"), None);
}

#[test]
fn a_fault_in_a_lower_layer_stays_one() {
    let (_folder, file) = folder("[outer]\na = 1\n");
    let layers = Layers { file: Some(file), set: vec!["outer.a=true".into()], ..Layers::default() };
    assert_eq!(load(&schema(), &layers).unwrap_err().faults.len(), 1);
}

#[test]
fn a_higher_layer_may_mend_a_rule() {
    let (_folder, file) = folder("[live_risk]\nmax_order_notional = 3000\n");
    let layers =
        Layers { file: Some(file), set: vec!["live_risk.max_order_notional=1".into()], ..Layers::default() };
    assert_eq!(load(&schema(), &layers).unwrap().decimal("live_risk.max_order_notional"), Decimal::ONE);
}

#[test]
fn set_takes_toml_or_a_bare_text() {
    for (assignment, expected) in [
        ("outer.kinds.note=plain words", "plain words"),
        ("outer.kinds.note=5", "5"),
        ("outer.kinds.note=1e3", "1e3"),
        ("outer.kinds.note=true", "true"),
        ("outer.kinds.note=2024-01-01", "2024-01-01"),
        ("outer.kinds.note=[1,2]", "[1,2]"),
        ("outer.kinds.note=a=b", "a=b"),
        ("outer.kinds.note=run#1", "run#1"),
        ("outer.kinds.note=", ""),
        ("outer.kinds.note=\"5\"", "5"),
        ("outer.kinds.note=\"a\\nb\"", "a\nb"),
        ("outer.kinds.note='it\\s'", "it\\s"),
        ("outer.kinds.note=\"unclosed", "\"unclosed"),
        ("outer.kinds.note=1\nother = 2", "1\nother = 2"),
        (" outer.kinds.note = x ", "x"),
        ("outer.kinds.word=2", "2"),
        ("outer.kinds.word=true", "true"),
    ] {
        let config = load_set(&[assignment]).unwrap();
        let key = if assignment.contains(".word=") { "outer.kinds.word" } else { "outer.kinds.note" };
        assert_eq!(config.text(key), expected, "{assignment:?}");
    }
    for (assignment, expected) in [
        ("5", "5"),
        ("0x10", "16"),
        ("1e2", "100"),
        ("\"0.5\"", "0.5"),
        ("99999999999999999999", "99999999999999999999"),
        ("1e29", "err"),
    ] {
        let config = load_set(&[&format!("outer.kinds.any_number={assignment}")]);
        let text = config.map_or("err".to_owned(), |c| c.decimal("outer.kinds.any_number").to_string());
        assert_eq!(text, expected, "{assignment}");
    }
}

#[test]
fn set_reaches_instances_with_and_without_quotes() {
    for assignment in [
        "instrument.A.B/EUR.tick_size=5",
        "instrument.\"A.B/EUR\".tick_size=5",
        "instrument.'A.B/EUR'.tick_size = 5",
    ] {
        let config = load_set(&[assignment]).unwrap();
        assert_eq!(config.decimal("instrument.A.B/EUR.tick_size"), Decimal::from(5));
        assert_eq!(config.decimal("instrument.A.B/EUR.lot_size"), Decimal::new(1, 8));
    }
    let found = set_faults(&["instrument.btc.tick_size=5"]);
    assert!(found[0].starts_with("--set: instrument.btc.tick_size = 5: unknown key; "), "{found:?}");
}

#[test]
fn malformed_assignments_say_what_is_allowed() {
    let form = "--set: allowed: --set section.key=value";
    for assignment in ["", "=", "=5", "nonsense", "no=section", " = "] {
        assert_eq!(set_faults(&[assignment]), [form], "{assignment:?}");
    }
    assert_eq!(
        set_faults(&["max_order_notional=5", "live_risk.max_order_notional", "max_open_positions"]),
        [
            "--set: max_order_notional = 5: allowed: --set section.key=value; did you mean live_risk.max_order_notional=…?",
            "--set: live_risk.max_order_notional: allowed: --set section.key=value; did you mean live_risk.max_order_notional=…?",
            "--set: max_open_positions: allowed: --set section.key=value; did you mean live_risk.max_open_positions=…?",
        ]
    );
    assert_eq!(
        set_faults(&[
            "live_rsk.max_order_notional=5",
            "outer.kinds.closed=inf",
            "outer.kinds.count=5.5",
            "outer.kinds.count=[1]",
            "outer.kinds.closed="
        ]),
        [
            "--set: live_rsk.max_order_notional = 5: unknown key; did you mean live_risk.max_order_notional?",
            "--set: outer.kinds.closed = inf: allowed: a number from -2 to 2.5; this is not a finite number",
            "--set: outer.kinds.count = 5.5: allowed: a whole number from -3 to 7; this is a number with a point",
            "--set: outer.kinds.count = [1]: allowed: a whole number from -3 to 7; this is a list",
            "--set: outer.kinds.closed: allowed: a number from -2 to 2.5; this is no number",
        ]
    );
}

#[test]
fn flags_take_texts_as_typed() {
    let with = |key: &str, text: &str| {
        let flags = vec![("--flag", key.to_owned(), text.to_owned())];
        load(&schema(), &Layers { flags, ..Layers::default() })
    };
    for text in ["\"quoted\"", "5", "", " spaces ", "'"] {
        assert_eq!(with("outer.kinds.note", text).unwrap().text("outer.kinds.note"), text);
    }
    let error = with("outer.kinds.count", "many").unwrap_err();
    assert_eq!(
        error.faults[0].to_string(),
        "--flag: outer.kinds.count = many: allowed: a whole number from -3 to 7; this is a text"
    );
}

#[test]
fn folders_stand_beside_the_folder_config() {
    let base_dir = |file: PathBuf| {
        let layers = Layers { file: Some(file), ..Layers::default() };
        load(&schema(), &layers).unwrap().path("shadow_paper_logging.base_dir")
    };
    let (folder, file) = folder("");
    assert_eq!(base_dir(file), folder.path().join("live_runs"));
    let beside = folder.path().join("other.toml");
    std::fs::write(&beside, "").unwrap();
    assert_eq!(base_dir(beside), folder.path().join("live_runs"));
    for (file, base) in [
        ("config/config.toml", ""),
        ("./config/config.toml", "."),
        ("../config/testnet.toml", ".."),
        ("/etc/peak/config/config.toml", "/etc/peak"),
        ("/etc/peak/config.toml", "/etc/peak"),
        ("/config.toml", "/"),
        ("peak.toml", ""),
    ] {
        assert_eq!(base_folder(Some(Path::new(file))), Path::new(base), "{file}");
    }
    // From within `config/` a name alone does not say where it is.
    let (folder, _file) = super::folder("");
    let inside = folder.path().join("config/sub");
    std::fs::create_dir(&inside).unwrap();
    let expected = std::fs::canonicalize(folder.path()).unwrap();
    assert_eq!(base_folder(Some(&inside.join("../config.toml"))), expected);
    assert_eq!(load_set(&[]).unwrap().path("shadow_paper_logging.base_dir"), Path::new("live_runs"));
    let absolute = load_set(&["shadow_paper_logging.base_dir=/runs"]).unwrap();
    assert_eq!(absolute.path("shadow_paper_logging.base_dir"), Path::new("/runs"));
}

#[test]
fn the_file_is_the_one_given_then_the_environment_s() {
    let given = Path::new("given.toml");
    let environment = || Some(PathBuf::from("environment.toml"));
    assert_eq!(find_file(Some(given), environment()).as_deref(), Some(given));
    assert_eq!(find_file(None, environment()), environment());
    let default = find_file(None, None);
    assert_eq!(default.as_deref(), Some(Path::new("config/config.toml")));
    assert_eq!(find_file(None, Some(PathBuf::new())), default);
}
