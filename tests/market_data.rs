//! Market data against recorded files, each result computed a second way from the raw text.
//!
//! The recordings are not part of the project: their folder is `market_data` in the folder that
//! `PEAK_TRADE_SHARED` names (default `../shared`). Without it these tests say so and pass.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use peak_trade::domain::{Bar, Span, Timeframe, Timestamp, VolumeUnit};
use peak_trade::market::{
    Granularity, MarketStage, Source, SourceSpec, SourceState, StageParams, SyntheticParams, log_line,
};
use peak_trade::messages::{ClosedBar, DataIssue, DataIssueKind, InputBatch};
use rust_decimal::Decimal;

fn recording(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("PEAK_TRADE_SHARED").map_or_else(|| "../shared".into(), PathBuf::from);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(shared).join("market_data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no {}; PEAK_TRADE_SHARED names the folder that holds market_data", path.display());
    None
}

fn open(path: &Path, options: &str) -> Box<dyn Source> {
    let spec = SourceSpec::parse(&format!("replay:{}{options}", path.display())).unwrap();
    spec.open(&SyntheticParams::default()).unwrap()
}

fn params(timeframe: Timeframe) -> StageParams {
    StageParams {
        timeframe,
        warmup_candles: 0,
        steps: None,
        duration: None,
        max_jump_pct: Decimal::from(20),
        level_confirmations: 3,
    }
}

struct Outcome {
    bars: Vec<ClosedBar>,
    issues: Vec<DataIssue>,
    stage: MarketStage,
}

/// Runs a source to its end, in batches whose size varies.
fn run(mut source: Box<dyn Source>, params: StageParams) -> Outcome {
    let mut stage = MarketStage::new(source.info(), params).unwrap();
    let (mut bars, mut issues, mut next_number) = (Vec::new(), Vec::new(), 1);
    let mut size = 1;
    loop {
        let mut events = Vec::new();
        let state = source.next_batch(size, &mut events).unwrap();
        assert!(events.len() <= size);
        let batch = stage.absorb(&events, Timestamp::from_secs(0));
        assert_eq!(batch.inputs.len(), events.len());
        for input in &batch.inputs {
            assert_eq!(input.number, next_number);
            next_number += 1;
        }
        bars.extend(batch.bars);
        issues.extend(batch.issues);
        if state == SourceState::Ended {
            return Outcome { bars, issues, stage };
        }
        size = (size + 97) % InputBatch::MAX + 1;
    }
}

/// The rows of a CSV file as decimals, by a way of its own: split at commas, nothing else.
fn rows(path: &Path) -> Vec<Vec<Decimal>> {
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| line.split(',').map(|f| Decimal::from_str(f).unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

fn second(row: &[Decimal]) -> i64 {
    i64::try_from(row[0].mantissa()).unwrap()
}

fn numbers(bar: &Bar) -> [Decimal; 5] {
    [bar.open.get(), bar.high.get(), bar.low.get(), bar.close.get(), bar.volume.get()]
}

#[test]
fn fifteen_minutes_make_the_recorded_hours() {
    let Some(quarters) = recording("kraken_XBTEUR_15m_2024Q4.csv") else { return };
    let Some(hours) = recording("kraken_XBTEUR_60m_2024Q4.csv") else { return };
    let built = run(open(&quarters, "?last=final"), params(Timeframe::H1));
    let recorded = run(open(&hours, "?last=final"), params(Timeframe::H1));
    assert_eq!(recorded.bars.len(), rows(&hours).len());
    assert!(built.issues.is_empty() && recorded.issues.is_empty());
    let only_bars = |outcome: &Outcome| outcome.bars.iter().map(|c| c.bar).collect::<Vec<_>>();
    assert_eq!(only_bars(&built), only_bars(&recorded));
    for (closed, row) in built.bars.iter().zip(rows(&hours)) {
        assert_eq!((closed.bar.open_time.secs(), &numbers(&closed.bar)[..]), (second(&row), &row[1..6]));
        assert_eq!(closed.bar.trade_count.map(Decimal::from), Some(row[6]));
        assert_eq!(closed.gap_before, 0);
    }
    // Without the word that the last bar is complete, it and the hour it ends are left out.
    let careful = run(open(&quarters, ""), params(Timeframe::H1));
    assert_eq!(careful.stage.counts().inputs as usize, rows(&quarters).len() - 1);
    assert_eq!(only_bars(&careful), only_bars(&recorded)[..recorded.bars.len() - 1]);
}

#[test]
fn every_gap_of_a_decade_is_found() {
    let Some(path) = recording("kraken_XBTUSD_60m_2013-2023.csv") else { return };
    let rows = rows(&path);
    let mut expected = Vec::new();
    for pair in rows.windows(2) {
        let (earlier, later) = (second(&pair[0]), second(&pair[1]));
        if later - earlier != 3_600 {
            expected.push(((later - earlier) / 3_600 - 1, earlier + 3_600, later - 3_600));
        }
    }
    let outcome = run(open(&path, "?last=final"), params(Timeframe::H1));
    let found: Vec<_> = outcome
        .issues
        .iter()
        .filter_map(|issue| match issue.kind {
            DataIssueKind::Gap { missing, from, to } => Some((missing as i64, from.secs(), to.secs())),
            _ => None,
        })
        .collect();
    assert_eq!(found, expected);
    let missing: i64 = expected.iter().map(|gap| gap.0).sum();
    let counts = outcome.stage.counts();
    println!("{} gaps, {missing} bars missing, {counts:?}", expected.len());
    assert_eq!((counts.gaps as usize, counts.missing as i64), (expected.len(), missing));
    assert_eq!(expected.len(), 3_254, "the number that the recordings' README gives");
    // No bar is invented: every bar is a row, and with the missing ones they fill the time.
    assert_eq!(outcome.bars.len() as u64, counts.accepted);
    let holes: i64 = outcome.bars.iter().map(|c| i64::from(c.gap_before)).sum();
    let span = outcome.bars.last().unwrap().bar.open_time - outcome.bars[0].bar.open_time;
    assert_eq!(span, Span::from_secs(3_600).times(outcome.bars.len() as i64 - 1 + holes));
    let line = outcome.issues.iter().map(log_line).find(|line| line.contains("Gap")).unwrap();
    assert!(line.starts_with("[DATA] Gap detected: 22 missing (2013-10-06T22:00:00Z to "), "{line}");
}

#[test]
fn a_recorded_answer_s_running_bar_is_never_final() {
    let Some(path) = recording("kraken_XBTUSDT_1m_2025-11-10.csv") else { return };
    let rows = rows(&path);
    let outcome = run(open(&path, ""), params(Timeframe::M1));
    assert_eq!(outcome.bars.len(), rows.len() - 1);
    assert_eq!(outcome.bars.last().unwrap().bar.open_time.secs(), second(&rows[rows.len() - 2]));
    // Minutes without volume are bars like others.
    let silent = outcome.bars.iter().filter(|c| c.bar.volume.is_zero()).count();
    assert_eq!(silent, rows[..rows.len() - 1].iter().filter(|row| row[5].is_zero()).count());
    assert!(silent > 0 && outcome.issues.is_empty());
}

#[test]
fn recorded_trades_make_the_recorded_minutes() {
    let Some(trades) = recording("kraken_XBTUSDT_trades_2025-11-10.csv") else { return };
    let Some(minutes) = recording("kraken_XBTUSDT_1m_2025-11-10.csv") else { return };
    let outcome = run(open(&trades, ""), params(Timeframe::M1));
    assert!(outcome.issues.is_empty(), "{:?}", outcome.issues);
    assert_eq!(outcome.stage.counts().accepted, 1_000);
    let recorded: BTreeMap<i64, Vec<Decimal>> = rows(&minutes).into_iter().map(|r| (second(&r), r)).collect();
    let (first, last) = (outcome.bars[0].bar.open_time, outcome.bars.last().unwrap().bar.open_time);
    let mut made = outcome.bars.iter().map(|c| c.bar).peekable();
    for (time, row) in recorded.range(first.secs()..=last.secs()) {
        match made.next_if(|bar| bar.open_time.secs() == *time) {
            Some(bar) => {
                assert_eq!(numbers(&bar)[..], row[1..6], "{time}");
                assert_eq!(bar.trade_count.map(Decimal::from), Some(row[6]), "{time}");
            }
            None => assert!(row[5].is_zero(), "a minute with volume but without trades at {time}"),
        }
    }
    assert!(made.next().is_none() && outcome.bars.len() > 100);
}

#[test]
fn quote_volume_is_converted_row_by_row() {
    let Some(path) = recording("BTC-PERP_1m_2021-12-31_2022-02-01.csv") else { return };
    let source = open(&path, "?volume=quote&last=final");
    assert_eq!(source.info().volume_unit, VolumeUnit::Quote);
    assert_eq!(source.info().granularity, Granularity::Bars(Timeframe::M1));
    let rows = rows(&path);
    assert_eq!(source.info().expected_events, Some(rows.len() as u64));
    let minutes = run(source, params(Timeframe::M1));
    assert_eq!((minutes.bars.len(), minutes.issues.len()), (rows.len(), 0));
    let unit = Decimal::new(1, 8);
    for (closed, row) in minutes.bars.iter().zip(&rows) {
        let (base, close, quote) = (closed.bar.volume.get(), row[4], row[5]);
        assert!(base * close <= quote && (base + unit) * close > quote, "{row:?}");
    }
    // Hours made of them hold the same volume; the first, partial hour is left out.
    let hours = run(open(&path, "?volume=quote&last=final"), params(Timeframe::H1));
    let start = hours.bars[0].bar.open_time;
    let end = hours.bars.last().unwrap().bar.close_time();
    let inside = |c: &&ClosedBar| c.bar.open_time >= start && c.bar.open_time < end;
    let sum: Decimal = minutes.bars.iter().filter(inside).map(|c| c.bar.volume.get()).sum();
    assert_eq!(hours.bars.iter().map(|c| c.bar.volume.get()).sum::<Decimal>(), sum);
    assert_eq!(start.secs(), second(&rows[0]).div_euclid(3_600) * 3_600 + 3_600);
    assert_eq!(hours.stage.aggregator().left_out(), Some(start - Span::from_secs(3_600)));
}

#[test]
fn the_same_recording_as_parquet_gives_the_same_bars() {
    let Some(path) = recording("kraken_XBTEUR_15m_2024Q4.csv") else { return };
    let rows = rows(&path);
    // As a data frame would write it: times and counts as integers, everything else as f64.
    let float = |column: usize| -> ArrayRef {
        let values = rows.iter().map(|row| row[column].to_string().parse::<f64>().unwrap());
        Arc::new(Float64Array::from_iter_values(values))
    };
    let integer = |column: usize| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row[column].mantissa() as i64)))
    };
    let names = ["open", "high", "low", "close", "volume"];
    let columns = [("time", integer(0))].into_iter().chain((1..).zip(names).map(|(i, n)| (n, float(i))));
    let batch = RecordBatch::try_from_iter(columns.chain([("count", integer(6))])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.parquet");
    let mut writer = ArrowWriter::try_new(fs::File::create(&file).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let from_parquet = run(open(&file, ""), params(Timeframe::M15));
    let from_csv = run(open(&path, ""), params(Timeframe::M15));
    assert_eq!(from_parquet.bars, from_csv.bars);
    assert_eq!(from_csv.bars.len(), rows.len() - 1);
}

#[test]
fn a_source_coarser_than_the_session_is_refused() {
    let Some(path) = recording("kraken_XBTEUR_60m_2024Q4.csv") else { return };
    let source = open(&path, "");
    let error = MarketStage::new(source.info(), params(Timeframe::M15)).unwrap_err().to_string();
    assert_eq!(error, "timeframe 15m is finer than the source's 1h; allowed: 1h or longer");
}

#[test]
fn the_path_does_not_enter_the_identity() {
    let Some(path) = recording("kraken_XBTEUR_60m_2024Q4.csv") else { return };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("other name.csv");
    fs::write(&copy, fs::read(&path).unwrap()).unwrap();
    let identity = |path| open(path, "").info().identity.clone();
    assert_eq!(identity(&path), identity(&copy));
}
