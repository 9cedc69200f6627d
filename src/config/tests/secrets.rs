//! Secrets are neither kept nor repeated.

use super::super::{render_json, render_text};
use super::*;

const PLANTED: &str = "hunter2";

#[test]
fn a_secret_is_refused_and_never_repeated() {
    for content in [
        "[exchange.kraken]\napi_secret = \"hunter2\"",
        "exchange.kraken.api_secret = \"hunter2\"",
        "exchange = { kraken = { api_secret = \"hunter2\" } }",
        "foo.password = \"hunter2\"",
        "password = \"hunter2\"",
        "[live_risk]\nAPI-Key = \"hunter2\"",
        "[live_risk]\napiKey = \"hunter2\"",
        "[live_risk]\npassword = [\"hunter2\"]",
        "[live_risk]\nmax_order_notional = [{ password = \"hunter2\" }]",
        "[live_risk]\nunheard_of = [\"hunter2\"]",
        "[live_risk]\nunheard_of = { password = \"hunter2\" }",
        "[[live_risk]]\npassword = \"hunter2\"",
        "[live_risk.password]\nvalue = \"hunter2\"",
        "[live_risk]\npassword = hunter2",
        "[live_risk]\npassword = \"hunter2",
        "[live_risk]\npassword = \"hunter2\" x",
        "[live_risk]\npassword: hunter2",
        "[live_risk]\npassword hunter2",
        "[live_risk]\npassword = { a = hunter2",
        "[live_risk]\npassword = \"a\"\npassword = \"hunter2\"",
        "[live_risk]\npassword = \"\"\"\nhunter2\n\"\"\"",
        "[live_risk]\n\"a.password.b\" = \"hunter2\"",
        "live_risk.token.max_order_notional = \"hunter2\"",
        "[instrument.\"BTC/EUR\"]\nwebhook_token = \"hunter2\"",
    ] {
        let text = faults(content).join("\n");
        assert!(!text.contains(PLANTED), "{content:?}: {text}");
        let (_folder, file) = folder(content);
        let error = load(&schema(), &Layers { file: Some(file), ..Layers::default() }).unwrap_err();
        assert!(!format!("{error:?} {error}").contains(PLANTED), "{content:?}");
    }
    assert_eq!(
        faults("[live_risk]\napi_secret = \"hunter2\""),
        [
            "config.toml:2: live_risk.api_secret = [REDACTED]: secrets are not kept in the configuration: put it into an environment variable"
        ]
    );
}

#[test]
fn nor_is_one_from_the_command_line() {
    for assignment in [
        "exchange.kraken.api_secret=hunter2",
        "foo.password=hunter2",
        "password=hunter2",
        "PASSWORD = \"hunter2\"",
        "secrets.kraken=hunter2",
        "exchange.\"api_secret\"=hunter2",
        "live_risk.passphrase=[\"hunter2\"]",
        "hunter2",
        "hunter2==",
        "password hunter2",
        "password:hunter2",
        "x.password.hunter2",
    ] {
        let text = set_faults(&[assignment]).join("\n");
        assert!(!text.contains(PLANTED), "{assignment:?}: {text}");
        let flags = vec![("--flag", assignment.split('=').next().unwrap().to_owned(), PLANTED.to_owned())];
        if assignment.contains("password=") {
            let error = load(&schema(), &Layers { flags, ..Layers::default() }).unwrap_err();
            assert!(!error.to_string().contains(PLANTED), "{error}");
        }
    }
}

#[test]
fn the_name_of_a_variable_is_no_secret() {
    let config = load_set(&["outer.kinds.password_env=MY_PASSWORD"]).unwrap();
    assert_eq!(config.text("outer.kinds.password_env"), "MY_PASSWORD");
    assert!(render_text(&config).contains("password_env = \"MY_PASSWORD\"  # --set"));
}

#[test]
fn no_key_of_the_engine_is_taken_for_a_secret() {
    let config = load_set(&[]).unwrap();
    let text = render_json(&schema(), &config);
    let keys: Vec<&str> = text.as_array().unwrap().iter().filter_map(|row| row["key"].as_str()).collect();
    assert!(keys.len() > 60, "{keys:?}");
    for key in keys {
        let again = load_set(&[&format!("{key}={}", config.get(key).unwrap())]);
        assert!(again.is_ok(), "{key}: {again:?}");
    }
}
