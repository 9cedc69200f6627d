//! The keys of the engine itself; strategies bring their own sections.

use chrono::Datelike;
use rust_decimal::Decimal;

use super::schema::{Allowed, Instances, KeySpec, Rule, SectionSpec};
use super::value::Value;
use crate::domain::{Symbol, Timeframe};

/// More money or volume than this is a slip of the keyboard.
fn huge() -> Decimal {
    Decimal::from(1_000_000_000_000_i64)
}

fn hundred() -> Decimal {
    Decimal::ONE_HUNDRED
}

fn dec(text: &str) -> Value {
    Decimal::from_str_exact(text).map_or_else(|_| Value::Text(text.to_owned()), Value::Decimal)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn key(name: &str, allowed: Allowed, default: Value, unit: &str, doc: &str) -> KeySpec {
    KeySpec { name: name.to_owned(), allowed, default, unit: unit.to_owned(), doc: doc.to_owned() }
}

fn count(name: &str, min: i64, max: i64, default: i64, unit: &str, doc: &str) -> KeySpec {
    key(name, Allowed::Integer { min, max }, Value::Integer(default), unit, doc)
}

fn choice(name: &str, words: &[&str], doc: &str) -> KeySpec {
    let default = text(words.first().copied().unwrap_or_default());
    key(name, Allowed::Choice(words.iter().map(|w| (*w).to_owned()).collect()), default, "", doc)
}

fn section(name: &str, doc: &str, keys: Vec<KeySpec>) -> SectionSpec {
    SectionSpec { name: name.to_owned(), doc: doc.to_owned(), keys, instances: None }
}

fn symbol(text: &str) -> Result<(), String> {
    text.parse::<Symbol>().map(|_| ()).map_err(|e| e.to_string())
}

fn timeframe(text: &str) -> Result<(), String> {
    text.parse::<Timeframe>().map(|_| ()).map_err(|e| e.to_string())
}

fn speed(text: &str) -> Result<(), String> {
    let factor = || text.strip_suffix('x').and_then(|f| f.parse::<f64>().ok());
    match text {
        "max" | "realtime" => Ok(()),
        _ if factor().is_some_and(|f| f.is_finite() && f > 0.0) => Ok(()),
        _ => Err(format!("{text:?} is none of them")),
    }
}

fn not_blank(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("it is blank".to_owned()) } else { Ok(()) }
}

fn time(text: &str) -> Result<(), String> {
    let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|e| e.to_string())?;
    if (1970..2200).contains(&at.to_utc().year()) { Ok(()) } else { Err("years 1970 to 2199".to_owned()) }
}

/// Sections and rules of the engine.
#[must_use]
pub fn base_sections() -> (Vec<SectionSpec>, Vec<Rule>) {
    let sections = vec![
        environment(),
        shadow_paper(),
        live_risk(),
        paper_venue(),
        data_quality(),
        synthetic(),
        instrument(),
        logging_of_runs(),
        registry(),
        actors(),
        section(
            "logging",
            "Log lines on stderr.",
            vec![choice("level", &["info", "error", "warn", "debug", "trace"], "How much is said.")],
        ),
    ];
    (sections, rules())
}

fn environment() -> SectionSpec {
    let check = |mode: &str| match mode {
        "paper" | "testnet" => Ok(()),
        "live" => Err("LiveModeNotAllowedError: live trading is locked in this build".to_owned()),
        other => Err(format!("{other:?} is neither")),
    };
    section(
        "environment",
        "What sessions of this configuration may trade against.",
        vec![key(
            "mode",
            Allowed::Text("paper (shadow sessions) or testnet", check),
            text("paper"),
            "",
            "paper or testnet; live is locked.",
        )],
    )
}

fn shadow_paper() -> SectionSpec {
    section(
        "shadow_paper",
        "Defaults of `peak session run`; its flags win.",
        vec![
            key(
                "strategy",
                Allowed::Text("a strategy's key, see --list-strategies", not_blank),
                text("ma_crossover"),
                "",
                "Strategy key; its parameters stand under [strategy.KEY].",
            ),
            key(
                "symbol",
                Allowed::Text("BASE/QUOTE, as in BTC/EUR", symbol),
                text("BTC/EUR"),
                "",
                "What is traded.",
            ),
            key(
                "timeframe",
                Allowed::Text("one of 1m, 5m, 15m, 30m, 1h, 4h, 1d", timeframe),
                text("1m"),
                "",
                "Bar length.",
            ),
            key(
                "source",
                Allowed::Text("synthetic, or replay:PATH of a .csv or .parquet file", not_blank),
                text("synthetic"),
                "",
                "Where market data comes from: synthetic, or replay:PATH[?last=final&volume=quote&timeframe=15m].",
            ),
            key(
                "speed",
                Allowed::Text("max, realtime, or a factor as in 60x", speed),
                text("max"),
                "",
                "max, realtime, or a multiple of real time as in 60x.",
            ),
            count("seed", 0, i64::MAX, 42, "", "Seed of everything random."),
            count("bars", 0, 100_000_000, 20_000, "bars", "Length of the synthetic source; 0 never ends."),
            count(
                "warmup_candles",
                0,
                100_000,
                200,
                "bars",
                "First bars that only warm up the strategy: no steps, no orders.",
            ),
            key(
                "start_balance",
                Allowed::positive(huge()),
                dec("10000"),
                "quote currency",
                "Balance at the start.",
            ),
            key(
                "position_fraction",
                Allowed::Number { min: Decimal::ZERO, max: Decimal::ONE, above_min: true, below_max: false },
                dec("0.1"),
                "fraction of equity",
                "What an entry is worth.",
            ),
            count(
                "poll_interval_seconds",
                1,
                86_400,
                60,
                "s",
                "How often a source that has to be asked is asked.",
            ),
        ],
    )
}

fn live_risk() -> SectionSpec {
    let limit = |name: &str, default: &str, doc: &str| {
        key(name, Allowed::positive(huge()), dec(default), "quote currency", doc)
    };
    section(
        "live_risk",
        "Hard limits. Exposure counts what is held, resting, unacknowledged and new together; losses count, gains do not. Exits always get out. Blocked above a limit; daily losses block from the limit on.",
        vec![
            choice(
                "base_currency",
                &["EUR", "USD", "USDT", "USDC", "GBP", "CHF"],
                "Currency that the limits are thought in; shown, not converted.",
            ),
            limit("max_order_notional", "1000", "Largest order."),
            limit("max_symbol_exposure_notional", "2000", "Largest exposure in one symbol."),
            limit("max_total_exposure_notional", "5000", "Largest exposure in all symbols."),
            count(
                "max_open_positions",
                1,
                10_000,
                5,
                "symbols",
                "Most symbols held or being opened at a time.",
            ),
            limit(
                "max_daily_loss_abs",
                "500",
                "Loss since the start of the UTC day from which entries are blocked.",
            ),
            key(
                "max_daily_loss_pct",
                Allowed::positive(hundred()),
                dec("5.0"),
                "% of the day's opening equity",
                "The same in per cent.",
            ),
            choice(
                "daily_loss_blocks",
                &["entries", "all"],
                "What a reached daily loss blocks: entries only, or all (then a losing position is trapped).",
            ),
            key(
                "price_collar_pct",
                Allowed::positive(hundred()),
                dec("5"),
                "%",
                "Furthest that an entry's limit or stop price may be from the mark.",
            ),
            count(
                "max_price_age_bars",
                1,
                1_000,
                2,
                "bars",
                "Oldest mark for an entry, in multiples of the timeframe.",
            ),
            count(
                "duplicate_window_seconds",
                0,
                86_400,
                1,
                "s",
                "An equal entry within this long is a duplicate.",
            ),
            count(
                "max_orders_per_second",
                1,
                1_000,
                10,
                "orders/s",
                "Most entries within a second of session time.",
            ),
            key(
                "warning_threshold_factor",
                Allowed::Number { min: Decimal::ZERO, max: Decimal::ONE, above_min: true, below_max: true },
                dec("0.8"),
                "fraction of a limit",
                "From here on a limit is YELLOW.",
            ),
        ],
    )
}

fn paper_venue() -> SectionSpec {
    let bps = |name: &str, default: &str, doc: &str| {
        key(name, Allowed::number(Decimal::ZERO, Decimal::from(1_000)), dec(default), "bps", doc)
    };
    section(
        "paper_venue",
        "What the paper venue assumes; every assumption is in docs/fills.md. Fees are Kraken's first tier.",
        vec![
            bps("maker_fee_bps", "25", "Fee of orders that rested."),
            bps("taker_fee_bps", "40", "Fee of all others."),
            bps("slippage_bps", "5", "How much worse than the market a taker trades."),
            key(
                "max_participation",
                Allowed::Number { min: Decimal::ZERO, max: Decimal::ONE, above_min: true, below_max: false },
                dec("0.10"),
                "fraction of volume",
                "Share of a bar's volume that our orders get.",
            ),
            count(
                "latency_ms",
                0,
                3_600_000,
                0,
                "ms of session time",
                "From decision until an order may trade. On bars any latency costs a whole bar.",
            ),
            count("fee_decimals", 0, 18, 8, "decimals", "Fees are rounded to so many decimals."),
        ],
    )
}

fn data_quality() -> SectionSpec {
    section(
        "data_quality",
        "What is done about bad market data.",
        vec![
            key(
                "max_jump_pct",
                Allowed::positive(Decimal::from(10_000)),
                dec("20"),
                "%",
                "A price further than this from the last one is quarantined.",
            ),
            count(
                "level_confirmations",
                1,
                1_000,
                3,
                "inputs",
                "So many in a row that agree make a new price level.",
            ),
            count(
                "gap_hold_bars",
                0,
                1_000,
                1,
                "bars",
                "Entries are held for so many bars after a gap; exits are not.",
            ),
        ],
    )
}

fn synthetic() -> SectionSpec {
    section(
        "synthetic",
        "The synthetic market: regimes of trend, range and volatility, with jumps.",
        vec![
            key(
                "start_price",
                Allowed::positive(huge()),
                dec("50000"),
                "quote currency",
                "Price at the start.",
            ),
            key(
                "tick_size",
                Allowed::positive(huge()),
                dec("0.1"),
                "quote currency",
                "Prices are multiples of it.",
            ),
            key("base_volume", Allowed::positive(huge()), dec("2"), "base currency", "Mean volume of a bar."),
            key(
                "volatility_pct",
                Allowed::positive(Decimal::from(2)),
                dec("0.05"),
                "%",
                "Standard deviation of a one-minute return.",
            ),
            key(
                "jump_probability",
                Allowed::number(Decimal::ZERO, Decimal::ONE),
                dec("0.0005"),
                "per bar",
                "Probability of a jump.",
            ),
            key(
                "jump_pct",
                Allowed::number(Decimal::ZERO, Decimal::from(10)),
                dec("1.0"),
                "%",
                "Mean size of a jump.",
            ),
            choice("granularity", &["bars", "ticks"], "What is delivered."),
            count("ticks_per_bar", 4, 10_000, 12, "ticks", "Ticks that make a bar."),
            key(
                "start_time",
                Allowed::Text("a time as in 2024-01-01T00:00:00Z", time),
                text("2024-01-01T00:00:00Z"),
                "UTC",
                "Open of the first bar.",
            ),
        ],
    )
}

fn instrument() -> SectionSpec {
    let step = |name: &str, doc: &str, unit: &str| {
        key(name, Allowed::positive(huge()), dec("0.00000001"), unit, doc)
    };
    let listed = |symbol: &str, tick: &str, min_quantity: &str, min_notional: &str| {
        let values = [("tick_size", tick), ("min_quantity", min_quantity), ("min_notional", min_notional)];
        (symbol.to_owned(), values.into_iter().map(|(k, v)| (k.to_owned(), dec(v))).collect())
    };
    SectionSpec {
        name: "instrument".to_owned(),
        doc: "What may be ordered of a symbol. A symbol that is not listed here takes eight decimals and no minimums.".to_owned(),
        keys: vec![
            step("tick_size", "Smallest step of an order's price.", "quote currency"),
            step("lot_size", "Smallest step of an order's quantity.", "base currency"),
            step("min_quantity", "Smallest order.", "base currency"),
            key("min_notional", Allowed::number(Decimal::ZERO, huge()), dec("0"), "quote currency", "Smallest order by value."),
        ],
        instances: Some(Instances {
            allowed: "BASE/QUOTE in quotes, as in [instrument.\"BTC/EUR\"]",
            check: symbol,
            shipped: vec![
            listed("BTC/EUR", "0.1", "0.00005", "0.45"),
            listed("BTC/USD", "0.1", "0.00005", "0.5"),
            listed("BTC/USDT", "0.1", "0.00005", "0.5"),
            listed("ETH/EUR", "0.01", "0.002", "0.45"),
            listed("ETH/USD", "0.01", "0.002", "0.5"),
        ],
        }),
    }
}

fn logging_of_runs() -> SectionSpec {
    section(
        "shadow_paper_logging",
        "The run log. Relative folders stand beside the folder config/.",
        vec![
            key(
                "base_dir",
                Allowed::Text("a folder", not_blank),
                text("live_runs"),
                "",
                "Each run has a folder of its own in here.",
            ),
            choice("format", &["parquet", "csv"], "Format of the events, orders and fills tables."),
            count(
                "commit_interval_ms",
                1,
                60_000,
                200,
                "ms",
                "Longest that a record waits for a sync nobody asked for. Intents never wait.",
            ),
            count(
                "commit_bytes",
                4_096,
                1_073_741_824,
                1_048_576,
                "bytes",
                "So many unsynced bytes are synced at once.",
            ),
        ],
    )
}

fn registry() -> SectionSpec {
    section(
        "registry",
        "The register of sessions.",
        vec![
            key("enabled", Allowed::Bool, Value::Bool(true), "", "Write a record of each session."),
            key(
                "dir",
                Allowed::Text("a folder", not_blank),
                text("reports/experiments/live_sessions"),
                "",
                "Where the records are.",
            ),
        ],
    )
}

fn actors() -> SectionSpec {
    section(
        "actors",
        "How the actors are placed and watched.",
        vec![
            count(
                "arbiters",
                1,
                5,
                3,
                "threads",
                "Threads for the five actors. From 3 on risk and execution have theirs to themselves.",
            ),
            count(
                "lane_capacity",
                1,
                65_536,
                64,
                "batches",
                "What waits between two actors; a full lane makes the sender wait.",
            ),
            count(
                "batch_max",
                1,
                1_024,
                1_024,
                "inputs",
                "Most inputs that travel together; nothing waits to fill a batch.",
            ),
            count(
                "heartbeat_interval_ms",
                10,
                600_000,
                5_000,
                "ms",
                "How often everybody is asked whether they live.",
            ),
            count("missed_heartbeats", 1, 100, 3, "heartbeats", "So many unanswered in a row shut the gate."),
            count("restart_max", 0, 1_000, 3, "restarts", "Most restarts of the strategy within the window."),
            count("restart_window_seconds", 1, 86_400, 60, "s", "The window."),
            count(
                "restart_backoff_ms",
                0,
                600_000,
                10,
                "ms",
                "Pause before the first restart; doubles with each.",
            ),
            count("restart_backoff_max_ms", 0, 600_000, 1_000, "ms", "Longest pause."),
            count(
                "stop_timeout_seconds",
                1,
                600,
                30,
                "s",
                "An orderly stop that takes longer becomes a kill.",
            ),
            count(
                "poison_timeout_ms",
                10,
                60_000,
                2_000,
                "ms",
                "How long an actor has to acknowledge that it halts.",
            ),
        ],
    )
}

fn rules() -> Vec<Rule> {
    let at_most = |small: &str, large: &str| {
        let (a, b) = (small.to_owned(), large.to_owned());
        Rule::holding(&[small, large], &format!("{small} <= {large}"), move |config| {
            config.decimal(&a) <= config.decimal(&b)
        })
    };
    vec![
        at_most("live_risk.max_order_notional", "live_risk.max_symbol_exposure_notional"),
        at_most("live_risk.max_symbol_exposure_notional", "live_risk.max_total_exposure_notional"),
        at_most("actors.restart_backoff_ms", "actors.restart_backoff_max_ms"),
    ]
}
