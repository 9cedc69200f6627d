//! Ticks per second at saturation.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use peak_trade::domain::MarketEvent;
use peak_trade::market::SourceInfo;
use peak_trade::risk::OrderTotals;
use peak_trade::session::crew::CrewParams;
use peak_trade::session::plan::Plan;

use crate::setup::{InMemory, Run, all_events, digest_of, planned, scratch};
use crate::{actors, direct, from_env, tasks};

/// About what a liquid pair shows: a trade a second.
const TICKS_PER_BAR: u64 = 60;

type Contender = fn(Run, &CrewParams) -> OrderTotals;

/// What one way of running did in all rounds.
struct Lane {
    name: String,
    contender: Contender,
    params: CrewParams,
    seconds: Vec<f64>,
    syncs: u64,
    sync_seconds: f64,
}

impl Lane {
    fn best(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

pub fn run() {
    let bars = from_env("PEAK_TRADE_BENCH_BARS", 50_000);
    let rounds = from_env("PEAK_TRADE_BENCH_ROUNDS", 5);
    let mut plan = planned(&[
        "synthetic.granularity=ticks".to_owned(),
        format!("synthetic.ticks_per_bar={TICKS_PER_BAR}"),
        format!("shadow_paper.bars={bars}"),
    ]);
    let info = plan.source.info().clone();
    let events = all_events(&mut plan);
    println!(
        "throughput: {} ticks ({TICKS_PER_BAR} a bar), {}, journal on, {rounds} rounds interleaved",
        events.len(),
        plan.strategy.key
    );
    // A second line with a journal that never waits for the disk tells the disk's share.
    for sync in [true, false] {
        race(&plan, &info, &events, rounds, sync);
    }
}

fn race(plan: &Plan, info: &SourceInfo, events: &Arc<[MarketEvent]>, rounds: u64, sync: bool) {
    let dir = scratch();
    let with = |arbiters| CrewParams { arbiters, ..plan.crew.clone() };
    let own = plan.crew.arbiters;
    let mut lanes: Vec<Lane> = [1, 2, 3, 5]
        .map(|n| (format!("actors, {n} arbiters"), actors::run as Contender, with(n)))
        .into_iter()
        .chain([1, own].map(|n| (format!("tokio tasks, {n} threads"), tasks::run as Contender, with(n))))
        .chain([("direct loop".to_owned(), direct::run as Contender, with(1))])
        .map(|(name, contender, params)| Lane {
            name,
            contender,
            params,
            seconds: Vec::new(),
            syncs: 0,
            sync_seconds: 0.0,
        })
        .collect();
    let mut decided: Option<(String, OrderTotals)> = None;
    for _ in 0..rounds {
        for lane in &mut lanes {
            let outcome = once(plan, info, events, lane, dir.path(), sync);
            match &decided {
                None => decided = Some(outcome),
                Some(first) => assert_eq!(*first, outcome, "{} decided otherwise", lane.name),
            }
        }
    }
    let (digest, totals) = decided.unwrap();
    println!(
        "\n{}\n{} orders, {} fills; every run's journal has the digest {digest}",
        if sync { "journal synced (the product)" } else { "journal written, never synced (not the product)" },
        totals.generated,
        totals.fills
    );
    println!(
        "{:<24} {:>13} {:>13} {:>9} {:>9} {:>7} {:>9}",
        "", "best ticks/s", "median", "/direct", "/tasks", "syncs", "sync s"
    );
    let ticks = events.len() as f64;
    let (tasks, direct) = (lanes[5].best(), lanes[6].best());
    for lane in &lanes {
        println!(
            "{:<24} {:>13.0} {:>13.0} {:>9.2} {:>9.2} {:>7} {:>9.2}",
            lane.name,
            ticks / lane.best(),
            ticks / lane.median(),
            direct / lane.best(),
            tasks / lane.best(),
            lane.syncs,
            lane.sync_seconds
        );
    }
}

fn once(
    plan: &Plan,
    info: &SourceInfo,
    events: &Arc<[MarketEvent]>,
    lane: &mut Lane,
    dir: &Path,
    sync: bool,
) -> (String, OrderTotals) {
    let source = Box::new(InMemory::new(info.clone(), Arc::clone(events)));
    let run = Run::new(plan, source, dir, sync);
    let (path, syncs) = (run.path(), Arc::clone(&run.syncs));
    let begin = Instant::now();
    let totals = (lane.contender)(run, &lane.params);
    let seconds = begin.elapsed().as_secs_f64();
    if seconds < lane.best() {
        let syncs = syncs.lock().unwrap();
        lane.syncs = syncs.len();
        lane.sync_seconds = syncs.mean() * syncs.len() as f64 / 1e9;
    }
    lane.seconds.push(seconds);
    (digest_of(&path), totals)
}
