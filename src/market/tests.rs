//! The room as a whole: stage, aggregation and quality together.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::{Bar, MarketEvent, Price, Quantity, Span, Timeframe, Timestamp, Trade, VolumeUnit};
use crate::messages::{ClosedBar, InputBatch};

fn info(granularity: Granularity) -> SourceInfo {
    SourceInfo {
        kind: "replay",
        identity: "test".to_owned(),
        symbol: None,
        granularity,
        volume_unit: VolumeUnit::Base,
        is_synthetic: false,
        real_time: false,
        expected_events: None,
        notes: Vec::new(),
    }
}

fn params(timeframe: Timeframe) -> StageParams {
    StageParams {
        timeframe,
        warmup_candles: 0,
        steps: None,
        duration: None,
        max_jump_pct: Decimal::from(20),
        level_confirmations: 3,
    }
}

fn minute_bar(minute: i64, close: i64) -> MarketEvent {
    MarketEvent::Bar(Bar {
        open_time: Timestamp::from_secs(minute * 60),
        timeframe: Timeframe::M1,
        open: Price::from_scaled(close, 0),
        high: Price::from_scaled(close + 1, 0),
        low: Price::from_scaled(close - 1, 0),
        close: Price::from_scaled(close, 0),
        volume: Quantity::from_scaled(minute + 1, 2),
        trade_count: Some(1),
    })
}

fn minute_bars(n: i64) -> Vec<MarketEvent> {
    (0..n).map(|i| minute_bar(i, 1_000 + i % 7)).collect()
}

fn stage(granularity: Granularity, params: StageParams) -> MarketStage {
    MarketStage::new(&info(granularity), params).unwrap()
}

fn minutes(params: StageParams) -> MarketStage {
    stage(Granularity::Bars(Timeframe::M1), params)
}

#[test]
fn warm_up_bars_are_no_steps() {
    let mut stage = minutes(StageParams { warmup_candles: 3, ..params(Timeframe::M1) });
    let batch = stage.absorb(&minute_bars(5), Timestamp::from_secs(9));
    assert_eq!(batch.bars.iter().map(|b| b.step).collect::<Vec<_>>(), [0, 0, 0, 1, 2]);
    assert_eq!(batch.bars.iter().map(|b| b.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!((batch.received_at, stage.step()), (Timestamp::from_secs(9), 2));
}

#[test]
fn the_step_limit_stops_in_the_middle_of_a_call() {
    let limits = StageParams { warmup_candles: 2, steps: Some(3), ..params(Timeframe::M1) };
    let mut stage = minutes(limits);
    let events = minute_bars(9);
    let batch = stage.absorb(&events, Timestamp::default());
    assert_eq!((batch.inputs.len(), batch.bars.len(), stage.is_finished()), (5, 5, true));
    let rest = stage.absorb(&events[5..], Timestamp::default());
    assert_eq!((rest.inputs.len(), stage.counts().inputs), (0, 5));
    let none = minutes(StageParams { steps: Some(0), ..params(Timeframe::M1) });
    assert!(none.is_finished());
}

#[test]
fn a_step_limit_holds_where_one_input_closes_two_bars() {
    let limits = StageParams { steps: Some(1), ..params(Timeframe::M5) };
    let mut stage = minutes(limits);
    let events = [minute_bar(0, 1_000), minute_bar(9, 1_000)];
    let batch = stage.absorb(&events, Timestamp::default());
    assert_eq!((batch.bars.len(), stage.is_finished()), (1, true));
}

#[test]
fn the_duration_counts_session_time_from_the_first_step() {
    let limits =
        StageParams { warmup_candles: 10, duration: Some(Span::from_secs(3_600)), ..params(Timeframe::M1) };
    let mut stage = minutes(limits);
    let batch = stage.absorb(&minute_bars(200), Timestamp::default());
    assert_eq!((batch.bars.len(), stage.step(), stage.is_finished()), (70, 60, true));
}

#[test]
fn what_is_dropped_has_a_number_and_makes_no_bar() {
    let mut stage = minutes(params(Timeframe::M1));
    let events = [minute_bar(0, 1_000), minute_bar(0, 1_000), minute_bar(1, 5_000), minute_bar(3, 1_000)];
    let batch = stage.absorb(&events, Timestamp::default());
    assert_eq!(batch.inputs.iter().map(|i| i.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(batch.inputs.iter().map(|i| i.accepted).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(batch.bars.iter().map(|b| (b.index, b.gap_before)).collect::<Vec<_>>(), [(0, 0), (3, 2)]);
    assert_eq!(batch.issues.iter().map(|i| i.input).collect::<Vec<_>>(), [2, 3, 4]);
    let counts = stage.counts();
    assert_eq!((counts.inputs, counts.accepted, counts.dropped, counts.quarantined), (4, 2, 1, 1));
    assert_eq!((counts.gaps, counts.missing), (1, 1));
}

#[test]
fn a_batch_has_a_largest_size() {
    let mut stage = minutes(params(Timeframe::M1));
    let batch = stage.absorb(&minute_bars(2_000), Timestamp::default());
    assert_eq!(batch.inputs.len(), InputBatch::MAX);
}

/// A walk of minute bars with holes and some noise that data quality must remove.
fn walk() -> impl Strategy<Value = Vec<MarketEvent>> {
    let step = (1_i64..4, -5_i64..=5, 0_i64..1_000, 0_u8..12);
    (0_i64..2_000, proptest::collection::vec(step, 0..400)).prop_map(|(start, steps)| {
        let (mut minute, mut close) = (start, 1_000);
        let mut events = Vec::new();
        for (jump, change, volume, noise) in steps {
            // Mostly without a hole.
            minute += if jump == 3 { 1 + volume % 90 } else { 1 };
            close += change;
            let MarketEvent::Bar(bar) = minute_bar(minute, close) else { continue };
            let bar = Bar { volume: Quantity::from_scaled(volume, 3), ..bar };
            events.push(MarketEvent::Bar(bar));
            match noise {
                0 => events.push(MarketEvent::Bar(bar)),
                1 => events.push(minute_bar(minute - 1, close)),
                2 => events.push(MarketEvent::Bar(Bar { low: Price::ZERO, ..bar })),
                _ => {}
            }
        }
        events
    })
}

fn absorb_all(stage: &mut MarketStage, events: &[MarketEvent], size: usize) -> (Vec<u64>, Vec<ClosedBar>) {
    let (mut numbers, mut bars) = (Vec::new(), Vec::new());
    for chunk in events.chunks(size) {
        let batch = stage.absorb(chunk, Timestamp::default());
        assert!(batch.bars.iter().all(|b| (b.index as usize) < batch.inputs.len()));
        numbers.extend(batch.inputs.iter().map(|i| i.number));
        bars.extend(batch.bars);
    }
    (numbers, bars)
}

fn bars_only(bars: &[ClosedBar]) -> Vec<Bar> {
    bars.iter().map(|b| b.bar).collect()
}

proptest! {
    #[test]
    fn numbers_and_steps_are_contiguous_and_no_bar_is_lost(events in walk(), size in 1_usize..300) {
        let mut stage = minutes(params(Timeframe::M1));
        let (numbers, bars) = absorb_all(&mut stage, &events, size);
        prop_assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(bars.iter().map(|b| b.step).collect::<Vec<_>>(), (1..=bars.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(bars.len() as u64, stage.counts().accepted);
        for pair in bars.windows(2) {
            let steps = (pair[1].bar.open_time - pair[0].bar.open_time).0 / Span::from_secs(60).0;
            prop_assert_eq!(steps - 1, i64::from(pair[1].gap_before));
        }
    }

    #[test]
    fn the_size_of_batches_changes_nothing(events in walk(), size in 1_usize..300) {
        let whole = absorb_all(&mut minutes(params(Timeframe::M15)), &events, InputBatch::MAX);
        let parts = absorb_all(&mut minutes(params(Timeframe::M15)), &events, size);
        prop_assert_eq!(whole.0, parts.0);
        let without_index = |bars: &[ClosedBar]| bars.iter().map(|b| (b.bar, b.gap_before, b.step)).collect::<Vec<_>>();
        prop_assert_eq!(without_index(&whole.1), without_index(&parts.1));
    }

    /// Straight to the hour is the same as by way of a quarter, where both see whole intervals.
    #[test]
    fn aggregating_twice_is_aggregating_once(events in walk()) {
        let straight = bars_only(&absorb_all(&mut minutes(params(Timeframe::H1)), &events, 100).1);
        let quarters = bars_only(&absorb_all(&mut minutes(params(Timeframe::M15)), &events, 100).1);
        let mut second = BarAggregator::new(Timeframe::H1, Granularity::Bars(Timeframe::M15)).unwrap();
        let mut by_way = Vec::new();
        for bar in &quarters {
            second.push(&MarketEvent::Bar(*bar), false, &mut by_way);
        }
        let by_way: Vec<Bar> = by_way.iter().map(|c| c.bar).collect();
        // The two ways may differ in the first interval (left out unless it begins exactly) and in
        // whether the last one has been shown to be over.
        let shared = |bars: &[Bar], others: &[Bar]| -> Vec<Bar> {
            let within = |b: &&Bar| others.first().is_some_and(|f| f.open_time <= b.open_time)
                && others.last().is_some_and(|l| b.open_time <= l.open_time);
            bars.iter().filter(within).copied().collect()
        };
        prop_assert_eq!(shared(&straight, &by_way), shared(&by_way, &straight));
        prop_assert!(straight.len().abs_diff(by_way.len()) <= 2);
    }

    /// Every accepted minute is in exactly one bar, but for the first and the last interval.
    #[test]
    fn volume_and_extremes_are_conserved(events in walk()) {
        let parts = bars_only(&absorb_all(&mut minutes(params(Timeframe::M1)), &events, 100).1);
        let mut stage = minutes(params(Timeframe::M15));
        let bars = bars_only(&absorb_all(&mut stage, &events, 100).1);
        let open = stage.aggregator().open_bar().copied();
        let left_out = stage.aggregator().left_out();
        let mut rest = parts.iter().filter(|p| Some(Timeframe::M15.bar_open(p.open_time)) != left_out).peekable();
        for bar in bars.iter().chain(&open) {
            let mut inside = Vec::new();
            while let Some(part) = rest.next_if(|p| p.open_time < bar.close_time()) {
                inside.push(part);
            }
            prop_assert!(!inside.is_empty());
            prop_assert_eq!(bar.open, inside[0].open);
            prop_assert_eq!(bar.close, inside[inside.len() - 1].close);
            prop_assert_eq!(Some(bar.high), inside.iter().map(|p| p.high).max());
            prop_assert_eq!(Some(bar.low), inside.iter().map(|p| p.low).min());
            prop_assert_eq!(bar.volume, inside.iter().map(|p| p.volume).sum::<Quantity>());
            prop_assert_eq!(bar.trade_count, Some(inside.len() as u64));
        }
        prop_assert!(rest.next().is_none());
    }

    /// Trades to minutes to quarters is trades to quarters.
    #[test]
    fn trades_aggregate_the_same_by_way_of_minutes(
        steps in proptest::collection::vec((0_i64..200, -2_i64..=2, 1_i64..50), 0..300)
    ) {
        let (mut second, mut price) = (0, 1_000);
        let mut direct = BarAggregator::new(Timeframe::M15, Granularity::Ticks).unwrap();
        let mut minute = BarAggregator::new(Timeframe::M1, Granularity::Ticks).unwrap();
        let mut quarter = BarAggregator::new(Timeframe::M15, Granularity::Bars(Timeframe::M1)).unwrap();
        let (mut straight, mut minutes, mut by_way) = (Vec::new(), Vec::new(), Vec::new());
        for (wait, change, quantity) in steps {
            let trade = MarketEvent::Trade(Trade {
                time: Timestamp::from_secs(second),
                price: Price::from_scaled(price, 1),
                quantity: Quantity::from_scaled(quantity, 2),
                taker_side: None,
                trade_id: None,
            });
            direct.push(&trade, false, &mut straight);
            minute.push(&trade, false, &mut minutes);
            second += wait;
            price += change;
        }
        for bar in &minutes {
            quarter.push(&MarketEvent::Bar(bar.bar), false, &mut by_way);
        }
        // A quarter may be over by its last minute before a trade shows it.
        let n = straight.len().min(by_way.len());
        prop_assert_eq!(&straight[..n], &by_way[..n]);
        prop_assert!(straight.len() - n <= 1 && by_way.len() == n);
    }
}
