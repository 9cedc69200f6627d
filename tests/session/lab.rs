//! Sessions through the library: as actors with a journal on disk, or as a direct loop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use peak_trade::config::{Layers, load};
use peak_trade::domain::{Bar, MarketEvent, Price, Quantity, TargetPosition, Timeframe, Timestamp};
use peak_trade::execution::HaltGate;
use peak_trade::market::SourceState;
use peak_trade::messages::{
    DecisionKey, DecisionRecord, Fill, KeyedRecord, OrderIntent, OrderState, OrderUpdate, Refusal, Stage,
    StepRow, issue_records,
};
use peak_trade::runlog::{JournalWriter, decisions, digest};
use peak_trade::session::assemble::engine;
use peak_trade::session::engine::Engine;
use peak_trade::session::metrics::SessionReport;
use peak_trade::session::plan::{Plan, RunLimits, plan};
use peak_trade::session::replay::{ReplayReport, replay};
use peak_trade::session::run::{RunOptions, run};
use peak_trade::session::schema::schema;
use peak_trade::strategy::Strategy;
use rust_decimal::Decimal;

/// A scratch folder and a configuration.
pub struct Lab {
    pub dir: tempfile::TempDir,
    set: Vec<(String, String)>,
    pub limits: RunLimits,
}

/// A finished run of the actors.
pub struct Run {
    pub report: SessionReport,
    pub journal: PathBuf,
}

impl Run {
    pub fn digest(&self) -> String {
        digest(&self.journal).unwrap().hex
    }

    pub fn records(&self) -> Vec<KeyedRecord> {
        records(&self.journal)
    }

    /// `peak replay` of this run, and that it confirms every decision.
    pub fn confirm(&self) -> ReplayReport {
        let in_order = matches!(self.report.status.as_str(), "completed" | "stopped");
        let replayed = replay(&self.journal, in_order).unwrap();
        assert!(replayed.confirmed, "{}: {:?}", self.report.strategy, replayed.difference);
        assert_eq!(replayed.inputs, inputs(&self.journal));
        replayed
    }
}

pub fn records(journal: &Path) -> Vec<KeyedRecord> {
    let mut stream = decisions(journal).unwrap();
    std::iter::from_fn(|| stream.next_record().unwrap()).collect()
}

fn inputs(journal: &Path) -> u64 {
    digest(journal).unwrap().inputs
}

impl Lab {
    pub fn new(set: &[(&str, &str)]) -> Self {
        let set = set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { dir: tempfile::tempdir().unwrap(), set, limits: RunLimits::default() }
    }

    /// The same laboratory with more set.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file and makes it the source.
    pub fn with_file(self, name: &str, content: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        self.with("shadow_paper.source", &format!("replay:{}", path.display()))
    }

    pub fn plan(&self) -> Plan {
        let mut flags: Vec<_> = self.set.iter().map(|(k, v)| ("test", k.clone(), v.clone())).collect();
        let base = self.dir.path().join("live_runs");
        flags.push(("test", "shadow_paper_logging.base_dir".to_owned(), base.display().to_string()));
        flags.push(("test", "registry.enabled".to_owned(), "false".to_owned()));
        let config = load(&schema(), &Layers { flags, ..Layers::default() }).unwrap();
        plan(config, self.limits).unwrap()
    }

    /// Runs the actors to the end.
    pub fn run(&self) -> Run {
        self.run_with(|_| {})
    }

    pub fn run_with(&self, change: impl FnOnce(&mut Plan)) -> Run {
        let mut plan = self.plan();
        change(&mut plan);
        let report = run(plan, RunOptions::new(), |_| {}).unwrap();
        let journal = Path::new(&report.run_dir).join("journal.bin");
        Run { report, journal }
    }

    /// The same session as a direct loop; the digest of what it decided.
    pub fn direct_digest(&self, batch_max: usize) -> String {
        let mut plan = self.plan();
        let mut engine =
            engine(&plan.settings, plan.source.info(), plan.factory.clone(), HaltGate::new()).unwrap();
        let path = self.dir.path().join(format!("direct_{batch_max}.bin"));
        let _ = std::fs::remove_file(&path);
        let mut journal = JournalWriter::create(&path).unwrap();
        let header = DecisionRecord::Header(Box::new(plan.header.clone()));
        let key = DecisionKey { input: 0, stage: Stage::Header, index: 0 };
        journal.append_decisions(&[KeyedRecord { key, record: header }]).unwrap();
        let (mut events, mut decided) = (Vec::new(), Vec::new());
        loop {
            events.clear();
            let state = plan.source.next_batch(batch_max, &mut events).unwrap();
            let batch = engine.step(&events, Timestamp::default(), &mut decided).unwrap();
            journal.append_inputs(&batch).unwrap();
            journal.append_decisions(&issue_records(&batch.issues).collect::<Vec<_>>()).unwrap();
            journal.append_decisions(&std::mem::take(&mut decided)).unwrap();
            if state == SourceState::Ended || engine.market.is_finished() {
                break;
            }
        }
        engine.finish("the session ends", &mut decided).unwrap();
        journal.append_decisions(&decided).unwrap();
        journal.commit().unwrap();
        digest(&path).unwrap().hex
    }
}

/// A strategy that says what it was told to: a target per bar, the last one for ever.
struct Script {
    targets: Vec<i8>,
    bar: usize,
}

impl Strategy for Script {
    fn key(&self) -> &'static str {
        "script"
    }

    fn on_bar(&mut self, _: &Bar) -> TargetPosition {
        let said = self.targets.get(self.bar).or(self.targets.last()).copied().unwrap_or(0);
        self.bar += 1;
        match said {
            1.. => TargetPosition::Long,
            0 => TargetPosition::Flat,
            _ => TargetPosition::Short,
        }
    }

    fn is_warm(&self) -> bool {
        true
    }

    fn min_bars(&self) -> usize {
        1
    }
}

/// An engine fed by hand, with a scripted strategy, on one-minute bars.
pub struct Scene {
    pub engine: Engine,
    pub gate: Arc<HaltGate>,
    pub records: Vec<KeyedRecord>,
    /// Open of the next bar, minutes since the epoch.
    pub minute: i64,
    volume: Decimal,
}

impl Scene {
    /// Bars begin at noon; no warm-up.
    pub fn new(targets: &[i8], set: &[(&str, &str)]) -> Self {
        let mut all = vec![("shadow_paper.warmup_candles", "0")];
        all.extend_from_slice(set);
        let lab = Lab::new(&all);
        let plan = lab.plan();
        let gate = HaltGate::new();
        let targets = targets.to_vec();
        let factory =
            Arc::new(move || -> Box<dyn Strategy> { Box::new(Script { targets: targets.clone(), bar: 0 }) });
        let engine = engine(&plan.settings, plan.source.info(), factory, Arc::clone(&gate)).unwrap();
        let minute = 19_700 * 1_440 + 720;
        Self { engine, gate, records: Vec::new(), minute, volume: Decimal::from(1_000) }
    }

    pub fn volume(mut self, volume: &str) -> Self {
        self.volume = volume.parse().unwrap();
        self
    }

    pub fn starting_at(mut self, hour: i64, minute: i64) -> Self {
        self.minute = 19_700 * 1_440 + hour * 60 + minute;
        self
    }

    /// Bars are missing here.
    pub fn gap(&mut self, bars: i64) {
        self.minute += bars;
    }

    /// One bar that opens where it closes.
    pub fn bar(&mut self, price: i64) {
        self.bar_between(price, price);
    }

    pub fn bars(&mut self, prices: &[i64]) {
        for price in prices {
            self.bar(*price);
        }
    }

    pub fn bar_between(&mut self, open: i64, close: i64) {
        let price = |n: i64| Price(Decimal::from(n));
        let bar = MarketEvent::Bar(Bar {
            open_time: Timestamp::from_secs(self.minute * 60),
            timeframe: Timeframe::M1,
            open: price(open),
            high: price(open.max(close)),
            low: price(open.min(close)),
            close: price(close),
            volume: Quantity(self.volume),
            trade_count: None,
        });
        self.minute += 1;
        self.engine.step(&[bar], Timestamp::default(), &mut self.records).unwrap();
        assert_books_balance(&self.records, self.engine.risk.core().account().start_balance().get());
    }

    pub fn finish(&mut self) {
        self.engine.finish("the session ends", &mut self.records).unwrap();
    }

    pub fn intents(&self) -> Vec<OrderIntent> {
        intents(&self.records)
    }

    pub fn fills(&self) -> Vec<Fill> {
        fills(&self.records)
    }

    pub fn rows(&self) -> Vec<StepRow> {
        rows(&self.records)
    }

    pub fn refusals(&self) -> Vec<(u64, Refusal)> {
        let refused = self.records.iter().filter_map(|r| match &r.record {
            DecisionRecord::Refused { refusal, .. } => Some((r.key.input, refusal.clone())),
            _ => None,
        });
        refused.collect()
    }

    /// Orders that reached this state.
    pub fn updates(&self, state: OrderState) -> Vec<OrderUpdate> {
        let all = self.records.iter().filter_map(|r| match &r.record {
            DecisionRecord::Order(update) if update.state == state => Some(update.clone()),
            _ => None,
        });
        all.collect()
    }

    pub fn position(&self) -> Decimal {
        self.engine.risk.core().position(self.engine.risk.symbol()).get()
    }
}

pub fn intents(records: &[KeyedRecord]) -> Vec<OrderIntent> {
    let all = records.iter().filter_map(|r| match &r.record {
        DecisionRecord::Intent { intent, .. } => Some(intent.clone()),
        _ => None,
    });
    all.collect()
}

pub fn fills(records: &[KeyedRecord]) -> Vec<Fill> {
    let all = records.iter().filter_map(|r| match &r.record {
        DecisionRecord::Fill(fill) => Some(fill.clone()),
        _ => None,
    });
    all.collect()
}

pub fn rows(records: &[KeyedRecord]) -> Vec<StepRow> {
    let all = records.iter().filter_map(|r| match &r.record {
        DecisionRecord::Step(row) => Some((**row).clone()),
        _ => None,
    });
    all.collect()
}

/// At every row, to the last digit: cash + position × mark = equity = start + realised +
/// unrealised − fees, the mark being the bar's close.
pub fn assert_books_balance(records: &[KeyedRecord], start: Decimal) {
    for record in records {
        let DecisionRecord::Step(row) = &record.record else { continue };
        let value = row.cash.get() + row.position.get() * row.bar.close.get();
        assert_eq!(value, row.equity.get(), "step {}", row.step);
        let earned = start + row.realized_pnl.get() + row.unrealized_pnl.get() - row.fees.get();
        assert_eq!(earned, row.equity.get(), "step {}", row.step);
    }
}
