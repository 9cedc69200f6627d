//! Values are accepted exactly if they are in range, and no input makes a panic.

use proptest::prelude::*;

use super::*;

fn accepted(key: &str, value: &str) -> (bool, bool) {
    let line = format!("outer.kinds.{key} = {value}");
    (load_file(&line).is_ok(), load_set(&[&line]).is_ok())
}

/// Text that looks like a configuration file of somebody in a hurry.
fn almost_toml() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        " = ",
        ".",
        ",",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "#",
        " ",
        "\\",
        "\\u00",
        "\u{feff}",
        "\0",
        "ä",
        "live_risk",
        "max_order_notional",
        "outer",
        "kinds",
        "count",
        "note",
        "instrument",
        "BTC/EUR",
        "\"BTC/EUR\"",
        "strategy",
        "password",
        "5",
        "-1",
        "1e3",
        "0x",
        "inf",
        "nan",
        "1_0",
        "true",
        "2024-01-01",
        "T00:00:00Z",
        "99999999999999999999",
        "[live_risk]\n",
        "[outer.kinds]\n",
        "a = 1\n",
        "[instrument.\"BTC/EUR\"]\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whole_numbers_are_accepted_exactly_in_range(n in prop_oneof![-20_i64..20, any::<i64>()]) {
        let expected = (-3..=7).contains(&n);
        prop_assert_eq!(accepted("count", &n.to_string()), (expected, expected));
    }

    #[test]
    fn numbers_are_accepted_exactly_in_range(digits in -4_000_i64..4_000, scale in 1_u32..4, quoted: bool) {
        let number = Decimal::new(digits, scale);
        let text = if quoted { format!("\"{number}\"") } else { number.to_string() };
        let (low, high) = (Decimal::from(-2), Decimal::new(25, 1));
        let cases = [
            ("closed", low <= number && number <= high),
            ("open_below", low < number && number <= high),
            ("open_above", low <= number && number < high),
            ("open", low < number && number < high),
        ];
        for (key, expected) in cases {
            prop_assert_eq!(accepted(key, &text), (expected, expected), "{} = {}", key, text);
        }
    }

    #[test]
    fn any_bytes_are_a_configuration_or_faults(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        judged(load_file(bytes))?;
    }

    #[test]
    fn any_text_is_a_configuration_or_faults(text in prop_oneof![any::<String>(), almost_toml()]) {
        let lines = text.split('\n').count();
        let file = load_file(&text);
        if let Err(error) = &file {
            for fault in &error.faults {
                let place = bare(fault);
                let line = place.strip_prefix("config.toml:").and_then(|rest| rest.split(':').next());
                let line: Option<usize> = line.and_then(|line| line.parse().ok());
                prop_assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{}", place);
            }
        }
        judged(file)?;
        judged(load_set(&[&text]))?;
        judged(load_set(&[&format!("outer.kinds.note={text}")]))?;
        judged(load_set(&[&format!("outer.kinds.any_number={text}")]))?;
        judged(load_set(&[&format!("{text}=1")]))?;
        let flags = vec![("--flag", text.clone(), text)];
        judged(load(&schema(), &Layers { flags, ..Layers::default() }))?;
    }
}

/// Either all values are there, or there is something to mend, said on one line each.
fn judged(result: Result<Config, ConfigError>) -> Result<(), TestCaseError> {
    match result {
        Ok(config) => prop_assert!(config.get("live_risk.max_order_notional").is_some()),
        Err(error) => {
            prop_assert!(!error.faults.is_empty());
            for fault in &error.faults {
                prop_assert!(!fault.place.is_empty() && !fault.problem.is_empty());
                prop_assert!(!fault.to_string().chars().any(char::is_control), "{:?}", fault);
            }
        }
    }
    Ok(())
}
