//! The shared candle files and the tables that `generate.py` made from them.

use std::path::{Path, PathBuf};

use peak_trade::domain::{Bar, Price, Quantity, Timeframe, Timestamp};

/// A candle file, its timeframe, and how many rows of it are used.
pub struct Source {
    pub file: &'static str,
    pub timeframe: Timeframe,
    pub rows: usize,
}

pub const SOURCES: [Source; 3] = [
    Source { file: "kraken_XBTEUR_15m_2024Q4.csv", timeframe: Timeframe::M15, rows: usize::MAX },
    Source { file: "kraken_XBTEUR_60m_2024Q4.csv", timeframe: Timeframe::H1, rows: usize::MAX },
    Source { file: "BTC-PERP_1m_2021-12-31_2022-02-01.csv", timeframe: Timeframe::M1, rows: 20_000 },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    std::env::var_os("PEAK_TRADE_SHARED")
        .map_or_else(|| root().join("../shared"), PathBuf::from)
        .join("market_data")
}

/// The bars of a source; none when the shared folder is not there.
pub fn bars(source: &Source) -> Option<Vec<Bar>> {
    let path = folder().join(source.file);
    if !path.exists() {
        eprintln!("skipped: {} is not there (set PEAK_TRADE_SHARED)", path.display());
        return None;
    }
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let price = |text: &str| text.parse::<Price>().unwrap();
    let bars = reader.records().take(source.rows).map(|record| {
        let record = record.unwrap();
        Bar {
            open_time: Timestamp::from_secs(record[0].parse().unwrap()),
            timeframe: source.timeframe,
            open: price(&record[1]),
            high: price(&record[2]),
            low: price(&record[3]),
            close: price(&record[4]),
            volume: record[5].parse::<Quantity>().unwrap(),
            trade_count: None,
        }
    });
    Some(bars.collect())
}

fn table(source: &Source, name: &str) -> csv::Reader<std::fs::File> {
    let stem = source.file.trim_end_matches(".csv");
    let path = root().join("tests/reference").join(format!("{stem}__{name}.csv"));
    csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where a table says that the target changes: bar, target from there on.
pub fn changes(source: &Source, name: &str) -> Vec<(usize, i8)> {
    table(source, name).deserialize().collect::<Result<_, _>>().unwrap()
}

/// The target at each of `count` bars, from its table of changes.
pub fn targets(source: &Source, name: &str, count: usize) -> Vec<i8> {
    let mut targets = vec![0; count];
    for (bar, target) in changes(source, name) {
        targets[bar..].fill(target);
    }
    targets
}

/// Indicator values: bar, indicator, value.
pub fn indicators(source: &Source) -> Vec<(usize, String, f64)> {
    table(source, "indicators").deserialize().collect::<Result<_, _>>().unwrap()
}
