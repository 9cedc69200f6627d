//! Execution's stage in the work on an input: permits, hand-over, matching, and the life of every
//! order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::gate::HaltGate;
use super::lifecycle::{LedgerError, OrderLedger};
use super::venue::Venue;
use crate::domain::{OrderId, Timestamp};
use crate::messages::{
    DecisionKey, DecisionRecord, ExternalInput, KeyedRecord, OrderState, OrderUpdate, Stage, VenueReport,
};
use crate::risk::{ApprovedOrder, ExecutionReply, ExecutionRequest};

/// Answers the risk stage's requests with the help of a venue. Nothing reaches the venue but an
/// approved order with a permit.
pub struct ExecutionStage {
    gate: Arc<HaltGate>,
    venue: Box<dyn Venue>,
    ledger: OrderLedger,
    /// Orders whose permit a replay must refuse, because the gate refused it then.
    refused_then: BTreeSet<OrderId>,
    keys: (u64, [u32; 3]),
    last: (u64, Timestamp),
    fault: Option<LedgerError>,
}

impl ExecutionStage {
    /// A stage that trades on `venue` while `gate` is open.
    #[must_use]
    pub fn new(gate: Arc<HaltGate>, venue: Box<dyn Venue>) -> Self {
        Self {
            gate,
            venue,
            ledger: OrderLedger::default(),
            refused_then: BTreeSet::new(),
            keys: (0, [0; 3]),
            last: (0, Timestamp(i64::MIN)),
            fault: None,
        }
    }

    /// For a replay: the gate's refusals of the recorded run are given again, asking no gate.
    pub fn refuse_again(&mut self, orders: BTreeSet<OrderId>) {
        self.refused_then = orders;
    }

    /// Orders that rest or wait at the venue.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.venue.open_orders()
    }

    /// The venue said something that cannot be; the session must end.
    #[must_use]
    pub fn fault(&self) -> Option<&LedgerError> {
        self.fault.as_ref()
    }

    /// Answers one request and appends what happened.
    pub fn handle(&mut self, request: ExecutionRequest, records: &mut Vec<KeyedRecord>) -> ExecutionReply {
        let mut reports = Vec::new();
        self.last = request_moment(&request).unwrap_or(self.last);
        match request {
            ExecutionRequest::Match { batch, range } => {
                let mut stopped_at = *range.end();
                for index in range {
                    let Some(input) = batch.inputs.get(index) else { break };
                    if !input.accepted {
                        continue;
                    }
                    self.venue.on_input(input, &mut reports);
                    if !reports.is_empty() {
                        stopped_at = index;
                        self.keep(input.number, Stage::Match, &reports, records);
                        break;
                    }
                }
                return ExecutionReply { stopped_at, reports };
            }
            ExecutionRequest::Submit { input, now, orders } => {
                for order in orders {
                    let from = reports.len();
                    self.submit(order, input, now, &mut reports, records);
                    let new: Vec<VenueReport> = reports[from..].to_vec();
                    self.keep(input, Stage::Submit, &new, records);
                }
            }
            ExecutionRequest::Cancel { input, now, orders, reason } => {
                for id in orders {
                    self.venue.cancel(id, &reason, input, now, &mut reports);
                }
                self.keep(input, Stage::Submit, &reports, records);
            }
            ExecutionRequest::CancelAll { input, now, reason } => {
                self.venue.cancel_all(&reason, input, now, &mut reports);
                self.keep(input, Stage::Submit, &reports, records);
            }
        }
        ExecutionReply { stopped_at: 0, reports }
    }

    /// Cancels everything that rests; for a kill, which comes between inputs.
    pub fn cancel_everything(&mut self, reason: &str, records: &mut Vec<KeyedRecord>) {
        let (input, now) = self.last;
        self.handle(ExecutionRequest::CancelAll { input, now, reason: reason.to_owned() }, records);
    }

    fn submit(
        &mut self,
        order: ApprovedOrder,
        input: u64,
        now: Timestamp,
        reports: &mut Vec<VenueReport>,
        records: &mut Vec<KeyedRecord>,
    ) {
        let id = order.intent().id;
        if let Err(fault) = self.ledger.open(order.intent().clone()) {
            self.fault = Some(fault);
            return;
        }
        let permit = if self.refused_then.contains(&id) { None } else { self.gate.permit().ok() };
        let from = reports.len();
        if let Some(permit) = permit {
            self.venue.send(order, permit, input, now, reports);
        } else {
            reports.push(VenueReport::Update(OrderUpdate {
                order_id: id,
                input,
                at: now,
                state: OrderState::BlockedBySafety,
                filled: crate::domain::Quantity::ZERO,
                reason: "the gate is shut".to_owned(),
            }));
        }
        let stopped = reports[from..].iter().any(
            |r| matches!(r, VenueReport::Update(u) if u.order_id == id && u.state == OrderState::BlockedBySafety),
        );
        if stopped {
            let key = self.next_key(input, Stage::External);
            let record = DecisionRecord::External(ExternalInput::GateRefused { orders: vec![id] });
            records.push(KeyedRecord { key, record });
        }
    }

    /// Applies reports to the ledger and records them.
    fn keep(&mut self, input: u64, stage: Stage, reports: &[VenueReport], records: &mut Vec<KeyedRecord>) {
        for report in reports {
            if let Err(fault) = self.ledger.apply(report) {
                self.fault = Some(fault);
            }
            let key = self.next_key(input, stage);
            let record = match report {
                VenueReport::Fill(fill) => DecisionRecord::Fill(fill.clone()),
                VenueReport::Update(update) => DecisionRecord::Order(update.clone()),
            };
            records.push(KeyedRecord { key, record });
        }
    }

    fn next_key(&mut self, input: u64, stage: Stage) -> DecisionKey {
        if self.keys.0 != input {
            self.keys = (input, [0; 3]);
        }
        let slot = match stage {
            Stage::External => 0,
            Stage::Match => 1,
            _ => 2,
        };
        let index = self.keys.1[slot];
        self.keys.1[slot] += 1;
        DecisionKey { input, stage, index }
    }
}

/// The input and session time a request belongs to; for a match, those of its last input.
fn request_moment(request: &ExecutionRequest) -> Option<(u64, Timestamp)> {
    match request {
        ExecutionRequest::Match { batch, range } => {
            batch.inputs.get(*range.end()).map(|input| (input.number, input.time()))
        }
        ExecutionRequest::Submit { input, now, .. }
        | ExecutionRequest::Cancel { input, now, .. }
        | ExecutionRequest::CancelAll { input, now, .. } => Some((*input, *now)),
    }
}
