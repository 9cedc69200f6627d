//! Data quality: what arrives is accepted, dropped or quarantined, and every finding is said.
//!
//! Nothing is repaired and nothing is invented. In order:
//!
//! 1. A bar of another timeframe or not aligned to it is quarantined (its time means nothing).
//! 2. Repetitions are dropped: the same bar time or trade id again ([`Duplicate`] if equal,
//!    [`ConflictingDuplicate`] if not; the first one stays), or older than what was seen
//!    ([`OutOfOrder`]). Trades without ids repeat legitimately; only their time is checked.
//! 3. Missing bars (by open time) and trades (by consecutive ids) are a [`Gap`].
//! 4. Non-positive prices, negative volumes, trades of nothing, crossed quotes, inconsistent bars
//!    and numbers beyond any market are quarantined. Bars without volume are fine.
//! 5. A price further than `max_jump_pct` from the last accepted one is quarantined until
//!    `level_confirmations` consecutive inputs agree (lie within `max_jump_pct` of each other);
//!    that input is accepted as the [`NewLevel`].
//!
//! [`Duplicate`]: DataIssueKind::Duplicate
//! [`ConflictingDuplicate`]: DataIssueKind::ConflictingDuplicate
//! [`OutOfOrder`]: DataIssueKind::OutOfOrder
//! [`Gap`]: DataIssueKind::Gap
//! [`NewLevel`]: DataIssueKind::NewLevel

mod level;
#[cfg(test)]
mod tests;

use rust_decimal::Decimal;

use crate::domain::{Bar, MarketEvent, Price, Quantity, Quote, Timeframe, Timestamp, Trade};
use crate::messages::{DataIssue, DataIssueKind};
use level::{Level, LevelVerdict};

/// No price is higher: 10^12.
const MAX_PRICE: Decimal = Decimal::from_parts(0xd4a5_1000, 0xe8, 0, false, 0);
/// No volume of one input is higher: 10^15. Sums over a bar then stay far from overflow.
const MAX_VOLUME: Decimal = Decimal::from_parts(0xa4c6_8000, 0x3_8d7e, 0, false, 0);

/// What data quality is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityParams {
    /// Largest accepted distance from the last accepted price, in per cent (default 20).
    pub max_jump_pct: Decimal,
    /// How many consecutive inputs must agree on a level beyond it (default 3).
    pub level_confirmations: u32,
    /// The length of the source's bars; `None` if it delivers ticks (or any length will do).
    pub timeframe: Option<Timeframe>,
}

impl Default for QualityParams {
    fn default() -> Self {
        Self { max_jump_pct: Decimal::new(20, 0), level_confirmations: 3, timeframe: None }
    }
}

/// The verdict on one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// False: nothing may be decided on it.
    pub accepted: bool,
    /// Bars (trades) that are missing between the last *accepted* one and this one, quarantined
    /// ones included; 0 if this one is not accepted.
    pub gap_before: u32,
}

const REFUSED: Checked = Checked { accepted: false, gap_before: 0 };

/// Judges inputs one by one.
#[derive(Debug, Clone)]
pub struct QualityFilter {
    timeframe: Option<Timeframe>,
    level: Level,
    newest_bar: Option<Bar>,
    accepted_bar: Option<Timestamp>,
    newest_trade: Option<Trade>,
    newest_trade_id: Option<u64>,
    accepted_trade_id: Option<u64>,
    newest_quote: Option<Quote>,
}

impl QualityFilter {
    /// A filter that has seen nothing.
    #[must_use]
    pub fn new(params: QualityParams) -> Self {
        Self {
            timeframe: params.timeframe,
            level: Level::new(params.max_jump_pct, params.level_confirmations),
            newest_bar: None,
            accepted_bar: None,
            newest_trade: None,
            newest_trade_id: None,
            accepted_trade_id: None,
            newest_quote: None,
        }
    }

    /// Judges the input numbered `number`; findings are appended to `issues`.
    pub fn check(&mut self, number: u64, event: &MarketEvent, issues: &mut Vec<DataIssue>) -> Checked {
        let mut report = Report { input: number, at: event.time(), issues };
        match event {
            MarketEvent::Bar(bar) => self.check_bar(bar, &mut report),
            MarketEvent::Trade(trade) => self.check_trade(trade, &mut report),
            MarketEvent::Quote(quote) => self.check_quote(quote, &mut report),
        }
    }

    fn check_bar(&mut self, bar: &Bar, report: &mut Report<'_>) -> Checked {
        let span = bar.timeframe.span();
        if self.timeframe.is_some_and(|timeframe| timeframe != bar.timeframe)
            || bar.open_time.0.rem_euclid(span.0) != 0
        {
            let expected = self.timeframe.unwrap_or(bar.timeframe);
            let found =
                format!("expected aligned {expected} bars, found {} at {}", bar.timeframe, bar.open_time);
            return report.refuse(DataIssueKind::Misaligned { detail: found });
        }
        if let Some(newest) = &self.newest_bar {
            if bar.open_time <= newest.open_time {
                return report.refuse(if bar.open_time < newest.open_time {
                    DataIssueKind::OutOfOrder { newest: newest.close_time() }
                } else if bar == newest {
                    DataIssueKind::Duplicate
                } else {
                    DataIssueKind::ConflictingDuplicate
                });
            }
            let missing = bars_between(newest.open_time, bar.open_time, span.0);
            if missing > 0 {
                let (from, to) = (newest.open_time + span, bar.open_time - span);
                report.push(DataIssueKind::Gap { missing, from, to });
            }
        }
        self.newest_bar = Some(*bar);
        if let Some(kind) = wrong_bar(bar) {
            return report.refuse(kind);
        }
        if !self.level.admits(bar.low, bar.high, bar.close, report) {
            return REFUSED;
        }
        let gap = self.accepted_bar.map_or(0, |last| bars_between(last, bar.open_time, span.0));
        self.accepted_bar = Some(bar.open_time);
        Checked { accepted: true, gap_before: saturated(gap) }
    }

    fn check_trade(&mut self, trade: &Trade, report: &mut Report<'_>) -> Checked {
        if let (Some(id), Some(newest_id)) = (trade.trade_id, self.newest_trade_id) {
            if id == newest_id {
                return report.refuse(if self.newest_trade.as_ref() == Some(trade) {
                    DataIssueKind::Duplicate
                } else {
                    DataIssueKind::ConflictingDuplicate
                });
            }
            if id < newest_id {
                let newest = self.newest_trade.map_or(trade.time, |t| t.time);
                return report.refuse(DataIssueKind::OutOfOrder { newest });
            }
        }
        if let Some(newest) = &self.newest_trade {
            if trade.time < newest.time {
                return report.refuse(DataIssueKind::OutOfOrder { newest: newest.time });
            }
            let missing = ids_between(self.newest_trade_id, trade.trade_id);
            if missing > 0 {
                report.push(DataIssueKind::Gap { missing, from: newest.time, to: trade.time });
            }
        }
        self.newest_trade = Some(*trade);
        self.newest_trade_id = trade.trade_id.or(self.newest_trade_id);
        if let Some(kind) = wrong_price("price", trade.price)
            .or_else(|| wrong_volume("quantity", trade.quantity, trade.quantity.is_positive()))
        {
            return report.refuse(kind);
        }
        if !self.level.admits(trade.price, trade.price, trade.price, report) {
            return REFUSED;
        }
        let gap = ids_between(self.accepted_trade_id, trade.trade_id);
        self.accepted_trade_id = trade.trade_id.or(self.accepted_trade_id);
        Checked { accepted: true, gap_before: saturated(gap) }
    }

    fn check_quote(&mut self, quote: &Quote, report: &mut Report<'_>) -> Checked {
        if let Some(newest) = &self.newest_quote {
            if quote == newest {
                return report.refuse(DataIssueKind::Duplicate);
            }
            if quote.time < newest.time {
                return report.refuse(DataIssueKind::OutOfOrder { newest: newest.time });
            }
        }
        self.newest_quote = Some(*quote);
        let wrong = wrong_price("bid", quote.bid)
            .or_else(|| wrong_price("ask", quote.ask))
            .or_else(|| wrong_volume("bid_quantity", quote.bid_quantity, !quote.bid_quantity.is_negative()))
            .or_else(|| wrong_volume("ask_quantity", quote.ask_quantity, !quote.ask_quantity.is_negative()));
        if let Some(kind) = wrong {
            return report.refuse(kind);
        }
        if quote.bid >= quote.ask {
            return report.refuse(DataIssueKind::Crossed { bid: quote.bid, ask: quote.ask });
        }
        let mark = MarketEvent::Quote(*quote).mark();
        if !self.level.admits(quote.bid, quote.ask, mark, report) {
            return REFUSED;
        }
        Checked { accepted: true, gap_before: 0 }
    }
}

impl Level {
    /// Asks for a verdict and reports it.
    fn admits(&mut self, low: Price, high: Price, mark: Price, report: &mut Report<'_>) -> bool {
        match self.judge(low, high, mark) {
            LevelVerdict::Within => true,
            LevelVerdict::Jump { from, to, agreeing } => {
                report.push(DataIssueKind::Jump { from, to, agreeing });
                false
            }
            LevelVerdict::NewLevel { from, to } => {
                report.push(DataIssueKind::NewLevel { from, to });
                true
            }
        }
    }
}

/// Where findings on one input go.
struct Report<'a> {
    input: u64,
    at: Timestamp,
    issues: &'a mut Vec<DataIssue>,
}

impl Report<'_> {
    #[cold]
    fn push(&mut self, kind: DataIssueKind) {
        self.issues.push(DataIssue { input: self.input, at: self.at, kind });
    }

    #[cold]
    fn refuse(&mut self, kind: DataIssueKind) -> Checked {
        self.push(kind);
        REFUSED
    }
}

/// The line for people and scripts: `[DATA] Gap detected: 3 missing (… to …), input 17`.
#[must_use]
pub fn log_line(issue: &DataIssue) -> String {
    format!("[DATA] {}, input {} at {}", issue.kind, issue.input, issue.at)
}

fn bars_between(earlier: Timestamp, later: Timestamp, span: i64) -> u64 {
    let steps = (later - earlier).0 / span;
    u64::try_from(steps.saturating_sub(1)).unwrap_or(0)
}

fn ids_between(earlier: Option<u64>, later: Option<u64>) -> u64 {
    match (earlier, later) {
        (Some(earlier), Some(later)) => later.saturating_sub(earlier).saturating_sub(1),
        _ => 0,
    }
}

fn saturated(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn wrong_bar(bar: &Bar) -> Option<DataIssueKind> {
    // Low and high bound the others: in the common case two checks say it all.
    let bounded =
        bar.low <= bar.open && bar.low <= bar.close && bar.open <= bar.high && bar.close <= bar.high;
    if !(bounded && bar.low.is_positive() && bar.high.get() <= MAX_PRICE) {
        let fields = [("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)];
        if let Some(kind) = fields.into_iter().find_map(|(field, price)| wrong_price(field, price)) {
            return Some(kind);
        }
        let Bar { open, high, low, close, .. } = bar;
        let detail = if low > high {
            format!("low {low} above high {high}")
        } else if open > high || open < low {
            format!("open {open} outside {low} to {high}")
        } else {
            format!("close {close} outside {low} to {high}")
        };
        return Some(DataIssueKind::Inconsistent { detail });
    }
    wrong_volume("volume", bar.volume, !bar.volume.is_negative())
}

fn wrong_price(field: &'static str, price: Price) -> Option<DataIssueKind> {
    if !price.is_positive() {
        return Some(DataIssueKind::NonPositive { field: field.to_owned(), value: price.to_string() });
    }
    (price.get() > MAX_PRICE).then(|| DataIssueKind::Inconsistent {
        detail: format!("{field} {price} above {MAX_PRICE}, the highest price that is believed"),
    })
}

fn wrong_volume(field: &'static str, volume: Quantity, sign_ok: bool) -> Option<DataIssueKind> {
    if !sign_ok {
        return Some(DataIssueKind::NonPositive { field: field.to_owned(), value: volume.to_string() });
    }
    (volume.get() > MAX_VOLUME).then(|| DataIssueKind::Inconsistent {
        detail: format!("{field} {volume} above {MAX_VOLUME}, the highest volume that is believed"),
    })
}
