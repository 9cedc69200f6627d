use std::fs::{self, File};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::super::journal::Damage;
use super::super::{TableFormat, derive_files, read_events};
use super::*;

fn columns(path: &Path) -> Vec<(String, DataType)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.schema().fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
}

fn rows(path: &Path) -> Vec<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.build().unwrap().map(Result::unwrap).collect()
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn ints(batch: &RecordBatch, name: &str) -> Vec<i64> {
    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    batch.column_by_name(name).unwrap().as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect()
}

const EVENTS: [&str; 24] = [
    "step",
    "ts_bar",
    "ts_event",
    "price",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "position_size",
    "cash",
    "equity",
    "realized_pnl",
    "unrealized_pnl",
    "signal",
    "signal_changed",
    "orders_generated",
    "orders_filled",
    "orders_rejected",
    "orders_blocked",
    "risk_allowed",
    "risk_reasons",
    "extra_gap_before",
    "extra_fees",
];

#[test]
fn events_have_the_old_columns_in_order_typed() {
    let base = tempfile::tempdir().unwrap();
    let (folder, _lock, _writer) = running(base.path());
    let derived = derive_files(&folder, TableFormat::Parquet).unwrap();
    assert_eq!((derived.steps, derived.order_count, derived.fill_count), (4, 3, 2));
    assert_eq!(derived.damage, Damage::None);
    let columns = columns(&derived.events);
    assert_eq!(columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), EVENTS);
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert_eq!((&columns[1].1, &columns[2].1, &columns[14].1), (&time, &time, &DataType::Int8));
    let batches = rows(&derived.events);
    let batch = &batches[0];
    assert_eq!(ints(batch, "step"), [1, 2, 3, 4]);
    assert_eq!(floats(batch, "price"), [Some(102.1), Some(103.1), Some(104.1), Some(105.1)]);
    assert_eq!(floats(batch, "close"), floats(batch, "price"));
    assert_eq!(floats(batch, "cash")[0], Some(10_000.4));
    let ts = |name| {
        batch.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>().values().to_vec()
    };
    assert_eq!(ts("ts_bar")[0], bar(1).open_time.nanos() / 1_000);
    assert_eq!(ts("ts_event")[0], bar(1).close_time().nanos() / 1_000);
    let signal = batch.column_by_name("signal").unwrap().as_primitive::<Int8Type>().values().to_vec();
    assert_eq!(signal, [-1, 1, -1, 1]);
    let allowed: Vec<bool> =
        batch.column_by_name("risk_allowed").unwrap().as_boolean().iter().flatten().collect();
    assert_eq!(allowed, [true, false, true, true]);
    assert_eq!(texts(batch, "risk_reasons")[1], Some("=a; b".to_owned()));
    assert_eq!(ints(batch, "extra_gap_before"), [0, 0, 1, 0]);
}

#[test]
fn orders_and_fills_tell_what_became_of_each() {
    let base = tempfile::tempdir().unwrap();
    let (folder, _lock, _writer) = running(base.path());
    let derived = derive_files(&folder, TableFormat::Parquet).unwrap();
    let batches = rows(&derived.orders);
    let orders = &batches[0];
    assert_eq!(ints(orders, "order_id"), [1, 2, 3]);
    let text = |s: &str| Some(s.to_owned());
    assert_eq!(texts(orders, "result"), [text("filled"), text("blocked_by_risk"), text("rejected")]);
    assert_eq!(floats(orders, "filled_quantity"), [Some(3.0), Some(0.0), Some(0.0)]);
    // (100 + 2 × 103) / 3 = 102, bought 200 bps above the 100 at the decision.
    assert_eq!(floats(orders, "average_price"), [Some(102.0), None, None]);
    assert_eq!(floats(orders, "slippage_bps"), [Some(200.0), None, None]);
    assert_eq!(floats(orders, "fees"), [Some(0.5), Some(0.0), Some(0.0)]);
    let refusals = [None, text("max_order_notional exceeded (500 > 100)"), text("=no funds")];
    assert_eq!(texts(orders, "refusal"), refusals);
    let batches = rows(&derived.fills);
    let fills = &batches[0];
    assert_eq!(ints(fills, "fill_id"), [1, 2]);
    assert_eq!(floats(fills, "notional"), [Some(100.0), Some(206.0)]);
}

#[test]
fn empty_tables_have_their_columns() {
    let base = tempfile::tempdir().unwrap();
    let (folder, _lock) = RunFolder::create(base.path(), &run_id()).unwrap();
    JournalWriter::create(&folder.journal()).unwrap();
    let derived = derive_files(&folder, TableFormat::Parquet).unwrap();
    assert_eq!(columns(&derived.events).len(), EVENTS.len());
    assert_eq!(columns(&derived.orders).len(), 20);
    assert_eq!(columns(&derived.fills).len(), 10);
    assert_eq!(rows(&derived.events).iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    let derived = derive_files(&folder, TableFormat::Csv).unwrap();
    assert_eq!(fs::read_to_string(&derived.events).unwrap().trim_end(), EVENTS.join(","));
}

#[test]
fn csv_has_the_same_rows_and_inert_texts() {
    let base = tempfile::tempdir().unwrap();
    let (folder, _lock, _writer) = running(base.path());
    let derived = derive_files(&folder, TableFormat::Csv).unwrap();
    assert!(derived.events.ends_with("events.csv"));
    let events = fs::read_to_string(&derived.events).unwrap();
    let lines: Vec<&str> = events.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines[2],
        "2,2025-12-07T12:02:00Z,2025-12-07T12:03:00Z,103.1,102,104.5,101,103.1,1.25,-0.5,10000.4,9999.5,0,-0.5,\
         1,true,1,1,0,2,false,'=a; b,0,0.13"
    );
    let orders = fs::read_to_string(&derived.orders).unwrap();
    assert!(orders.contains(",'=no funds,"), "{orders}");
}

#[test]
fn many_steps_come_in_several_row_groups() {
    let base = tempfile::tempdir().unwrap();
    let (folder, _lock) = RunFolder::create(base.path(), &run_id()).unwrap();
    let mut writer = JournalWriter::create(&folder.journal()).unwrap();
    let steps: Vec<_> = (1..=20_000).map(step).collect();
    writer.append_decisions(&steps).unwrap();
    writer.commit().unwrap();
    let derived = derive_files(&folder, TableFormat::Parquet).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&derived.events).unwrap()).unwrap();
    assert_eq!(builder.metadata().num_row_groups(), 2);
    let steps: Vec<i64> = rows(&derived.events).iter().flat_map(|b| ints(b, "step")).collect();
    assert!(steps.iter().copied().eq(1..=20_000));
}

#[test]
fn steps_are_read_while_the_run_writes() {
    let base = tempfile::tempdir().unwrap();
    let (folder, _lock, mut writer) = running(base.path());
    let rows = read_events(&folder.journal()).unwrap();
    assert_eq!(rows.iter().map(|r| r.step).collect::<Vec<_>>(), [1, 2, 3, 4]);
    writer.append_decisions(&[step(5)]).unwrap();
    assert_eq!(read_events(&folder.journal()).unwrap().len(), 4);
    writer.flush().unwrap();
    let full = fs::read(folder.journal()).unwrap();
    assert_eq!(read_events(&folder.journal()).unwrap().len(), 5);
    fs::write(folder.journal(), &full[..full.len() - 3]).unwrap();
    assert_eq!(read_events(&folder.journal()).unwrap().len(), 4);
}

#[test]
fn a_failed_table_leaves_the_old_one_and_no_litter() {
    let base = tempfile::tempdir().unwrap();
    let (folder, _lock, _writer) = running(base.path());
    derive_files(&folder, TableFormat::Parquet).unwrap();
    let before = fs::read(folder.events(TableFormat::Parquet)).unwrap();
    let mut names: Vec<_> =
        fs::read_dir(folder.dir()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "alerts.jsonl",
            "events.parquet",
            "fills.parquet",
            "journal.bin",
            "meta.json",
            "orders.parquet",
            "run.lock"
        ]
    );
    let mut newer = b"PEAKJRN\n\x02\0\0\0".to_vec();
    newer.extend(crc32c::crc32c(&newer).to_le_bytes());
    fs::write(folder.journal(), newer).unwrap();
    assert!(derive_files(&folder, TableFormat::Parquet).is_err());
    assert_eq!(fs::read(folder.events(TableFormat::Parquet)).unwrap(), before);
}
