use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::super::journal::{Damage, scan};
use super::super::{
    Outcome, RecoverOptions, RegistryRecord, RegistryStatus, RunLogError, TableFormat, read_events, recover,
    recover_all,
};
use super::*;

fn options() -> RecoverOptions {
    RecoverOptions { now: START + Timeframe::D1.span(), registry_dir: None }
}

/// Every file of the folder, byte by byte.
fn contents(folder: &RunFolder) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder.dir())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn a_living_run_is_left_alone() {
    let base = tempfile::tempdir().unwrap();
    let (folder, lock, _writer) = running(base.path());
    let before = contents(&folder);
    assert!(matches!(recover(folder.dir(), &options()), Err(RunLogError::Alive { .. })));
    assert!(recover_all(base.path(), &options()).unwrap().is_empty());
    assert_eq!(contents(&folder), before);
    drop(lock);
    assert_eq!(recover_all(base.path(), &options()).unwrap().len(), 1);
}

#[test]
fn a_crash_is_sealed_once() {
    let base = tempfile::tempdir().unwrap();
    let (folder, lock, writer) = running(base.path());
    drop((lock, writer));
    let registry = base.path().join("registry");
    RegistryRecord::started(run_id(), RunMode::Shadow, "BTC/EUR", START).write_started(&registry).unwrap();
    let options = RecoverOptions { registry_dir: Some(registry.clone()), ..options() };
    let report = recover(folder.dir(), &options).unwrap();
    assert_eq!((report.outcome, report.torn.clone(), report.is_failure()), (Outcome::Crashed, None, false));
    let derived = report.derived.unwrap();
    assert_eq!((derived.steps, derived.order_count, derived.fill_count), (4, 3, 2));
    let meta = Meta::read(&folder.meta()).unwrap();
    assert_eq!((meta.state, meta.ended_at), (RunState::Crashed, Some(options.now)));
    assert_eq!(meta.exit_reason, "crashed; last sign of life 2025-12-07T12:00:00Z");
    let found = scan(&folder.journal()).unwrap();
    assert_eq!(found.damage, Damage::None);
    assert_eq!(found.ending.unwrap().state, "crashed");
    let record = RegistryRecord::read(&report.registry.unwrap()).unwrap();
    assert_eq!((record.status, record.error.as_deref()), (RegistryStatus::Failed, Some("crashed")));
    assert_eq!(record.finished_at, Some(options.now));
    let before = contents(&folder);
    let later = RecoverOptions { now: options.now + Timeframe::D1.span(), ..options };
    let again = recover(folder.dir(), &later).unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyFinal(RunState::Crashed));
    assert_eq!(contents(&folder), before);
}

#[test]
fn a_tail_torn_at_any_byte_is_kept_and_cut() {
    let base = tempfile::tempdir().unwrap();
    let (folder, lock, writer) = running(base.path());
    drop((lock, writer));
    let whole = fs::read(folder.journal()).unwrap();
    let meta = fs::read(folder.meta()).unwrap();
    let cuts = [0, 1, 15, 16, 17, 60, whole.len() / 2, whole.len() - 40, whole.len() - 1];
    for cut in cuts {
        fs::write(folder.journal(), &whole[..cut]).unwrap();
        fs::write(folder.meta(), &meta).unwrap();
        let _ = fs::remove_file(folder.dir().join("journal.torn"));
        let before = scan(&folder.journal()).unwrap();
        let report = recover(folder.dir(), &options()).unwrap();
        assert_eq!(report.outcome, Outcome::Crashed, "{cut}");
        let valid = usize::try_from(before.valid_bytes).unwrap();
        if let Damage::TornTail { at_byte, cut_bytes } = before.damage {
            let torn = report.torn.unwrap();
            assert_eq!((torn.at_byte, torn.bytes), (at_byte, cut_bytes));
            match torn.saved_as {
                Some(path) => assert_eq!(fs::read(path).unwrap(), &whole[valid..cut]),
                None => assert_eq!(cut_bytes, 0),
            }
        } else {
            assert_eq!(report.torn, None);
        }
        let after = fs::read(folder.journal()).unwrap();
        assert_eq!(after[..valid], whole[..valid], "{cut}");
        let found = scan(&folder.journal()).unwrap();
        assert_eq!((found.damage, found.valid_records), (Damage::None, before.valid_records + 1), "{cut}");
        let steps = read_events(&folder.journal()).unwrap().len() as u64;
        assert_eq!(report.derived.unwrap().steps, steps);
    }
}

#[test]
fn corruption_is_set_aside_untouched_and_named() {
    let base = tempfile::tempdir().unwrap();
    let (folder, lock, writer) = running(base.path());
    drop((lock, writer));
    let whole = fs::read(folder.journal()).unwrap();
    // In the file header, and in the last step but one.
    for at in [5, whole.len() - 300] {
        let base = tempfile::tempdir().unwrap();
        let (folder, lock, writer) = running(base.path());
        drop((lock, writer));
        let mut corrupt = whole.clone();
        corrupt[at] ^= 4;
        fs::write(folder.journal(), &corrupt).unwrap();
        let before = scan(&folder.journal()).unwrap();
        let Damage::Corruption { at_byte, at_seq, valid_after } = before.damage else {
            panic!("{:?}", before.damage)
        };
        let report = recover(folder.dir(), &options()).unwrap();
        assert!(report.is_failure());
        assert_eq!(report.outcome, Outcome::Corrupt { at_byte, at_seq, valid_after });
        assert_eq!(report.quarantined, Some(folder.dir().join("journal.corrupt")));
        assert_eq!(fs::read(folder.dir().join("journal.corrupt")).unwrap(), corrupt);
        let meta = Meta::read(&folder.meta()).unwrap();
        assert_eq!(meta.state, RunState::Corrupt);
        assert!(meta.exit_reason.contains(&format!("byte {at_byte}, where record {at_seq}")), "{meta:?}");
        let found = scan(&folder.journal()).unwrap();
        assert_eq!((found.damage, found.valid_records), (Damage::None, before.valid_records + 1));
        assert_eq!(found.ending.unwrap().state, "corrupt");
        let derived = report.derived.unwrap();
        assert_eq!(derived.steps, read_events(&folder.journal()).unwrap().len() as u64);
        assert!(derived.steps < 4);
        let before = contents(&folder);
        let again = recover(folder.dir(), &options()).unwrap();
        assert_eq!(again.outcome, Outcome::AlreadyFinal(RunState::Corrupt));
        assert!(again.is_failure());
        assert_eq!(contents(&folder), before);
    }
}

#[test]
fn an_interrupted_recovery_is_finished_by_the_next() {
    // Torn, corrupt: after the first recovery meta.json is put back to `running`, as if the
    // process had died just before the last step.
    for corrupt in [false, true] {
        let base = tempfile::tempdir().unwrap();
        let (folder, lock, writer) = running(base.path());
        drop((lock, writer));
        let mut bytes = fs::read(folder.journal()).unwrap();
        let meta = fs::read(folder.meta()).unwrap();
        if corrupt {
            bytes[100] ^= 1;
        } else {
            bytes.truncate(bytes.len() - 5);
        }
        fs::write(folder.journal(), &bytes).unwrap();
        // Died right after the first file was set aside.
        let kept = folder.dir().join(if corrupt { "journal.corrupt" } else { "journal.torn" });
        if corrupt {
            fs::hard_link(folder.journal(), &kept).unwrap();
        } else {
            let valid = usize::try_from(scan(&folder.journal()).unwrap().valid_bytes).unwrap();
            fs::write(&kept, &bytes[valid..]).unwrap();
        }
        let first = recover(folder.dir(), &options()).unwrap();
        let kept_bytes = fs::read(&kept).unwrap();
        let sealed = fs::read(folder.journal()).unwrap();
        fs::write(folder.meta(), &meta).unwrap();
        fs::write(folder.dir().join(".events.parquet.x.tmp"), b"half").unwrap();
        let second = recover(folder.dir(), &options()).unwrap();
        assert_eq!(second.outcome, first.outcome);
        assert_eq!(fs::read(folder.journal()).unwrap(), sealed);
        assert_eq!(fs::read(&kept).unwrap(), kept_bytes);
        let names: Vec<String> = contents(&folder).into_keys().collect();
        assert_eq!(names.len(), 8, "{names:?}");
        let state = if corrupt { RunState::Corrupt } else { RunState::Crashed };
        assert_eq!(Meta::read(&folder.meta()).unwrap().state, state);
    }
}

#[test]
fn a_run_that_ended_in_order_keeps_its_state() {
    let base = tempfile::tempdir().unwrap();
    let (folder, lock, mut writer) = running(base.path());
    writer.append_operational(&ended(RunState::Completed)).unwrap();
    writer.commit().unwrap();
    drop((lock, writer));
    let sealed = fs::read(folder.journal()).unwrap();
    let registry = base.path().join("registry");
    RegistryRecord::started(run_id(), RunMode::Shadow, "BTC/EUR", START).write_started(&registry).unwrap();
    let options = RecoverOptions { registry_dir: Some(registry), ..options() };
    let report = recover(folder.dir(), &options).unwrap();
    assert_eq!(report.outcome, Outcome::Finished(RunState::Completed));
    assert_eq!(fs::read(folder.journal()).unwrap(), sealed);
    let meta = Meta::read(&folder.meta()).unwrap();
    assert_eq!(meta.ended_at, Some(START + Timeframe::H1.span()));
    assert_eq!((meta.state, meta.exit_reason.as_str()), (RunState::Completed, "end of data"));
    let record = RegistryRecord::read(&report.registry.unwrap()).unwrap();
    assert_eq!((record.status, record.error), (RegistryStatus::Completed, None));
}

#[test]
fn a_lost_or_broken_meta_is_made_anew_from_the_journal() {
    for broken in [false, true] {
        let base = tempfile::tempdir().unwrap();
        let (folder, lock, writer) = running(base.path());
        drop((lock, writer));
        fs::remove_file(folder.meta()).unwrap();
        if broken {
            fs::write(folder.meta(), b"{ half").unwrap();
        }
        fs::write(folder.events(TableFormat::Csv), b"old").unwrap();
        let report = recover(folder.dir(), &options()).unwrap();
        assert!(report.meta_rebuilt);
        let meta = Meta::read(&folder.meta()).unwrap();
        assert_eq!((meta.strategy_name.as_str(), meta.symbol.as_str()), ("ma_crossover", "BTC/EUR"));
        assert_eq!((meta.timeframe.as_str(), meta.mode.as_str()), ("1m", "shadow"));
        assert_eq!((meta.started_at, meta.pid, meta.seed), (START, 77, 42));
        assert!(meta.is_synthetic);
        assert_eq!(meta.config_snapshot["risk.max_order_notional"], Value::from("100"));
        assert_eq!(meta.state, RunState::Crashed);
        assert_eq!(fs::read_to_string(folder.events(TableFormat::Csv)).unwrap().lines().count(), 5);
        assert_eq!(folder.dir().join("meta.json.unreadable").exists(), broken);
    }
}

#[test]
fn a_missing_journal_is_said() {
    let base = tempfile::tempdir().unwrap();
    let (folder, lock, writer) = running(base.path());
    drop((lock, writer));
    fs::remove_file(folder.journal()).unwrap();
    let report = recover(folder.dir(), &options()).unwrap();
    assert_eq!((report.outcome, report.derived), (Outcome::NoJournal, None));
    let meta = Meta::read(&folder.meta()).unwrap();
    assert_eq!(
        (meta.state, meta.exit_reason.as_str()),
        (RunState::Crashed, "crashed before its journal existed")
    );

    // Died before its first file: there is nothing to lose, and the next start is not told again.
    let (bare, lock) = RunFolder::create(base.path(), &RunId::new(RunMode::Shadow, START, 5)).unwrap();
    drop(lock);
    let report = recover(bare.dir(), &options()).unwrap();
    assert_eq!((report.outcome, report.meta_rebuilt), (Outcome::NoJournal, true));
    assert_eq!(Meta::read(&bare.meta()).unwrap().state, RunState::Crashed);

    // Somebody took journal and meta.json away: recovery invents nothing.
    let (robbed, lock) = RunFolder::create(base.path(), &RunId::new(RunMode::Shadow, START, 6)).unwrap();
    drop(lock);
    fs::write(robbed.events(TableFormat::Csv), b"old").unwrap();
    let error = recover(robbed.dir(), &options()).unwrap_err();
    assert!(error.to_string().starts_with("journal (and a readable meta.json) is missing: "), "{error}");
    let error = recover(&PathBuf::from("no/such/run"), &options()).unwrap_err();
    assert_eq!(error.to_string(), "run folder is missing: no/such/run");
    let all = recover_all(base.path(), &options()).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all.iter().filter(|(_, result)| result.is_err()).count(), 1);
}
