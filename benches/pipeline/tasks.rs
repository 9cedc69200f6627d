//! Plain tokio tasks over plain channels: the same stages, threads, batches, bounds and rules as
//! the actors, without actors (no mailboxes, no supervision, no heartbeats, no kill).

use std::sync::Arc;
use std::time::Instant;

use peak_trade::actors::logger::CommitPolicy;
use peak_trade::clock::Clock;
use peak_trade::execution::ExecutionStage;
use peak_trade::market::{MarketStage, Source, SourceState};
use peak_trade::messages::{InputBatch, KeyedRecord, SignalBatch, issue_records};
use peak_trade::risk::{ExecutionReply, ExecutionRequest, OrderTotals, RiskStage, RiskStep};
use peak_trade::session::crew::CrewParams;
use peak_trade::session::engine::Engine;
use peak_trade::strategy::StrategyStage;
use tokio::sync::{mpsc, oneshot};

use crate::direct::is_due;
use crate::setup::{Journal, Run};

enum Log {
    Inputs(Arc<InputBatch>),
    Decisions { records: Vec<KeyedRecord>, durable: Option<oneshot::Sender<()>> },
}

struct Command {
    request: ExecutionRequest,
    durable: Option<oneshot::Receiver<()>>,
}

type Task = Box<dyn FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Moves a task's parts to its thread and starts it there.
fn task<F: Future<Output = ()> + 'static>(make: impl FnOnce() -> F + Send + 'static) -> Task {
    Box::new(move || Box::pin(make()))
}

pub fn run(run: Run, params: &CrewParams) -> OrderTotals {
    let Run { engine, source, journal, clock, .. } = run;
    let Engine { market, strategy, risk, execution, .. } = engine;
    let (inputs_out, inputs_in) = mpsc::channel(params.lane_capacity);
    let (signals_out, signals_in) = mpsc::channel(params.lane_capacity);
    let (orders_out, orders_in) = mpsc::channel(1);
    let (replies_out, replies_in) = mpsc::channel(1);
    let (log, log_in) = mpsc::channel(params.lane_capacity * 4);
    let (done, totals) = oneshot::channel();
    let (batch_max, policy) = (params.batch_max, params.commit);
    let logger_clock = Arc::clone(&clock);
    let (l1, l2, l3, l4) = (log.clone(), log.clone(), log.clone(), log);
    let tasks: [Task; 5] = [
        task(move || market_task(market, source, batch_max, clock, inputs_out, l1)),
        task(move || strategy_task(strategy, inputs_in, signals_out, l2)),
        task(move || risk_task(risk, signals_in, orders_out, replies_in, l3, done)),
        task(move || execution_task(execution, orders_in, replies_out, l4)),
        task(move || logger_task(journal, log_in, policy, logger_clock)),
    ];
    let mut threads: Vec<Vec<Task>> = Vec::new();
    // As the actors are placed on their Arbiters.
    let placement: [usize; 5] = match params.arbiters {
        1 => [0, 0, 0, 0, 0],
        2 => [0, 0, 1, 1, 0],
        3 => [0, 0, 1, 1, 2],
        4 => [0, 1, 2, 2, 3],
        _ => [0, 1, 2, 3, 4],
    };
    threads.resize_with(params.arbiters, Vec::new);
    for (task, thread) in tasks.into_iter().zip(placement) {
        threads[thread].push(task);
    }
    let threads: Vec<_> = threads.into_iter().map(|tasks| std::thread::spawn(|| work(tasks))).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    totals.blocking_recv().unwrap()
}

fn work(tasks: Vec<Task>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let local = tokio::task::LocalSet::new();
    for task in tasks {
        local.spawn_local(task());
    }
    runtime.block_on(local);
}

async fn market_task(
    mut stage: MarketStage,
    mut source: Box<dyn Source>,
    batch_max: usize,
    clock: Arc<dyn Clock>,
    out: mpsc::Sender<Arc<InputBatch>>,
    log: mpsc::Sender<Log>,
) {
    let mut events = Vec::with_capacity(batch_max);
    while !stage.is_finished() {
        events.clear();
        let state = source.next_batch(batch_max, &mut events).unwrap();
        let batch = Arc::new(stage.absorb(&events, clock.now()));
        let findings: Vec<_> = issue_records(&batch.issues).collect();
        send(&log, Log::Inputs(Arc::clone(&batch))).await;
        say(&log, findings).await;
        send(&out, batch).await;
        tokio::task::yield_now().await;
        if state == SourceState::Ended {
            break;
        }
    }
}

async fn strategy_task(
    mut stage: StrategyStage,
    mut inputs: mpsc::Receiver<Arc<InputBatch>>,
    out: mpsc::Sender<SignalBatch>,
    log: mpsc::Sender<Log>,
) {
    while let Some(inputs) = inputs.recv().await {
        let mut records = Vec::new();
        let signals = stage.process(&inputs, &mut records).unwrap();
        say(&log, records).await;
        send(&out, SignalBatch { inputs, signals }).await;
    }
}

async fn risk_task(
    mut stage: RiskStage,
    mut batches: mpsc::Receiver<SignalBatch>,
    execution: mpsc::Sender<Command>,
    mut replies: mpsc::Receiver<ExecutionReply>,
    log: mpsc::Sender<Log>,
    done: oneshot::Sender<OrderTotals>,
) {
    let mut records = Vec::new();
    while let Some(batch) = batches.recv().await {
        stage.begin(batch);
        let mut reply = None;
        while let RiskStep::Needs(request) = stage.advance(reply.take(), &mut records) {
            let mut durable = None;
            if matches!(request, ExecutionRequest::Submit { .. }) {
                let (ack, acked) = oneshot::channel();
                let records = std::mem::take(&mut records);
                send(&log, Log::Decisions { records, durable: Some(ack) }).await;
                durable = Some(acked);
            }
            send(&execution, Command { request, durable }).await;
            reply = replies.recv().await;
        }
        say(&log, std::mem::take(&mut records)).await;
        assert!(stage.fault().is_none());
    }
    if let RiskStep::Needs(request) = stage.finish("the session ends") {
        send(&execution, Command { request, durable: None }).await;
        let reply = replies.recv().await;
        stage.advance(reply, &mut records);
        say(&log, records).await;
    }
    done.send(stage.totals()).unwrap();
}

async fn execution_task(
    mut stage: ExecutionStage,
    mut commands: mpsc::Receiver<Command>,
    replies: mpsc::Sender<ExecutionReply>,
    log: mpsc::Sender<Log>,
) {
    while let Some(Command { request, durable }) = commands.recv().await {
        if let Some(durable) = durable {
            durable.await.unwrap();
        }
        let mut records = Vec::new();
        let reply = stage.handle(request, &mut records);
        say(&log, records).await;
        send(&replies, reply).await;
    }
}

async fn logger_task(
    mut journal: Journal,
    mut lane: mpsc::Receiver<Log>,
    policy: CommitPolicy,
    clock: Arc<dyn Clock>,
) {
    let mut queue = Vec::with_capacity(256);
    let mut waiting = Vec::new();
    let mut last_commit: Instant = clock.monotonic();
    loop {
        match tokio::time::timeout(policy.interval, lane.recv()).await {
            Ok(Some(message)) => queue.push(message),
            Ok(None) => break,
            Err(_idle) => {}
        }
        while queue.len() < 256
            && let Ok(message) = lane.try_recv()
        {
            queue.push(message);
        }
        for message in queue.drain(..) {
            match message {
                Log::Inputs(batch) => journal.append_inputs(&batch).unwrap(),
                Log::Decisions { records, durable } => {
                    waiting.extend(durable);
                    journal.append_decisions(&records).unwrap()
                }
            };
        }
        let now = clock.monotonic();
        if !waiting.is_empty() || is_due(&journal, policy, now - last_commit) {
            journal.commit().unwrap();
            last_commit = now;
            waiting.drain(..).for_each(|ack| ack.send(()).unwrap());
        }
    }
    journal.commit().unwrap();
}

async fn send<T>(to: &mpsc::Sender<T>, item: T) {
    assert!(to.send(item).await.is_ok(), "the other task is gone");
}

async fn say(log: &mpsc::Sender<Log>, records: Vec<KeyedRecord>) {
    if !records.is_empty() {
        send(log, Log::Decisions { records, durable: None }).await;
    }
}
