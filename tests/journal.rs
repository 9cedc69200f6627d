//! The journal against everything that can happen to a file: cut at every byte, every bit
//! flipped, power lost with and without syncs, a full disk, a broken one.

// Helpers of tests are outside `#[test]` functions, where the lint's exception does not reach.
#![allow(clippy::unwrap_used)]

use peak_trade::domain::{
    Bar, Instrument, MarketEvent, Money, OrderId, Price, Quantity, RunId, RunMode, Side, Symbol,
    TargetPosition, Timeframe, Timestamp, Trade,
};
use peak_trade::messages::{
    DecisionKey, DecisionRecord, Fill, Input, InputBatch, KeyedRecord, Liquidity, OperationalRecord,
    OrderState, OrderUpdate, SessionHeader, Stage,
};
use peak_trade::runlog::journal::faulty::{Faults, FaultyFile};
use peak_trade::runlog::journal::{
    Damage, FILE_HEADER, JournalEntry, JournalFile, JournalReader, JournalWriter, ScanReport, scan_source,
};
use peak_trade::runlog::{RunLogError, decisions, digest};
use proptest::prelude::*;

fn symbol() -> Symbol {
    "BTC/EUR".parse().unwrap()
}

fn keyed(input: u64, stage: Stage, index: u32, record: DecisionRecord) -> KeyedRecord {
    KeyedRecord { key: DecisionKey { input, stage, index }, record }
}

fn header() -> KeyedRecord {
    keyed(
        0,
        Stage::Header,
        0,
        DecisionRecord::Header(Box::new(SessionHeader {
            schema_version: 1,
            instrument: Instrument {
                symbol: symbol(),
                tick_size: "0.1".parse().unwrap(),
                lot_size: "0.00000001".parse().unwrap(),
                min_quantity: "0.0001".parse().unwrap(),
                min_notional: "0.5".parse().unwrap(),
            },
            timeframe: Timeframe::M1,
            strategy: "ma_crossover".to_owned(),
            settings: [("risk.max".to_owned(), "100".to_owned())].into(),
            source: "synthetic".to_owned(),
            seed: 42,
            start_balance: Money::from_scaled(10_000, 0),
        })),
    )
}

fn trade(number: u64) -> Input {
    let n = i64::try_from(number).unwrap();
    Input {
        number,
        event: MarketEvent::Trade(Trade {
            time: Timestamp::from_secs(1_700_000_000 + n),
            price: Price::from_scaled(568_740 + n % 7, 1),
            quantity: Quantity::from_scaled(1_000 + n, 8),
            taker_side: Some(Side::Buy),
            trade_id: Some(900 + number),
        }),
        accepted: !number.is_multiple_of(5),
    }
}

fn bar(number: u64) -> Input {
    let n = i64::try_from(number).unwrap();
    Input {
        number,
        event: MarketEvent::Bar(Bar {
            open_time: Timestamp::from_secs(1_700_000_000 / 60 * 60 + 60 * n),
            timeframe: Timeframe::M1,
            open: Price::from_scaled(100 + n, 0),
            high: Price::from_scaled(1_025 + 10 * n, 1),
            low: Price::from_scaled(99 + n, 0),
            close: Price::from_scaled(101 + n, 0),
            volume: Quantity::from_scaled(125, 2),
            trade_count: None,
        }),
        accepted: true,
    }
}

fn batch(inputs: Vec<Input>) -> InputBatch {
    InputBatch { received_at: Timestamp::from_secs(1_765_000_000), inputs, ..InputBatch::default() }
}

fn update(input: u64, index: u32, filled: &str) -> KeyedRecord {
    keyed(
        input,
        Stage::Match,
        index,
        DecisionRecord::Order(OrderUpdate {
            order_id: OrderId(input),
            input,
            at: Timestamp::from_secs(1_700_000_000),
            state: OrderState::Filled,
            filled: filled.parse::<rust_decimal::Decimal>().unwrap().into(),
            reason: String::new(),
        }),
    )
}

fn fill(input: u64) -> KeyedRecord {
    keyed(
        input,
        Stage::Match,
        0,
        DecisionRecord::Fill(Fill {
            fill_id: input,
            order_id: OrderId(input),
            input,
            at: Timestamp::from_secs(1_700_000_000),
            symbol: symbol(),
            side: Side::Buy,
            quantity: Quantity::from_scaled(125, 3),
            price: Price::from_scaled(568_741, 1),
            fee: Money::from_scaled(28, 2),
            liquidity: Liquidity::Taker,
        }),
    )
}

fn signal(input: u64) -> KeyedRecord {
    keyed(input, Stage::Signal, 0, DecisionRecord::Signal { symbol: symbol(), target: TargetPosition::Long })
}

fn note(text: &str) -> OperationalRecord {
    OperationalRecord::Note { text: text.to_owned(), at: Timestamp::from_secs(1_765_000_001) }
}

/// A short journal with every kind of record, and the byte at which each record ends.
fn short_journal() -> (Vec<u8>, Vec<usize>, Vec<JournalEntry>) {
    let file = FaultyFile::default();
    let mut writer = JournalWriter::new(file.clone()).unwrap();
    let mut ends = Vec::new();
    let mut mark = |writer: &mut JournalWriter<FaultyFile>| {
        writer.commit().unwrap();
        ends.push(file.contents().len());
    };
    let started = OperationalRecord::RunStarted {
        run_id: RunId::new(RunMode::Shadow, Timestamp::from_secs(1_765_108_800), 0xabc),
        at: Timestamp::from_secs(1_765_108_800),
        version: "0.1.0".to_owned(),
        pid: 7,
    };
    writer.append_operational(&started).unwrap();
    mark(&mut writer);
    writer.append_decisions(&[header()]).unwrap();
    mark(&mut writer);
    writer.append_inputs(&batch((1..=5).map(trade).collect())).unwrap();
    mark(&mut writer);
    writer.append_decisions(&[signal(2)]).unwrap();
    mark(&mut writer);
    writer.append_inputs(&batch((6..=8).map(bar).collect())).unwrap();
    mark(&mut writer);
    for record in [fill(6), update(6, 1, "0.125")] {
        writer.append_decisions(&[record]).unwrap();
        mark(&mut writer);
    }
    writer.append_operational(&note("end")).unwrap();
    mark(&mut writer);
    let bytes = file.contents();
    let entries = read(&bytes);
    assert_eq!(entries.len(), ends.len());
    (bytes, ends, entries)
}

fn read(bytes: &[u8]) -> Vec<JournalEntry> {
    JournalReader::new(bytes).collect::<Result<_, _>>().unwrap()
}

fn scan(bytes: &[u8]) -> ScanReport {
    scan_source(bytes).unwrap()
}

#[test]
fn what_was_written_is_read() {
    let (bytes, ends, entries) = short_journal();
    let report = scan(&bytes);
    assert_eq!(report.damage, Damage::None);
    assert_eq!(report.valid_records, ends.len() as u64);
    assert_eq!(report.valid_bytes, bytes.len() as u64);
    assert_eq!((report.inputs, report.last_input, report.decisions, report.operational), (8, 8, 4, 2));
    assert_eq!(entries.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    let inputs: Vec<Input> = entries
        .iter()
        .filter_map(|e| match &e.record {
            peak_trade::runlog::journal::JournalRecord::Inputs(batch) => Some(batch.inputs.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let expected: Vec<Input> = (1..=5).map(trade).chain((6..=8).map(bar)).collect();
    assert_eq!(format!("{inputs:?}"), format!("{expected:?}"));
}

#[test]
fn a_journal_cut_at_any_byte_yields_the_whole_records_before_the_cut() {
    let (bytes, ends, entries) = short_journal();
    for cut in 0..bytes.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let valid = if cut < FILE_HEADER { 0 } else { ends[..whole].last().copied().unwrap_or(FILE_HEADER) };
        let report = scan(&bytes[..cut]);
        assert_eq!(report.valid_records, whole as u64, "cut at {cut}");
        assert_eq!(report.valid_bytes, valid as u64, "cut at {cut}");
        let damage = if cut == valid && cut > 0 {
            Damage::None
        } else {
            Damage::TornTail { at_byte: valid as u64, cut_bytes: (cut - valid) as u64 }
        };
        assert_eq!(report.damage, damage, "cut at {cut}");
        assert_eq!(read(&bytes[..cut]), entries[..whole], "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_anywhere_ends_the_prefix_exactly_there() {
    let (bytes, ends, entries) = short_journal();
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        // The record that holds the byte is the first invalid one; the file header spoils all.
        let whole = if at < FILE_HEADER { 0 } else { ends.iter().filter(|end| **end <= at).count() };
        let valid = if at < FILE_HEADER { 0 } else { ends[..whole].last().copied().unwrap_or(FILE_HEADER) };
        let hit = usize::from(at >= FILE_HEADER);
        let after = (ends.len() - whole - hit) as u64;
        for bit in 0..8 {
            damaged[at] ^= 1 << bit;
            let report = scan(&damaged);
            assert_eq!(report.valid_records, whole as u64, "byte {at} bit {bit}");
            assert_eq!(report.valid_bytes, valid as u64, "byte {at} bit {bit}");
            let expected = if after == 0 {
                Damage::TornTail { at_byte: valid as u64, cut_bytes: (bytes.len() - valid) as u64 }
            } else {
                Damage::Corruption { at_byte: valid as u64, at_seq: whole as u64 + 1, valid_after: after }
            };
            assert_eq!(report.damage, expected, "byte {at} bit {bit}");
            assert_eq!(read(&damaged), entries[..whole], "byte {at} bit {bit}");
            damaged[at] ^= 1 << bit;
        }
    }
}

#[test]
fn records_that_were_moved_removed_or_repeated_do_not_pass() {
    let (bytes, ends, entries) = short_journal();
    let starts: Vec<usize> = std::iter::once(FILE_HEADER).chain(ends.iter().copied()).collect();
    for i in 0..ends.len() {
        let record = &bytes[starts[i]..ends[i]];
        let without = [&bytes[..starts[i]], &bytes[ends[i]..]].concat();
        let report = scan(&without);
        assert_eq!(report.valid_records, i as u64);
        assert_eq!(read(&without), entries[..i]);
        if i + 1 < ends.len() {
            assert!(matches!(report.damage, Damage::Corruption { .. }), "removed {i}: {:?}", report.damage);
        }
        let twice = [&bytes[..ends[i]], record, &bytes[ends[i]..]].concat();
        let report = scan(&twice);
        assert_eq!(report.valid_records, i as u64 + 1);
        assert!(matches!(report.damage, Damage::Corruption { .. }), "repeated {i}: {:?}", report.damage);
    }
}

#[test]
fn a_record_with_a_right_checksum_and_a_wrong_chain_is_refused() {
    // Two journals that differ in their first record only: the second record of one, put into the
    // other, has the right length, number and checksum.
    let journal = |text: &str| {
        let file = FaultyFile::default();
        let mut writer = JournalWriter::new(file.clone()).unwrap();
        writer.append_operational(&note(text)).unwrap();
        writer.commit().unwrap();
        let first = file.contents().len();
        writer.append_operational(&note("same")).unwrap();
        writer.commit().unwrap();
        (file.contents(), first)
    };
    let (ours, end) = journal("aaaa");
    let (theirs, _) = journal("bbbb");
    let forged = [&ours[..end], &theirs[end..]].concat();
    assert_eq!(read(&forged).len(), 1);
    assert_eq!(scan(&forged).damage, Damage::Corruption { at_byte: end as u64, at_seq: 2, valid_after: 1 });
}

#[test]
fn zeroes_and_noise_behind_the_last_record_are_a_torn_tail() {
    let (bytes, ends, _) = short_journal();
    let mut noise = 0x2545_f491_4f6c_dd1du64;
    let noise: Vec<u8> = (0..100_000)
        .map(|_| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()[3]
        })
        .collect();
    for tail in [vec![0; 100_000], noise, vec![0xff; 33]] {
        let report = scan(&[bytes.as_slice(), &tail].concat());
        assert_eq!(report.valid_records, ends.len() as u64);
        let (at_byte, cut_bytes) = (bytes.len() as u64, tail.len() as u64);
        assert_eq!(report.damage, Damage::TornTail { at_byte, cut_bytes });
    }
}

#[test]
fn a_newer_format_is_named_and_not_cut() {
    let (mut bytes, _, _) = short_journal();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(scan_source(bytes.as_slice()), Err(RunLogError::UnknownVersion { found: 2, known: 1 }));
}

/// Writes rounds of records and commits each; returns for each commit what it acknowledged.
/// `power_cut` looks at the file after each step.
fn run_rounds(file: &FaultyFile, sizes: &[usize], mut power_cut: impl FnMut(&FaultyFile, u64)) {
    let mut writer = JournalWriter::new(file.clone()).unwrap();
    let mut acknowledged = 0;
    let mut input = 1;
    for size in sizes {
        for _ in 0..*size {
            writer.append_inputs(&batch(vec![trade(input)])).unwrap();
            writer.append_decisions(&[signal(input)]).unwrap();
            input += 1;
        }
        power_cut(file, acknowledged);
        writer.flush().unwrap();
        power_cut(file, acknowledged);
        acknowledged = writer.commit().unwrap();
        assert_eq!(acknowledged, writer.appended_seq());
        power_cut(file, acknowledged);
    }
}

/// How many acknowledged records a loss of power takes, at the worst of all moments.
fn worst_loss(faults: Faults, sizes: &[usize]) -> u64 {
    let mut worst = 0;
    run_rounds(&FaultyFile::new(faults), sizes, |file, acknowledged| {
        for lucky in [0, 1, 40, file.unsynced() / 2, file.unsynced()] {
            let report = scan(&file.after_power_loss(lucky));
            assert!(matches!(report.damage, Damage::None | Damage::TornTail { .. }));
            worst = worst.max(acknowledged.saturating_sub(report.last_seq));
        }
    });
    worst
}

#[test]
fn a_loss_of_power_takes_no_acknowledged_record() {
    assert_eq!(worst_loss(Faults::default(), &[1, 3, 1, 20, 2]), 0);
    let bumpy = Faults { short_writes: Some(7), interrupts: true, ..Faults::default() };
    assert_eq!(worst_loss(bumpy, &[1, 3, 1, 20, 2]), 0);
}

#[test]
fn a_planted_missing_sync_is_caught() {
    let forgetful = Faults { forget_sync: true, ..Faults::default() };
    assert!(worst_loss(forgetful, &[1, 3, 1, 20, 2]) > 0);
}

#[test]
fn a_commit_without_news_costs_no_sync() {
    let file = FaultyFile::default();
    let mut writer = JournalWriter::new(file.clone()).unwrap();
    writer.append_operational(&note("x")).unwrap();
    assert_eq!(writer.commit(), Ok(1));
    let syncs = file.syncs();
    assert_eq!(writer.commit(), Ok(1));
    assert_eq!(file.syncs(), syncs);
}

#[test]
fn a_full_disk_kills_the_writer_and_leaves_the_acknowledged_prefix() {
    let (bytes, ..) = short_journal();
    for disk in FILE_HEADER..bytes.len() {
        let file = FaultyFile::new(Faults { disk_bytes: Some(disk), ..Faults::default() });
        let mut writer = JournalWriter::new(file.clone()).unwrap();
        let mut acknowledged = 0;
        let mut failure = None;
        for input in 1..200 {
            writer.append_inputs(&batch(vec![trade(input)])).unwrap();
            match writer.commit() {
                Ok(seq) => acknowledged = seq,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let failure = failure.unwrap();
        assert!(failure.is_disk_full(), "{failure}");
        // Space returns; the writer stays dead all the same.
        file.set_faults(Faults::default());
        let before = file.contents();
        assert_eq!(writer.append_operational(&note("late")), Err(failure.clone()));
        assert_eq!(writer.append_inputs(&batch(vec![trade(900)])), Err(failure.clone()));
        assert_eq!(writer.append_decisions(&[signal(1)]), Err(failure.clone()));
        assert_eq!(writer.flush(), Err(failure.clone()));
        assert_eq!(writer.commit(), Err(failure.clone()));
        assert_eq!(writer.failure(), Some(&failure));
        assert_eq!(file.contents(), before);
        let report = scan(&before);
        assert!(report.last_seq >= acknowledged);
        assert!(matches!(report.damage, Damage::None | Damage::TornTail { .. }));
    }
}

#[test]
fn one_failed_write_or_sync_is_for_ever() {
    for faults in [
        Faults { fail_write: Some(3), ..Faults::default() },
        Faults { fail_sync: Some(3), ..Faults::default() },
    ] {
        let file = FaultyFile::new(faults);
        let mut writer = JournalWriter::new(file.clone()).unwrap();
        writer.append_operational(&note("one")).unwrap();
        assert_eq!(writer.commit(), Ok(1));
        writer.append_operational(&note("two")).unwrap();
        let failure = writer.commit().unwrap_err();
        assert_eq!(writer.durable_seq(), 1);
        assert_eq!(writer.commit(), Err(failure.clone()));
        assert_eq!(writer.append_operational(&note("three")), Err(failure));
        assert!(scan(&file.contents()).last_seq <= 2);
    }
}

#[test]
fn a_failing_header_gives_no_writer() {
    for faults in [
        Faults { disk_bytes: Some(5), ..Faults::default() },
        Faults { fail_write: Some(1), ..Faults::default() },
        Faults { fail_sync: Some(1), ..Faults::default() },
    ] {
        assert!(JournalWriter::new(FaultyFile::new(faults)).is_err());
    }
    let mut used = FaultyFile::default();
    used.write_all(b"x").unwrap();
    assert!(JournalWriter::new(used).is_err());
}

#[test]
fn the_buffer_is_bounded() {
    let file = FaultyFile::default();
    let mut writer = JournalWriter::new(file.clone()).unwrap();
    let text = "x".repeat(1_000);
    for _ in 0..5_000 {
        writer.append_operational(&note(&text)).unwrap();
        let buffered = writer.appended_seq() - writer.written_seq();
        assert!(buffered <= 300, "{buffered} records wait");
    }
    assert!(file.contents().len() > 4_000_000);
}

#[test]
fn batches_that_break_the_numbering_are_refused_and_leave_no_trace() {
    let file = FaultyFile::default();
    let mut writer = JournalWriter::new(file.clone()).unwrap();
    writer.append_inputs(&batch(vec![trade(1), trade(2)])).unwrap();
    for bad in
        [vec![trade(2)], vec![trade(3), trade(5)], vec![trade(4), trade(3)], (3..=1_027).map(trade).collect()]
    {
        assert!(matches!(writer.append_inputs(&batch(bad)), Err(RunLogError::BadBatch { .. })));
    }
    assert_eq!(writer.append_inputs(&batch(Vec::new())), Ok(1));
    assert_eq!(writer.append_inputs(&batch((3..=1_026).map(trade).collect())), Ok(2));
    writer.commit().unwrap();
    let report = scan(&file.contents());
    assert_eq!((report.valid_records, report.inputs, report.last_input), (2, 1_026, 1_026));
}

#[test]
fn a_journal_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.bin");
    let mut writer = JournalWriter::create(&path).unwrap();
    writer.append_inputs(&batch(vec![trade(1)])).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert!(JournalWriter::create(&path).is_err());
    let mut writer = JournalWriter::open(&path).unwrap();
    assert_eq!((writer.durable_seq(), writer.last_input()), (1, 1));
    assert!(writer.append_inputs(&batch(vec![trade(1)])).is_err());
    writer.append_inputs(&batch(vec![trade(2)])).unwrap();
    assert_eq!(writer.commit(), Ok(2));
    let report = peak_trade::runlog::scan(&path).unwrap();
    assert_eq!((report.valid_records, report.damage), (2, Damage::None));
    // Damage must be recovered first.
    std::fs::write(&path, &std::fs::read(&path).unwrap()[..report.valid_bytes as usize - 1]).unwrap();
    assert!(JournalWriter::open(&path).is_err());
}

#[test]
fn a_reader_follows_a_growing_journal() {
    let (bytes, ends, entries) = short_journal();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.bin");
    std::fs::write(&path, b"").unwrap();
    let mut reader = JournalReader::open(&path).unwrap();
    let mut seen = Vec::new();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    for chunk in bytes.chunks(11) {
        std::io::Write::write_all(&mut file, chunk).unwrap();
        while let Some(entry) = reader.next_entry().unwrap() {
            seen.push(entry);
        }
        assert!(!matches!(reader.damage().unwrap(), Damage::Corruption { .. }));
    }
    assert_eq!(seen, entries);
    assert_eq!(seen.len(), ends.len());
}

/// Writes the given records in the given order and returns the digest.
fn digest_of(write: impl FnOnce(&mut JournalWriter<peak_trade::runlog::OsFile>)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.bin");
    let mut writer = JournalWriter::create(&path).unwrap();
    write(&mut writer);
    writer.commit().unwrap();
    let digest = digest(&path).unwrap();
    assert!(!digest.torn);
    digest.hex
}

#[test]
fn the_digest_sees_decisions_and_nothing_else() {
    let plain = digest_of(|w| {
        w.append_decisions(&[header()]).unwrap();
        w.append_inputs(&batch((1..=10).map(trade).collect())).unwrap();
        w.append_decisions(&[signal(3), fill(5), update(5, 1, "0.125")]).unwrap();
    });
    let shuffled = digest_of(|w| {
        w.append_inputs(&batch((1..=4).map(trade).collect())).unwrap();
        w.append_operational(&note("wall clock")).unwrap();
        w.append_decisions(&[update(5, 1, "0.1250")]).unwrap();
        for n in 5..=10 {
            let mut late = batch(vec![trade(n)]);
            late.received_at = Timestamp::from_secs(1_800_000_000);
            w.append_inputs(&late).unwrap();
        }
        w.append_decisions(&[fill(5), signal(3), header()]).unwrap();
    });
    assert_eq!(plain, shuffled);
    let changed = [
        digest_of(|w| {
            w.append_decisions(&[header()]).unwrap();
            w.append_inputs(&batch((1..=10).map(trade).collect())).unwrap();
            w.append_decisions(&[signal(3), fill(5), update(5, 1, "0.126")]).unwrap();
        }),
        digest_of(|w| {
            w.append_decisions(&[header()]).unwrap();
            w.append_inputs(&batch((1..=9).map(trade).collect())).unwrap();
            w.append_decisions(&[signal(3), fill(5), update(5, 1, "0.125")]).unwrap();
        }),
        digest_of(|w| {
            w.append_decisions(&[header()]).unwrap();
            let mut inputs: Vec<Input> = (1..=10).map(trade).collect();
            inputs[6].accepted = !inputs[6].accepted;
            w.append_inputs(&batch(inputs)).unwrap();
            w.append_decisions(&[signal(3), fill(5), update(5, 1, "0.125")]).unwrap();
        }),
    ];
    assert!(changed.iter().all(|other| *other != plain));
}

#[test]
fn decisions_come_in_canonical_order_and_corruption_has_no_digest() {
    let (bytes, ends, _) = short_journal();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.bin");
    std::fs::write(&path, &bytes).unwrap();
    let records: Vec<KeyedRecord> = decisions(&path).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(records.len(), 12);
    assert!(records.is_sorted_by_key(|r| r.key));
    assert_eq!(records[0], header());
    // A torn tail is left out.
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(digest(&path).unwrap().torn);
    let mut corrupt = bytes;
    corrupt[ends[1] + 40] ^= 1;
    std::fs::write(&path, &corrupt).unwrap();
    let error = digest(&path).unwrap_err();
    assert_eq!(error, RunLogError::Corrupt { at_byte: ends[1] as u64, at_seq: 3, valid_after: 5 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn borders_of_batches_do_not_matter(cuts in prop::collection::btree_set(1usize..60, 0..20)) {
        let inputs: Vec<Input> = (1..=30).map(trade).chain((31..=60).map(bar)).collect();
        let whole = digest_of(|w| { w.append_inputs(&batch(inputs.clone())).unwrap(); });
        let parts = digest_of(|w| {
            let mut from = 0;
            for to in cuts.iter().copied().chain([inputs.len()]) {
                w.append_inputs(&batch(inputs[from..to].to_vec())).unwrap();
                from = to;
            }
        });
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn any_garbage_is_read_without_a_false_record(
        garbage in prop::collection::vec(any::<u8>(), 0..400),
        at in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, ends, entries) = short_journal();
        let at = at.index(bytes.len());
        let n = garbage.len().min(bytes.len() - at);
        let changed = bytes[at..at + n] != garbage[..n];
        bytes[at..at + n].copy_from_slice(&garbage[..n]);
        let read = read(&bytes);
        let first_hit = ends.iter().filter(|end| **end <= at).count();
        prop_assert!(read.len() >= first_hit || at < FILE_HEADER);
        prop_assert_eq!(&read[..], &entries[..read.len()]);
        if !changed {
            prop_assert_eq!(read.len(), entries.len());
        }
    }
}
