use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::{Bar, Price, Side, Trade};

const HEADER: &str = "time,open,high,low,close,volume,count\n";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn parquet(&self, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
        let path = self.0.path().join("x.parquet");
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer =
            ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }
}

const FINAL: ReplayOptions =
    ReplayOptions { last: LastBar::Final, volume: VolumeUnit::Base, timeframe: Some(Timeframe::M1) };

fn read(path: &Path, options: ReplayOptions) -> Result<Vec<MarketEvent>, SourceError> {
    let mut source = Replay::open(path, options)?;
    let mut out = Vec::new();
    while source.next_batch(3, &mut out)? == SourceState::More {}
    Ok(out)
}

fn csv(text: impl AsRef<[u8]>, options: ReplayOptions) -> Result<Vec<MarketEvent>, SourceError> {
    read(&Folder::new().file("x.csv", text), options)
}

fn bar_lines(n: i64) -> String {
    let mut text = HEADER.to_owned();
    for i in 0..n {
        let _ = writeln!(text, "{},10.0,12.50,9.5,11,1.5,3", 60 * i);
    }
    text
}

fn one_bar() -> Bar {
    Bar {
        open_time: Timestamp::from_secs(0),
        timeframe: Timeframe::M1,
        open: Price::from_scaled(10, 0),
        high: Price::from_scaled(125, 1),
        low: Price::from_scaled(95, 1),
        close: Price::from_scaled(11, 0),
        volume: Quantity::from_scaled(15, 1),
        trade_count: Some(3),
    }
}

#[test]
fn every_dress_of_a_csv_gives_the_same_bar() {
    let files = [
        "time,open,high,low,close,volume,count\n0,10.0,12.50,9.5,11,1.5,3\n",
        "\u{feff}time,open,high,low,close,volume,count\r\n0,10.0,12.50,9.5,11,1.5,3\r\n\r\n",
        "time;open;high;low;close;volume;count\n0;10.0;12.50;9.5;11;1.5;3",
        "time\topen\thigh\tlow\tclose\tvolume\tcount\n0\t10.0\t12.50\t9.5\t11\t1.5\t3\n",
        "\n Trades , Vol,vwap,C,L,H,O,Timestamp\n3,1.5,junk,11,9.5,1.25e1,10,1970-01-01T00:00:00Z\n",
        "\"time\",\"open\",high,low,close,volume,count,note\n\"0\",\"10.0\",12.50,9.5,11,1.5,3.0,\"a,b\"\n",
    ];
    for text in files {
        assert_eq!(csv(text, FINAL).unwrap(), [MarketEvent::Bar(one_bar())], "{text}");
    }
}

#[test]
fn trades_are_read_exactly() {
    let text = "time,price,volume,side,type,trade_id\n1762795433.9717445,105433.60000,0.00027625,b,l,10218208\n\
                1762795457.8467374,105410.1,5e-05,SELL,m,\n1762795457.9,105410.1,1,,m,7\n";
    let trades = csv(text, ReplayOptions::default()).unwrap();
    let first = Trade {
        time: Timestamp(1_762_795_433_971_744_500),
        price: Price::from_scaled(1_054_336, 1),
        quantity: Quantity::from_scaled(27_625, 8),
        taker_side: Some(Side::Buy),
        trade_id: Some(10_218_208),
    };
    assert_eq!(trades[0], MarketEvent::Trade(first));
    let MarketEvent::Trade(second) = trades[1] else { panic!("no trade") };
    assert_eq!((second.taker_side, second.trade_id), (Some(Side::Sell), None));
    assert_eq!(trades.len(), 3);
}

#[test]
fn damage_is_named_with_line_column_and_value() {
    for (line, expected) in [
        (
            "60,nan,12.5,9.5,11,1.5,3",
            "x.csv, line 3, column open: \"nan\" is not allowed; allowed: a decimal",
        ),
        ("60,,12.5,9.5,11,1.5,3", "line 3, column open: \"\" is not allowed"),
        ("60,10,12.5,9.5,1_1,1.5,3", "line 3, column close: \"1_1\""),
        ("60,10,12.5,9.5,11,inf,3", "line 3, column volume: \"inf\""),
        ("60,10,12.5,9.5,11,1.5,-3", "line 3, column count: \"-3\" is not allowed; allowed: a whole number"),
        ("soon,10,12.5,9.5,11,1.5,3", "line 3, column time: \"soon\" is not allowed; allowed: UNIX time"),
        ("1970-01-01 00:01:00,10,12.5,9.5,11,1.5,3", "column time: \"1970-01-01 00:01:00\""),
        ("60,10,12.5,9.5,11", "line 3: 5 fields where the header names 7 columns"),
        ("60,10,12.5,9.5,11,1.5,3,4", "line 3: 8 fields where the header names 7"),
        ("60;10;12.5;9.5;11;1.5;3", "line 3: 1 fields"),
        ("60,\"10,12.5,9.5,11,1.5,3", "line 3: a double quote is not closed"),
        ("time,open,high,low,close,volume,count", "line 3, column time: \"time\""),
    ] {
        let text = format!("{}{line}\n120,10,12.5,9.5,11,1.5,3\n", bar_lines(1));
        let error = csv(&text, FINAL).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn rows_before_the_damage_are_delivered_and_nothing_after_it() {
    let path = Folder::new();
    let file = path.file("x.csv", format!("{}180,x,1,1,1,1,1\n240,1,1,1,1,1,1\n", bar_lines(3)));
    let mut source = Replay::open(&file, FINAL).unwrap();
    let mut out = Vec::new();
    assert!(matches!(source.next_batch(100, &mut out), Err(SourceError::Value { .. })));
    assert_eq!(out.len(), 3);
    assert!(matches!(source.next_batch(100, &mut out), Err(SourceError::Failed)));
    assert_eq!(out.len(), 3);
}

#[test]
fn numbers_that_are_merely_wrong_are_left_to_data_quality() {
    let events = csv(format!("{HEADER}0,-10,0,9,11,-1.5,0\n"), FINAL).unwrap();
    let MarketEvent::Bar(bar) = events[0] else { panic!("no bar") };
    assert_eq!((bar.open, bar.high), (Price::from_scaled(-10, 0), Price::ZERO));
}

#[test]
fn files_that_are_no_recording_say_so() {
    let long = vec![b'a'; 100_000];
    let cases: [(&[u8], &str); 11] = [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (HEADER.as_bytes(), "there is no row below the header"),
        (b"0,1,1,1,1,1\n60,1,1,1,1,1\n", "there is no header line"),
        (b"a,b,c\n1,2,3\n", "no column time|timestamp"),
        (b"time,open,high,low,volume\n", "no column close|c"),
        (b"time,time,price,volume\n", "two columns are named time"),
        (b"\xff\xfet\0i\0m\0e\0", "UTF-16"),
        (b"\x1f\x8b\x08\x00\x99\xff\n", "the first line is no text"),
        (b"PAR1,PAR1\n", "no column time"),
        (&long, "the line is longer than 65536 bytes"),
    ];
    for (bytes, expected) in cases {
        let error = csv(bytes, ReplayOptions::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let folder = Folder::new();
    let missing = read(&folder.0.path().join("none.csv"), FINAL).unwrap_err().to_string();
    assert!(missing.contains("none.csv: No such file"), "{missing}");
    let other = read(&folder.file("x.txt", HEADER), FINAL).unwrap_err().to_string();
    assert!(other.contains("allowed: .csv, .parquet"), "{other}");
    let none = read(folder.0.path(), FINAL).unwrap_err().to_string();
    assert!(none.contains("no regular file"), "{none}");
}

#[test]
fn the_last_bar_is_final_only_by_a_later_row_or_by_word() {
    let count =
        |text: &str, last| csv(text, ReplayOptions { last, ..ReplayOptions::default() }).unwrap().len();
    assert_eq!(count(&bar_lines(5), LastBar::Running), 4);
    assert_eq!(count(&bar_lines(5), LastBar::Final), 5);
    // A repetition of the last bar is no later row.
    let repeated = format!("{}240,10,12.5,9.5,11,1.6,4\n", bar_lines(5));
    assert_eq!(count(&repeated, LastBar::Running), 4);
    // Late rows stay in their place for data quality to judge.
    let late = format!("{}60,10,12.5,9.5,11,1.6,4\n300,10,12.5,9.5,11,1,4\n", bar_lines(5));
    assert_eq!(count(&late, LastBar::Running), 6);
}

#[test]
fn what_is_left_out_is_said_and_part_of_the_identity() {
    let folder = Folder::new();
    let file = folder.file("x.csv", bar_lines(5));
    let open = |options| Replay::open(&file, options).unwrap().info().clone();
    let running = open(ReplayOptions::default());
    assert!(running.notes[0].contains("the last bar of the file is left out"));
    assert_eq!(running.expected_events, Some(4));
    assert_eq!(running.granularity, Granularity::Bars(Timeframe::M1));
    let complete = open(FINAL);
    assert!(complete.notes.is_empty());
    assert_eq!(complete.expected_events, Some(5));
    assert_eq!(complete.identity, format!("{};last=final", running.identity));
    let hash = blake3::hash(bar_lines(5).as_bytes()).to_hex();
    assert_eq!(running.identity, format!("replay:blake3:{}", &hash[..16]));
    let quote = open(ReplayOptions { volume: VolumeUnit::Quote, ..FINAL });
    assert!(quote.identity.contains(";volume=quote") && quote.volume_unit == VolumeUnit::Quote);
}

#[test]
fn rows_without_a_later_time_do_not_fill_the_memory() {
    let mut text = bar_lines(3);
    for _ in 0..2_000 {
        text.push_str("0,10,12.5,9.5,11,1.5,3\n");
    }
    let error = csv(&text, ReplayOptions::default()).unwrap_err().to_string();
    assert!(error.contains("1024 rows follow without a later time"), "{error}");
}

#[test]
fn the_timeframe_is_the_most_common_step() {
    let lines = |times: &[i64]| {
        let mut text = HEADER.to_owned();
        for t in times {
            let _ = writeln!(text, "{t},10,12.5,9.5,11,1.5,3");
        }
        text
    };
    let open = |times: &[i64], timeframe| {
        let folder = Folder::new();
        let file = folder.file("x.csv", lines(times));
        let options = ReplayOptions { timeframe, ..ReplayOptions::default() };
        Replay::open(&file, options).map(|r| r.info().granularity)
    };
    let hours = Granularity::Bars(Timeframe::H1);
    assert_eq!(open(&[0, 3_600, 7_200, 36_000, 39_600], None).unwrap(), hours);
    // One each: the shorter step.
    assert_eq!(open(&[0, 3_600, 18_000], None).unwrap(), hours);
    assert_eq!(open(&[0, 18_000, 36_000], Some(Timeframe::H1)).unwrap(), hours);
    for (times, timeframe, expected) in [
        (&[0, 120, 240][..], None, "is 120 s, which is no timeframe"),
        (&[0, 60, 120], Some(Timeframe::H1), "timeframe=1h contradicts the rows"),
        (&[120, 60, 0], None, "rows run backwards in time"),
        (&[0], None, "one row shows no timeframe"),
        (&[0, 0, 0], None, "one row shows no timeframe"),
    ] {
        let error = open(times, timeframe).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let trades = "time,price,volume\n1,1,1\n";
    let error = csv(trades, FINAL).unwrap_err().to_string();
    assert!(error.contains("are for bars"), "{error}");
}

#[test]
fn quote_volume_becomes_base_volume_rounded_down() {
    let volume =
        |volume: &str, price: &str| base_volume(volume.parse().unwrap(), price.parse().unwrap()).to_string();
    assert_eq!(volume("2300413.7295", "46377"), "49.60246953");
    assert_eq!(volume("10", "3"), "3.33333333");
    assert_eq!(volume("0", "3"), "0");
    assert_eq!(volume("30", "10"), "3");
    assert_eq!(volume("5", "0"), "5");
    // 28 digits round this quotient up to 1; exactly it is below.
    assert_eq!(volume("0.9999999999999999999999999999", "1.0000000000000000000000000001"), "0.99999999");
    let text = format!("{HEADER}0,10,12.5,9.5,3,10,3\n");
    let events = csv(text, ReplayOptions { volume: VolumeUnit::Quote, ..FINAL }).unwrap();
    let MarketEvent::Bar(bar) = events[0] else { panic!("no bar") };
    assert_eq!(bar.volume.to_string(), "3.33333333");
}

#[test]
fn a_file_that_changes_under_the_reader_is_noticed() {
    let folder = Folder::new();
    let text = bar_lines(30_000);
    let file = folder.file("x.csv", &text);
    let mut source = Replay::open(&file, FINAL).unwrap();
    let mut out = Vec::new();
    source.next_batch(10, &mut out).unwrap();
    let last = text.rfind("1.5").unwrap();
    let changed = format!("{}1.6{}", &text[..last], &text[last + 3..]);
    fs::write(&file, changed).unwrap();
    let result = loop {
        match source.next_batch(1_000, &mut out) {
            Ok(SourceState::More) => {}
            other => break other,
        }
    };
    assert!(matches!(result, Err(SourceError::Changed { .. })), "{result:?}");
    // What is appended is not part of what was opened.
    let file = folder.file("y.csv", bar_lines(5));
    let mut source = Replay::open(&file, FINAL).unwrap();
    fs::write(&file, bar_lines(9)).unwrap();
    let mut out = Vec::new();
    while source.next_batch(10, &mut out).unwrap() == SourceState::More {}
    assert_eq!(out.len(), 5);
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

/// The columns of `one_bar` but for the time.
fn bar_columns() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("extra", Arc::new(StringArray::from(vec!["ignored"])) as ArrayRef),
        ("close", Arc::new(Int64Array::from(vec![11]))),
        ("open", floats(&[10.0])),
        ("high", Arc::new(StringArray::from(vec!["12.50"]))),
        ("low", Arc::new(Float32Array::from(vec![9.5_f32]))),
        ("volume", Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(20, 2).unwrap())),
        ("count", Arc::new(Int32Array::from(vec![3]))),
    ]
}

#[test]
fn every_type_of_a_parquet_file_gives_the_same_bar() {
    let folder = Folder::new();
    let times: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![0])),
        floats(&[0.0]),
        Arc::new(StringArray::from(vec!["1970-01-01T00:00:00Z"])),
        Arc::new(TimestampSecondArray::from(vec![0])),
        Arc::new(TimestampMillisecondArray::from(vec![0]).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC")),
        Arc::new(TimestampNanosecondArray::from(vec![0])),
        Arc::new(Date32Array::from(vec![0])),
    ];
    for time in times {
        let mut columns = bar_columns();
        columns.push(("timestamp", time.clone()));
        let path = folder.parquet(columns);
        assert_eq!(read(&path, FINAL).unwrap(), [MarketEvent::Bar(one_bar())], "{}", time.data_type());
        let notes = Replay::open(&path, FINAL).unwrap().info().notes.clone();
        // Parquet has no type for seconds: they are plain integers in the file.
        let naive = matches!(
            time.data_type(),
            arrow_schema::DataType::Timestamp(arrow_schema::TimeUnit::Nanosecond, None)
                | arrow_schema::DataType::Date32
        );
        assert_eq!(notes.iter().any(|n| n.contains("read as UTC")), naive, "{}", time.data_type());
    }
}

#[test]
fn many_parquet_rows_are_the_same_as_the_csv() {
    let folder = Folder::new();
    let n = 10_000_i64;
    let text = folder.file("x.csv", bar_lines(n));
    let repeat = |value: f64| floats(&vec![value; n as usize]);
    let path = folder.parquet(vec![
        ("time", Arc::new(Int64Array::from((0..n).map(|i| i * 60).collect::<Vec<_>>())) as ArrayRef),
        ("open", repeat(10.0)),
        ("high", repeat(12.5)),
        ("low", repeat(9.5)),
        ("close", repeat(11.0)),
        ("volume", repeat(1.5)),
        ("count", Arc::new(Int64Array::from(vec![3; n as usize]))),
    ]);
    let options = ReplayOptions::default();
    assert_eq!(read(&path, options).unwrap(), read(&text, options).unwrap());
}

#[test]
fn floats_become_the_decimals_that_a_person_meant() {
    let folder = Folder::new();
    let path = folder.parquet(vec![
        ("time", floats(&[1.5, 1_762_795_433.971_744_5])),
        ("price", floats(&[0.1, 105_433.6])),
        ("volume", floats(&[1e-8, 0.3])),
        ("side", Arc::new(StringArray::from(vec![Some("b"), None])) as ArrayRef),
    ]);
    let events = read(&path, ReplayOptions::default()).unwrap();
    let texts: Vec<_> = events
        .iter()
        .map(|event| match event {
            MarketEvent::Trade(t) => format!("{} {} {}", t.time.nanos(), t.price, t.quantity),
            other => panic!("{other:?}"),
        })
        .collect();
    // The nearest f64 to …433.9717445 prints as itself: sixteen digits are enough here.
    assert_eq!(texts[0], "1500000000 0.1 0.00000001");
    assert!(texts[1].ends_with(" 105433.6 0.3"), "{}", texts[1]);
}

#[test]
fn damaged_parquet_is_named_with_row_and_column() {
    let folder = Folder::new();
    let column = |open: ArrayRef| {
        vec![
            ("time", Arc::new(Int64Array::from(vec![0, 60])) as ArrayRef),
            ("open", open),
            ("high", floats(&[1.0, 1.0])),
            ("low", floats(&[1.0, 1.0])),
            ("close", floats(&[1.0, 1.0])),
            ("volume", floats(&[1.0, 1.0])),
        ]
    };
    for (open, expected) in [
        (floats(&[1.0, f64::NAN]), "row 2, column open: \"NaN\" is not allowed"),
        (floats(&[1.0, f64::INFINITY]), "row 2, column open: \"inf\""),
        (Arc::new(Float64Array::from(vec![Some(1.0), None])), "row 2, column open: \"null\""),
        (Arc::new(StringArray::from(vec!["1", "x"])), "row 2, column open: \"x\""),
        (
            Arc::new(
                Decimal128Array::from(vec![1, 10_i128.pow(30)]).with_precision_and_scale(38, 0).unwrap(),
            ),
            "row 2, column open: \"1000000000000000000000000000000e0\"",
        ),
        (Arc::new(arrow_array::BooleanArray::from(vec![true, true])), "column open is of type Boolean"),
    ] {
        let error = read(&folder.parquet(column(open)), FINAL).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let torn = folder.parquet(column(floats(&[1.0, 2.0])));
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    let error = read(&torn, FINAL).unwrap_err().to_string();
    assert!(error.contains("no readable Parquet file"), "{error}");
}

#[test]
fn a_flipped_byte_of_a_parquet_file_does_not_panic() {
    let folder = Folder::new();
    let mut columns = bar_columns();
    columns.push(("time", Arc::new(Int64Array::from(vec![0]))));
    let path = folder.parquet(columns);
    let whole = fs::read(&path).unwrap();
    for position in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        let damaged = folder.file("damaged.parquet", &bytes);
        if let Ok(events) = read(&damaged, FINAL) {
            assert!(events.len() <= 1, "byte {position}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_damaged_csv_panics_or_gains_rows(
        hits in proptest::collection::vec((0_usize..300, any::<u8>()), 1..6),
        cut in 0_usize..300,
    ) {
        let mut bytes = bar_lines(9).into_bytes();
        for (position, byte) in hits {
            let position = position % bytes.len();
            bytes[position] = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut % 40));
        let lines = bytes.split(|b| *b == b'\n').count();
        if let Ok(events) = csv(&bytes, FINAL) {
            prop_assert!(events.len() < lines);
        }
    }
}
