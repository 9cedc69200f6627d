//! Tests of the format from inside; the damage matrix is in `tests/journal.rs`.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::columns::{Columns, decode};
use super::varint::Cursor;
use super::{decimals, frame};
use crate::domain::{Bar, MarketEvent, Price, Quantity, Quote, Side, Timeframe, Timestamp, Trade};
use crate::messages::Input;

fn decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        3 => (any::<i32>(), 0u32..9).prop_map(|(m, s)| Decimal::new(i64::from(m), s)),
        3 => (any::<i32>(), 0u32..9).prop_map(|(m, s)| Decimal::new(i64::from(m), s).normalize()),
        1 => (any::<i64>(), 0u32..=28).prop_map(|(m, s)| Decimal::new(m, s)),
        1 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0u32..=28)
            .prop_map(|(a, b, c, negative, s)| Decimal::from_parts(a, b, c, negative, s)),
        1 => Just(Decimal::ZERO),
        1 => Just(Decimal::new(0, 5)),
    ]
}

fn event() -> impl Strategy<Value = MarketEvent> {
    let price = || decimal().prop_map(Price);
    let quantity = || decimal().prop_map(Quantity);
    prop_oneof![
        (any::<i64>(), 0usize..7, [price(), price(), price(), price()], quantity(), any::<Option<u64>>())
            .prop_map(|(time, timeframe, [open, high, low, close], volume, trade_count)| MarketEvent::Bar(
                Bar {
                    open_time: Timestamp(time),
                    timeframe: Timeframe::ALL[timeframe],
                    open,
                    high,
                    low,
                    close,
                    volume,
                    trade_count,
                }
            )),
        (any::<i64>(), price(), quantity(), 0..3u8, any::<Option<u64>>()).prop_map(
            |(time, price, quantity, side, trade_id)| MarketEvent::Trade(Trade {
                time: Timestamp(time),
                price,
                quantity,
                taker_side: [None, Some(Side::Buy), Some(Side::Sell)][usize::from(side)],
                trade_id,
            })
        ),
        (any::<i64>(), price(), quantity(), price(), quantity()).prop_map(
            |(time, bid, bid_quantity, ask, ask_quantity)| MarketEvent::Quote(Quote {
                time: Timestamp(time),
                bid,
                bid_quantity,
                ask,
                ask_quantity,
            })
        ),
    ]
}

/// Equal values of different scale are told apart by their text.
fn text(inputs: &[Input]) -> String {
    format!("{inputs:?}")
}

proptest! {
    #[test]
    fn every_decimal_comes_back_with_its_scale(values in prop::collection::vec(decimal(), 0..40)) {
        let mut bytes = Vec::new();
        decimals::put(&mut bytes, &values);
        let mut cursor = Cursor::new(&bytes);
        let back = decimals::get(&mut cursor, values.len()).unwrap();
        prop_assert!(cursor.is_at_end());
        let parts = |v: &[Decimal]| v.iter().map(|d| (d.mantissa(), d.scale())).collect::<Vec<_>>();
        prop_assert_eq!(parts(&back), parts(&values));
    }

    #[test]
    fn every_batch_of_inputs_comes_back(
        events in prop::collection::vec((event(), any::<bool>()), 1..60),
        first in 1u64..u64::MAX / 2,
        received in any::<i64>(),
    ) {
        let inputs: Vec<Input> = (first..)
            .zip(events)
            .map(|(number, (event, accepted))| Input { number, event, accepted })
            .collect();
        let mut bytes = Vec::new();
        Columns::default().encode(Timestamp(received), &inputs, &mut bytes);
        let back = decode(&bytes).unwrap();
        prop_assert_eq!(back.received_at, Timestamp(received));
        prop_assert_eq!(text(&back.inputs), text(&inputs));
    }

    #[test]
    fn no_bytes_upset_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(record) = decode(&bytes) {
            prop_assert!(!record.inputs.is_empty());
        }
    }

    #[test]
    fn a_changed_payload_never_passes_for_the_record(
        payload in prop::collection::vec(any::<u8>(), 1..100),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut out = Vec::new();
        let mut chain = frame::first_link();
        frame::append(&mut out, super::Kind::Decision, 1, &mut chain, &payload).unwrap();
        let mut header = [0; super::RECORD_HEADER];
        header.copy_from_slice(&out[..super::RECORD_HEADER]);
        prop_assert!(frame::belongs(&header, &payload, 1, &frame::first_link()).is_some());
        prop_assert!(frame::belongs(&header, &payload, 2, &frame::first_link()).is_none());
        prop_assert!(frame::belongs(&header, &payload, 1, &chain).is_none());
        let mut changed = payload.clone();
        changed[at.index(payload.len())] ^= 1 << bit;
        prop_assert!(frame::belongs(&header, &changed, 1, &frame::first_link()).is_none());
    }
}

#[test]
fn the_file_header_is_what_the_documentation_says() {
    let header = frame::file_header();
    assert_eq!(&header[..12], b"PEAKJRN\n\x01\0\0\0");
    assert_eq!(header[12..], crc32c::crc32c(b"PEAKJRN\n\x01\0\0\0").to_le_bytes());
}

#[test]
fn a_payload_beyond_the_bound_is_refused() {
    let mut out = Vec::new();
    let mut chain = frame::first_link();
    let error =
        frame::append(&mut out, super::Kind::Decision, 1, &mut chain, &vec![0; super::MAX_PAYLOAD + 1])
            .unwrap_err();
    assert_eq!(
        error.to_string(),
        "journal record of 16777217 bytes refused; allowed: at most 16777216 bytes"
    );
    assert!(out.is_empty());
    assert_eq!(chain, frame::first_link());
}
