//! From a tick to the order it causes.
//!
//! Ticks fall due on a fixed schedule whatever the session does, and an order's time counts from
//! the moment its tick was due: a stall delays the orders of all ticks that fell due in it, and
//! all of them are counted (no coordinated omission). An order's time ends when it reaches the
//! venue, which is after its intent was synced.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use peak_trade::domain::{MarketEvent, OrderId, Timestamp};
use peak_trade::execution::{ExecutionStage, PaperParams, PaperVenue, Permit, Venue};
use peak_trade::market::{Source, SourceError, SourceInfo, SourceState};
use peak_trade::messages::{Input, VenueReport};
use peak_trade::risk::{ApprovedOrder, OrderTotals};
use peak_trade::session::assemble::CoreSettings;
use peak_trade::session::crew::CrewParams;
use peak_trade::session::plan::Plan;

use crate::meter::{histogram, nanos};
use crate::setup::{Run, all_events, planned, scratch};
use crate::support::Flipper;
use crate::{actors, direct, from_env, tasks};

const TICKS_PER_SECOND: u64 = 100_000;
/// An order every 10 ms, so that syncs of one and the next rarely meet.
const TICKS_PER_BAR: u64 = 1_000;
const BARS: u64 = 1_500;

/// When each input is due.
#[derive(Clone, Default)]
struct Schedule(Arc<OnceLock<Instant>>);

impl Schedule {
    fn begin(&self) -> Instant {
        *self.0.get_or_init(Instant::now)
    }

    /// Inputs are numbered from 1.
    fn due(&self, input: u64) -> Instant {
        self.begin() + Duration::from_nanos((input - 1) * (1_000_000_000 / TICKS_PER_SECOND))
    }
}

/// Hands out ticks when they are due, all that are due at once, and spins in between.
struct OnTime {
    info: SourceInfo,
    events: Arc<[MarketEvent]>,
    at: usize,
    schedule: Schedule,
}

impl Source for OnTime {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max: usize, out: &mut Vec<MarketEvent>) -> Result<SourceState, SourceError> {
        let first_due = self.schedule.due(self.at as u64 + 1);
        while Instant::now() < first_due {
            std::hint::spin_loop();
        }
        let passed = nanos(self.schedule.begin().elapsed());
        let due = usize::try_from(passed * TICKS_PER_SECOND / 1_000_000_000 + 1).unwrap();
        let end = due.clamp(self.at + 1, self.at + max).min(self.events.len());
        out.extend_from_slice(&self.events[self.at..end]);
        self.at = end;
        Ok(if end == self.events.len() { SourceState::Ended } else { SourceState::More })
    }
}

/// A paper venue that notes how long after its tick an order arrives.
struct Watched {
    venue: PaperVenue,
    schedule: Schedule,
    seen: Arc<Mutex<Histogram<u64>>>,
}

impl Venue for Watched {
    fn send(
        &mut self,
        order: ApprovedOrder,
        permit: Permit,
        input: u64,
        now: Timestamp,
        out: &mut Vec<VenueReport>,
    ) {
        self.seen.lock().unwrap().record(nanos(self.schedule.due(input).elapsed())).unwrap();
        self.venue.send(order, permit, input, now, out);
    }

    fn cancel(&mut self, id: OrderId, reason: &str, input: u64, now: Timestamp, out: &mut Vec<VenueReport>) {
        self.venue.cancel(id, reason, input, now, out);
    }

    fn cancel_all(&mut self, reason: &str, input: u64, now: Timestamp, out: &mut Vec<VenueReport>) {
        self.venue.cancel_all(reason, input, now, out);
    }

    fn on_input(&mut self, input: &Input, out: &mut Vec<VenueReport>) {
        self.venue.on_input(input, out);
    }

    fn open_orders(&self) -> usize {
        self.venue.open_orders()
    }
}

fn paper(settings: &CoreSettings) -> PaperVenue {
    PaperVenue::new(PaperParams {
        instrument: settings.instrument,
        maker_fee: settings.maker_fee,
        taker_fee: settings.taker_fee,
        slippage: settings.slippage,
        max_participation: settings.max_participation,
        latency: settings.latency,
        fee_decimals: settings.fee_decimals,
    })
    .unwrap()
}

pub fn run() {
    // A strategy that trades at every bar pays fees at every bar: a large balance and small
    // positions keep it solvent, every limit stays on.
    let mut plan = planned(
        &[
            "synthetic.granularity=ticks",
            &format!("synthetic.ticks_per_bar={TICKS_PER_BAR}"),
            &format!("shadow_paper.bars={}", from_env("PEAK_TRADE_BENCH_BARS", BARS)),
            "shadow_paper.warmup_candles=0",
            "shadow_paper.start_balance=1000000",
            "shadow_paper.position_fraction=0.001",
            "live_risk.max_daily_loss_abs=1000000",
            "synthetic.base_volume=2000",
        ]
        .map(str::to_owned),
    );
    plan.factory = Arc::new(|| Box::new(Flipper(false)));
    let info = plan.source.info().clone();
    let events = all_events(&mut plan);
    println!(
        "\nlatency: from the moment a tick was due to its order at the venue, {} ticks at {TICKS_PER_SECOND} \
         a second, a bar of {TICKS_PER_BAR} ticks, an order a bar; microseconds",
        events.len()
    );
    println!("{:<40} {:>7} {:>9} {:>9} {:>9} {:>9}", "", "count", "p50", "p99", "p99.9", "max");
    let own = plan.crew.arbiters;
    for sync in [true, false] {
        for arbiters in [1, 2, 3, 5] {
            measure(
                &plan,
                &info,
                &events,
                &format!("actors, {arbiters} arbiters"),
                actors::run,
                arbiters,
                sync,
            );
        }
        measure(&plan, &info, &events, &format!("tokio tasks, {own} threads"), tasks::run, own, sync);
        measure(&plan, &info, &events, "direct loop", direct::run, 1, sync);
    }
}

fn measure(
    plan: &Plan,
    info: &SourceInfo,
    events: &Arc<[MarketEvent]>,
    name: &str,
    contender: fn(Run, &CrewParams) -> OrderTotals,
    arbiters: usize,
    sync: bool,
) {
    let dir = scratch();
    let schedule = Schedule::default();
    let seen = Arc::new(Mutex::new(histogram()));
    let source = OnTime { info: info.clone(), events: Arc::clone(events), at: 0, schedule: schedule.clone() };
    let mut run = Run::new(plan, Box::new(source), dir.path(), sync);
    let venue = Watched { venue: paper(&plan.settings), schedule, seen: Arc::clone(&seen) };
    run.engine.execution = ExecutionStage::new(Arc::clone(&run.gate), Box::new(venue));
    let syncs = Arc::clone(&run.syncs);
    let totals = contender(run, &CrewParams { arbiters, ..plan.crew.clone() });
    let seen = seen.lock().unwrap();
    assert_eq!(totals.generated, seen.len(), "every order reached the venue");
    line(&format!("{name}{}", if sync { "" } else { ", never synced" }), &seen);
    if sync {
        line("    its fdatasync alone", &syncs.lock().unwrap());
    }
}

fn line(name: &str, times: &Histogram<u64>) {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    println!(
        "{name:<40} {:>7} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
        times.len(),
        micros(times.value_at_quantile(0.5)),
        micros(times.value_at_quantile(0.99)),
        micros(times.value_at_quantile(0.999)),
        micros(times.max())
    );
}
