//! A batch of inputs by columns; the layout is in the documentation of the
//! [journal](crate::runlog::journal).

use rust_decimal::Decimal;

use super::decimals;
use super::varint::{Cursor, put, put_signed};
use crate::domain::{Bar, MarketEvent, Price, Quantity, Quote, Side, Timeframe, Timestamp, Trade};
use crate::messages::{Input, InputBatch};

/// What the journal keeps of a batch of inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputsRecord {
    /// Wall-clock time of arrival; operational, not part of a digest.
    pub received_at: Timestamp,
    /// The inputs, numbers ascending by one.
    pub inputs: Vec<Input>,
}

const BAR: u8 = 0;
const TRADE: u8 = 1;
const QUOTE: u8 = 2;

/// Reusable columns, so that a batch costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Columns {
    times: [Vec<i64>; 3],
    decimals: [Vec<Decimal>; 11],
    counts: Vec<Option<u64>>,
    ids: Vec<Option<u64>>,
    timeframes: Vec<u8>,
    sides: Vec<u8>,
}

impl Columns {
    fn clear(&mut self) {
        self.times.iter_mut().for_each(Vec::clear);
        self.decimals.iter_mut().for_each(Vec::clear);
        self.counts.clear();
        self.ids.clear();
        self.timeframes.clear();
        self.sides.clear();
    }

    fn split(&mut self, inputs: &[Input]) {
        let [open, high, low, close, volume, price, quantity, bid, bid_quantity, ask, ask_quantity] =
            &mut self.decimals;
        for input in inputs {
            match &input.event {
                MarketEvent::Bar(bar) => {
                    self.times[usize::from(BAR)].push(bar.open_time.nanos());
                    self.timeframes.push(timeframe_code(bar.timeframe));
                    open.push(bar.open.get());
                    high.push(bar.high.get());
                    low.push(bar.low.get());
                    close.push(bar.close.get());
                    volume.push(bar.volume.get());
                    self.counts.push(bar.trade_count);
                }
                MarketEvent::Trade(trade) => {
                    self.times[usize::from(TRADE)].push(trade.time.nanos());
                    price.push(trade.price.get());
                    quantity.push(trade.quantity.get());
                    self.sides.push(match trade.taker_side {
                        None => 0,
                        Some(Side::Buy) => 1,
                        Some(Side::Sell) => 2,
                    });
                    self.ids.push(trade.trade_id);
                }
                MarketEvent::Quote(quote) => {
                    self.times[usize::from(QUOTE)].push(quote.time.nanos());
                    bid.push(quote.bid.get());
                    bid_quantity.push(quote.bid_quantity.get());
                    ask.push(quote.ask.get());
                    ask_quantity.push(quote.ask_quantity.get());
                }
            }
        }
    }

    /// Appends the record's payload. The batch must hold 1 to 1,024 inputs numbered by one.
    pub(super) fn encode(&mut self, received_at: Timestamp, inputs: &[Input], out: &mut Vec<u8>) {
        self.clear();
        self.split(inputs);
        put(out, inputs.first().map_or(0, |input| input.number));
        put_signed(out, received_at.nanos());
        put(out, inputs.len() as u64);
        put_runs(
            out,
            inputs.iter().map(|input| match input.event {
                MarketEvent::Bar(_) => BAR,
                MarketEvent::Trade(_) => TRADE,
                MarketEvent::Quote(_) => QUOTE,
            }),
        );
        put_runs(out, inputs.iter().map(|input| u8::from(input.accepted)));
        let [bars, trades, quotes] = &self.times;
        if !bars.is_empty() {
            put_times(out, bars);
            put_runs(out, self.timeframes.iter().copied());
            self.decimals[..5].iter().for_each(|column| decimals::put(out, column));
            put_optional(out, &self.counts);
        }
        if !trades.is_empty() {
            put_times(out, trades);
            self.decimals[5..7].iter().for_each(|column| decimals::put(out, column));
            for four in self.sides.chunks(4) {
                out.push(four.iter().enumerate().fold(0, |byte, (i, side)| byte | side << (2 * i)));
            }
            put_optional(out, &self.ids);
        }
        if !quotes.is_empty() {
            put_times(out, quotes);
            self.decimals[7..].iter().for_each(|column| decimals::put(out, column));
        }
    }
}

/// Reads a payload; None when it is not one.
pub(super) fn decode(payload: &[u8]) -> Option<InputsRecord> {
    let mut cursor = Cursor::new(payload);
    let first = cursor.varint()?;
    let received_at = Timestamp(cursor.signed()?);
    let count = usize::try_from(cursor.varint()?).ok().filter(|n| (1..=InputBatch::MAX).contains(n))?;
    first.checked_add(count as u64)?;
    let kinds = get_runs(&mut cursor, count)?;
    let accepted = get_runs(&mut cursor, count)?;
    let of = |kind: u8| kinds.iter().filter(|k| **k == kind).count();
    let mut bars = get_bars(&mut cursor, of(BAR))?.into_iter();
    let mut trades = get_trades(&mut cursor, of(TRADE))?.into_iter();
    let mut quotes = get_quotes(&mut cursor, of(QUOTE))?.into_iter();
    if !cursor.is_at_end() {
        return None;
    }
    let mut inputs = Vec::with_capacity(count);
    for (number, (kind, accepted)) in (first..).zip(kinds.iter().zip(accepted)) {
        let event = match *kind {
            BAR => MarketEvent::Bar(bars.next()?),
            TRADE => MarketEvent::Trade(trades.next()?),
            QUOTE => MarketEvent::Quote(quotes.next()?),
            _ => return None,
        };
        let accepted = match accepted {
            0 => false,
            1 => true,
            _ => return None,
        };
        inputs.push(Input { number, event, accepted });
    }
    Some(InputsRecord { received_at, inputs })
}

fn get_bars(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<Bar>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let times = get_times(cursor, count)?;
    let timeframes = get_runs(cursor, count)?;
    let open = decimals::get(cursor, count)?;
    let high = decimals::get(cursor, count)?;
    let low = decimals::get(cursor, count)?;
    let close = decimals::get(cursor, count)?;
    let volume = decimals::get(cursor, count)?;
    let counts = get_optional(cursor, count)?;
    (0..count)
        .map(|i| {
            Some(Bar {
                open_time: Timestamp(*times.get(i)?),
                timeframe: *Timeframe::ALL.get(usize::from(*timeframes.get(i)?))?,
                open: Price(*open.get(i)?),
                high: Price(*high.get(i)?),
                low: Price(*low.get(i)?),
                close: Price(*close.get(i)?),
                volume: Quantity(*volume.get(i)?),
                trade_count: *counts.get(i)?,
            })
        })
        .collect()
}

fn get_trades(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<Trade>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let times = get_times(cursor, count)?;
    let price = decimals::get(cursor, count)?;
    let quantity = decimals::get(cursor, count)?;
    let sides = cursor.bytes(count.div_ceil(4))?;
    let ids = get_optional(cursor, count)?;
    (0..count)
        .map(|i| {
            Some(Trade {
                time: Timestamp(*times.get(i)?),
                price: Price(*price.get(i)?),
                quantity: Quantity(*quantity.get(i)?),
                taker_side: match sides.get(i / 4)? >> (2 * (i % 4)) & 3 {
                    0 => None,
                    1 => Some(Side::Buy),
                    2 => Some(Side::Sell),
                    _ => return None,
                },
                trade_id: *ids.get(i)?,
            })
        })
        .collect()
}

fn get_quotes(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<Quote>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let times = get_times(cursor, count)?;
    let bid = decimals::get(cursor, count)?;
    let bid_quantity = decimals::get(cursor, count)?;
    let ask = decimals::get(cursor, count)?;
    let ask_quantity = decimals::get(cursor, count)?;
    (0..count)
        .map(|i| {
            Some(Quote {
                time: Timestamp(*times.get(i)?),
                bid: Price(*bid.get(i)?),
                bid_quantity: Quantity(*bid_quantity.get(i)?),
                ask: Price(*ask.get(i)?),
                ask_quantity: Quantity(*ask_quantity.get(i)?),
            })
        })
        .collect()
}

/// The timeframe's place in [`Timeframe::ALL`].
fn timeframe_code(timeframe: Timeframe) -> u8 {
    match timeframe {
        Timeframe::M1 => 0,
        Timeframe::M5 => 1,
        Timeframe::M15 => 2,
        Timeframe::M30 => 3,
        Timeframe::H1 => 4,
        Timeframe::H4 => 5,
        Timeframe::D1 => 6,
    }
}

fn put_runs(out: &mut Vec<u8>, values: impl Iterator<Item = u8>) {
    let mut run: Option<(u8, u64)> = None;
    for value in values {
        match &mut run {
            Some((same, length)) if *same == value => *length += 1,
            _ => {
                if let Some((before, length)) = run.replace((value, 1)) {
                    out.push(before);
                    put(out, length);
                }
            }
        }
    }
    if let Some((value, length)) = run {
        out.push(value);
        put(out, length);
    }
}

fn get_runs(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<u8>> {
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let value = cursor.byte()?;
        let length = usize::try_from(cursor.varint()?).ok()?;
        if length == 0 || length > count - values.len() {
            return None;
        }
        values.resize(values.len() + length, value);
    }
    Some(values)
}

fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    let (mut before, mut step) = (0i64, 0i64);
    for (i, time) in times.iter().enumerate() {
        let difference = time.wrapping_sub(before);
        if i == 0 {
            put_signed(out, difference);
        } else {
            put_signed(out, difference.wrapping_sub(step));
            step = difference;
        }
        before = *time;
    }
}

fn get_times(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<i64>> {
    let mut times = Vec::with_capacity(count);
    let (mut time, mut step) = (0i64, 0i64);
    for i in 0..count {
        let coded = cursor.signed()?;
        if i == 0 {
            time = coded;
        } else {
            step = step.wrapping_add(coded);
            time = time.wrapping_add(step);
        }
        times.push(time);
    }
    Some(times)
}

fn put_optional(out: &mut Vec<u8>, values: &[Option<u64>]) {
    let there = values.iter().flatten().count();
    if there == 0 {
        return out.push(0);
    }
    if there == values.len() {
        out.push(1);
    } else {
        out.push(2);
        for eight in values.chunks(8) {
            out.push(eight.iter().enumerate().fold(0, |byte, (i, v)| byte | u8::from(v.is_some()) << i));
        }
    }
    let mut before = 0u64;
    for value in values.iter().flatten() {
        put_signed(out, value.wrapping_sub(before).cast_signed());
        before = *value;
    }
}

fn get_optional(cursor: &mut Cursor<'_>, count: usize) -> Option<Vec<Option<u64>>> {
    let mask = match cursor.byte()? {
        0 => return Some(vec![None; count]),
        1 => None,
        2 => Some(cursor.bytes(count.div_ceil(8))?),
        _ => return None,
    };
    let mut value = 0u64;
    (0..count)
        .map(|i| {
            let there = match mask {
                None => true,
                Some(mask) => mask.get(i / 8)? >> (i % 8) & 1 == 1,
            };
            if !there {
                return Some(None);
            }
            value = value.wrapping_add(cursor.signed()?.cast_unsigned());
            Some(Some(value))
        })
        .collect()
}
