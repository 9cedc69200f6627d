//! Bars of a longer timeframe out of shorter bars or trades, exactly.
//!
//! A bar closes when the sub-bar that ends its interval arrives, or else at the first event of a
//! later interval. An interval in which nothing arrived makes no bar; the next bar says how many
//! such intervals lie before it.
//!
//! **The first interval** is left out unless its first event lies exactly at its start: a
//! recording that begins in the middle of an interval cannot show the whole of it. **The last one**
//! is left out as long as nothing shows that it is over. Quotes make no bars.

use rust_decimal::Decimal;
use thiserror::Error;

use super::source::Granularity;
use crate::domain::{Bar, MarketEvent, Price, Quantity, Timeframe, Timestamp, Trade};

/// The source cannot give bars of that timeframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("timeframe {target} is finer than the source's {from}; allowed: {from} or longer")]
pub struct AggregateError {
    /// What the session asks for.
    pub target: Timeframe,
    /// What the source has.
    pub from: Timeframe,
}

/// A closed bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregatedBar {
    /// The bar.
    pub bar: Bar,
    /// Bars of this timeframe missing since the one before; at least 1 if trades were lost inside.
    pub gap_before: u32,
}

/// Builds bars.
#[derive(Debug, Clone)]
pub struct BarAggregator {
    target: Timeframe,
    from: Granularity,
    open: Option<Bar>,
    /// Trades are missing inside the open bar.
    lossy: bool,
    /// Start of the newest interval that was closed or left out.
    last: Option<Timestamp>,
    left_out: Option<Timestamp>,
}

impl BarAggregator {
    /// An aggregator from what a source delivers to bars of `target`.
    ///
    /// # Errors
    /// The source is coarser than `target`.
    pub fn new(target: Timeframe, from: Granularity) -> Result<Self, AggregateError> {
        if let Granularity::Bars(from) = from
            && from.span() > target.span()
        {
            return Err(AggregateError { target, from });
        }
        Ok(Self { target, from, open: None, lossy: false, last: None, left_out: None })
    }

    /// Takes an accepted event and appends the bars it closes (at most two) to `out`.
    ///
    /// Events ascend in time; other kinds than the source's are ignored. `trades_lost` says that
    /// trades are known to be missing between the trade before and this one.
    pub fn push(&mut self, event: &MarketEvent, trades_lost: bool, out: &mut Vec<AggregatedBar>) {
        match (event, self.from) {
            (MarketEvent::Bar(bar), Granularity::Bars(from)) if from == self.target => {
                self.emit(*bar, false, out);
            }
            (MarketEvent::Bar(bar), Granularity::Bars(_)) => self.push_bar(bar, out),
            (MarketEvent::Trade(trade), Granularity::Ticks) => self.push_trade(trade, trades_lost, out),
            _ => {}
        }
    }

    /// The bar under way, if any; not final.
    #[must_use]
    pub fn open_bar(&self) -> Option<&Bar> {
        self.open.as_ref()
    }

    /// Start of the first interval, if it was left out as incomplete.
    #[must_use]
    pub fn left_out(&self) -> Option<Timestamp> {
        self.left_out
    }

    fn push_bar(&mut self, bar: &Bar, out: &mut Vec<AggregatedBar>) {
        let start = self.target.bar_open(bar.open_time);
        let first = Bar { open_time: start, timeframe: self.target, ..*bar };
        if !self.enter(start, bar.open_time, first, out)
            && let Some(open) = &mut self.open
        {
            extend(open, bar.high, bar.low, bar.close, bar.volume, bar.trade_count);
        }
        if bar.close_time() >= start + self.target.span() {
            self.close(out);
        }
    }

    fn push_trade(&mut self, trade: &Trade, lost: bool, out: &mut Vec<AggregatedBar>) {
        let start = self.target.bar_open(trade.time);
        // Nobody knows on which side of a boundary the lost trades were.
        self.lossy |= lost;
        let Trade { price, quantity, .. } = *trade;
        let first = Bar {
            open_time: start,
            timeframe: self.target,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: quantity,
            trade_count: Some(1),
        };
        if self.enter(start, trade.time, first, out) {
            self.lossy |= lost;
        } else if let Some(open) = &mut self.open {
            extend(open, price, price, price, quantity, Some(1));
        }
    }

    /// Makes `start` the open interval; true if `first` opened it (or it is left out).
    fn enter(&mut self, start: Timestamp, at: Timestamp, first: Bar, out: &mut Vec<AggregatedBar>) -> bool {
        match &self.open {
            Some(open) if open.open_time == start => return false,
            Some(_) => self.close(out),
            None => {}
        }
        if self.left_out == Some(start) {
            return true;
        }
        if self.last.is_none() && at != start {
            self.left_out = Some(start);
            self.last = Some(start);
            return true;
        }
        self.open = Some(first);
        self.lossy = false;
        true
    }

    fn close(&mut self, out: &mut Vec<AggregatedBar>) {
        if let Some(mut bar) = self.open.take() {
            bar.volume = Quantity(bar.volume.get().normalize());
            let lossy = std::mem::take(&mut self.lossy);
            self.emit(bar, lossy, out);
        }
    }

    fn emit(&mut self, bar: Bar, lossy: bool, out: &mut Vec<AggregatedBar>) {
        let missing = self.last.map_or(0, |last| {
            let steps = (bar.open_time - last).0 / self.target.span().0;
            u32::try_from(steps.saturating_sub(1).max(0)).unwrap_or(u32::MAX)
        });
        self.last = Some(bar.open_time);
        out.push(AggregatedBar { bar, gap_before: missing.max(u32::from(lossy)) });
    }
}

fn extend(bar: &mut Bar, high: Price, low: Price, close: Price, volume: Quantity, count: Option<u64>) {
    bar.high = bar.high.max(high);
    bar.low = bar.low.min(low);
    bar.close = close;
    bar.volume = Quantity(bar.volume.get().checked_add(volume.get()).unwrap_or(Decimal::MAX));
    bar.trade_count = match (bar.trade_count, count) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        _ => None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    fn price(value: i64) -> Price {
        Price::from_scaled(value, 0)
    }

    fn bar(minute: i64, timeframe: Timeframe, close: i64) -> MarketEvent {
        MarketEvent::Bar(Bar {
            open_time: Timestamp::from_secs(minute * 60),
            timeframe,
            open: price(close - 1),
            high: price(close + 2),
            low: price(close - 3),
            close: price(close),
            volume: Quantity::from_scaled(15, 1),
            trade_count: Some(2),
        })
    }

    fn trade(seconds: i64, value: i64) -> MarketEvent {
        MarketEvent::Trade(Trade {
            time: Timestamp::from_secs(seconds),
            price: price(value),
            quantity: Quantity::from_scaled(5, 1),
            taker_side: None,
            trade_id: None,
        })
    }

    fn run(aggregator: &mut BarAggregator, events: &[MarketEvent]) -> Vec<AggregatedBar> {
        let mut out = Vec::new();
        for event in events {
            aggregator.push(event, false, &mut out);
        }
        out
    }

    fn from_bars(target: Timeframe, from: Timeframe) -> BarAggregator {
        BarAggregator::new(target, Granularity::Bars(from)).unwrap()
    }

    #[test]
    fn the_last_sub_bar_closes_the_bar_at_once() {
        let mut aggregator = from_bars(Timeframe::M15, Timeframe::M5);
        let two = [bar(0, Timeframe::M5, 10), bar(5, Timeframe::M5, 20)];
        assert!(run(&mut aggregator, &two).is_empty());
        assert_eq!(aggregator.open_bar().unwrap().close, price(20));
        let closed = run(&mut aggregator, &[bar(10, Timeframe::M5, 5)]);
        let AggregatedBar { bar, gap_before } = closed[0];
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (price(9), price(22), price(2), price(5)));
        assert_eq!((bar.volume.to_string().as_str(), bar.trade_count, gap_before), ("4.5", Some(6), 0));
        assert_eq!((bar.open_time, bar.timeframe), (Timestamp::from_secs(0), Timeframe::M15));
        assert!(aggregator.open_bar().is_none());
    }

    #[test]
    fn one_sub_bar_can_close_two_bars_and_missing_ones_are_counted() {
        let mut aggregator = from_bars(Timeframe::M15, Timeframe::M5);
        let first = run(&mut aggregator, &[bar(0, Timeframe::M5, 10), bar(5, Timeframe::M5, 20)]);
        assert!(first.is_empty());
        // The intervals from 15 and 30 are empty; 55 is the last sub-bar of the one from 45.
        let closed = run(&mut aggregator, &[bar(55, Timeframe::M5, 30)]);
        let summary: Vec<_> = closed.iter().map(|c| (c.bar.open_time.secs() / 60, c.gap_before)).collect();
        assert_eq!(summary, [(0, 0), (45, 2)]);
    }

    #[test]
    fn equal_passes_through_and_coarser_is_refused() {
        let mut aggregator = from_bars(Timeframe::M5, Timeframe::M5);
        let closed = run(&mut aggregator, &[bar(5, Timeframe::M5, 10), bar(20, Timeframe::M5, 11)]);
        assert_eq!(closed.iter().map(|c| c.gap_before).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(MarketEvent::Bar(closed[1].bar), bar(20, Timeframe::M5, 11));
        let error = BarAggregator::new(Timeframe::M5, Granularity::Bars(Timeframe::H1)).unwrap_err();
        assert_eq!(error.to_string(), "timeframe 5m is finer than the source's 1h; allowed: 1h or longer");
    }

    #[test]
    fn trades_close_a_bar_when_a_later_interval_begins() {
        let mut aggregator = BarAggregator::new(Timeframe::M1, Granularity::Ticks).unwrap();
        let closed = run(&mut aggregator, &[trade(60, 5), trade(61, 9), trade(119, 3), trade(240, 4)]);
        assert_eq!(closed.len(), 1);
        let bar = closed[0].bar;
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (price(5), price(9), price(3), price(3)));
        assert_eq!((bar.volume.to_string().as_str(), bar.trade_count), ("1.5", Some(3)));
        let next = run(&mut aggregator, &[trade(301, 4)]);
        assert_eq!((next[0].bar.open_time.secs(), next[0].gap_before), (240, 2));
    }

    #[test]
    fn a_recording_that_begins_inside_an_interval_leaves_it_out() {
        let mut aggregator = BarAggregator::new(Timeframe::M1, Granularity::Ticks).unwrap();
        let closed = run(&mut aggregator, &[trade(61, 5), trade(62, 9), trade(130, 3), trade(180, 4)]);
        assert_eq!(closed.len(), 1);
        assert_eq!((closed[0].bar.open_time.secs(), closed[0].gap_before), (120, 0));
        assert_eq!(aggregator.left_out(), Some(Timestamp::from_secs(60)));
        let mut bars = from_bars(Timeframe::M15, Timeframe::M5);
        let closed = run(&mut bars, &[bar(5, Timeframe::M5, 1), bar(10, Timeframe::M5, 1)]);
        assert!(closed.is_empty());
        assert_eq!(bars.left_out(), Some(Timestamp::from_secs(0)));
    }

    #[test]
    fn lost_trades_mark_the_bars_they_may_belong_to() {
        let mut aggregator = BarAggregator::new(Timeframe::M1, Granularity::Ticks).unwrap();
        let mut out = Vec::new();
        for (seconds, lost) in [(0, false), (70, true), (130, false), (190, false), (250, false)] {
            aggregator.push(&trade(seconds, 5), lost, &mut out);
        }
        assert_eq!(out.iter().map(|c| c.gap_before).collect::<Vec<_>>(), [1, 1, 0, 0]);
    }

    #[test]
    fn quotes_and_foreign_kinds_make_no_bars() {
        let mut aggregator = BarAggregator::new(Timeframe::M1, Granularity::Ticks).unwrap();
        assert!(run(&mut aggregator, &[bar(0, Timeframe::M1, 5), bar(1, Timeframe::M1, 5)]).is_empty());
        assert!(aggregator.open_bar().is_none());
        assert_eq!(Timestamp::from_secs(60) - Timestamp::from_secs(0), Span::from_secs(60));
    }
}
