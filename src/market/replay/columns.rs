//! Which column of a file means what. By name only: order is free, other columns are ignored.

/// Accepted names of the columns, the preferred one first; compared without regard to case.
const TIME: &[&str] = &["time", "timestamp", "ts", "date", "datetime", "open_time", "ts_bar"];
const OPEN: &[&str] = &["open", "o"];
const HIGH: &[&str] = &["high", "h"];
const LOW: &[&str] = &["low", "l"];
const CLOSE: &[&str] = &["close", "c"];
const VOLUME: &[&str] = &["volume", "vol", "v", "qty", "quantity", "amount", "size"];
const COUNT: &[&str] = &["count", "trades", "trade_count", "n_trades", "num_trades"];
const PRICE: &[&str] = &["price", "px"];
const SIDE: &[&str] = &["side", "taker_side"];
const TRADE_ID: &[&str] = &["trade_id", "tradeid", "tid", "id"];

/// What a file must have, for error texts.
pub(super) const NEEDED: &str = "time,open,high,low,close,volume[,count] for bars, or \
     time,price,volume[,side][,trade_id] for trades, named in the first line, in any order";

/// Positions of a bar file's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BarColumns {
    pub time: usize,
    pub open: usize,
    pub high: usize,
    pub low: usize,
    pub close: usize,
    pub volume: usize,
    pub count: Option<usize>,
}

/// Positions of a trade file's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TradeColumns {
    pub time: usize,
    pub price: usize,
    pub volume: usize,
    pub side: Option<usize>,
    pub trade_id: Option<usize>,
}

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    Bars(BarColumns),
    Trades(TradeColumns),
}

impl Columns {
    /// Finds the columns by their names; a file with all of open, high, low and close is of bars.
    ///
    /// The error is a text for people.
    pub(super) fn find(names: &[String]) -> Result<Self, String> {
        let optional = |aliases: &[&str]| find_one(names, aliases);
        let needed = |aliases: &[&str]| {
            find_one(names, aliases)?.ok_or_else(|| {
                format!("no column {} among {}; needed: {NEEDED}", aliases.join("|"), shown(names))
            })
        };
        let is_bars = [OPEN, HIGH, LOW, CLOSE].iter().any(|aliases| matches!(optional(aliases), Ok(Some(_))));
        if is_bars {
            return Ok(Self::Bars(BarColumns {
                time: needed(TIME)?,
                open: needed(OPEN)?,
                high: needed(HIGH)?,
                low: needed(LOW)?,
                close: needed(CLOSE)?,
                volume: needed(VOLUME)?,
                count: optional(COUNT)?,
            }));
        }
        Ok(Self::Trades(TradeColumns {
            time: needed(TIME)?,
            price: needed(PRICE)?,
            volume: needed(VOLUME)?,
            side: optional(SIDE)?,
            trade_id: optional(TRADE_ID)?,
        }))
    }

    /// Positions in use, ascending and each once.
    pub(super) fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = match *self {
            Self::Bars(c) => {
                [c.time, c.open, c.high, c.low, c.close, c.volume].into_iter().chain(c.count).collect()
            }
            Self::Trades(c) => {
                [c.time, c.price, c.volume].into_iter().chain(c.side).chain(c.trade_id).collect()
            }
        };
        used.sort_unstable();
        used.dedup();
        used
    }
}

fn find_one(names: &[String], aliases: &[&str]) -> Result<Option<usize>, String> {
    for alias in aliases {
        let mut found = names.iter().enumerate().filter(|(_, name)| name.trim().eq_ignore_ascii_case(alias));
        if let Some((position, _)) = found.next() {
            return match found.next() {
                Some(_) => Err(format!("two columns are named {alias}; allowed: one")),
                None => Ok(Some(position)),
            };
        }
    }
    Ok(None)
}

fn shown(names: &[String]) -> String {
    let text = names.join(",");
    if text.chars().count() <= 120 { text } else { text.chars().take(120).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str) -> Result<Columns, String> {
        Columns::find(&header.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn order_case_aliases_and_extra_columns_do_not_matter() {
        let Ok(Columns::Bars(bars)) = find("vwap,Close,LOW,high,Open,Vol,Timestamp,trades") else {
            panic!("no bars")
        };
        assert_eq!((bars.time, bars.open, bars.high, bars.low), (6, 4, 3, 2));
        assert_eq!((bars.close, bars.volume, bars.count), (1, 5, Some(7)));
        let Ok(Columns::Trades(trades)) = find("time,price,qty,side,type,trade_id") else {
            panic!("no trades")
        };
        assert_eq!((trades.time, trades.price, trades.volume), (0, 1, 2));
        assert_eq!((trades.side, trades.trade_id), (Some(3), Some(5)));
    }

    #[test]
    fn the_preferred_name_wins_over_an_alias() {
        let Ok(Columns::Bars(bars)) = find("ts,time,open,high,low,close,volume,id") else {
            panic!("no bars")
        };
        assert_eq!(bars.time, 1);
    }

    #[test]
    fn missing_and_doubled_columns_are_named() {
        assert!(find("time,open,high,low,volume").unwrap_err().starts_with("no column close|c among"));
        assert!(find("a,b").unwrap_err().contains("needed: time,open"));
        assert!(find("time,time,price,qty").unwrap_err().contains("two columns are named time"));
    }
}
