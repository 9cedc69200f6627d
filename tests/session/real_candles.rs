//! Sessions on recorded candles, and an account kept a second time in plain code.
//!
//! The second account reads the file itself and shares nothing with the engine but decimal
//! arithmetic: own indicators, own sizes, own fills, own cash book, written from the documents.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use peak_trade::domain::Side;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::lab::{Lab, assert_books_balance, fills};
use crate::support::{Bench, shared};

const QUARTERS: &str = "kraken_XBTEUR_15m_2024Q4.csv";
const HOURS: &str = "kraken_XBTEUR_60m_2024Q4.csv";
const PERP: &str = "BTC-PERP_1m_2021-12-31_2022-02-01.csv";
const DECADE: &str = "kraken_XBTUSD_60m_2013-2023.csv";
const TRADES: &str = "kraken_XBTUSDT_trades_2025-11-10.csv";

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[derive(Clone, Copy)]
struct Candle {
    /// Seconds since the epoch.
    time: i64,
    open: Decimal,
    close: Decimal,
    volume: Decimal,
}

fn candles(path: &Path, volume_in_quote: bool) -> Vec<Candle> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let (open, close, mut volume) = (dec(fields[1]), dec(fields[4]), dec(fields[5]));
        if volume_in_quote {
            volume = (volume / close).round_dp_with_strategy(8, RoundingStrategy::ToNegativeInfinity);
        }
        Candle { time: fields[0].parse().unwrap(), open, close, volume }
    });
    rows.collect()
}

/// What a strategy wants after each candle: −1, 0, +1.
fn crossover(candles: &[Candle]) -> Vec<i8> {
    let mut wanted = 0;
    let sum = |end: usize, n: usize| candles[end + 1 - n..=end].iter().map(|c| c.close).sum::<Decimal>();
    (0..candles.len())
        .map(|i| {
            if i >= 49 {
                // 20 and 50 bars: compare the means without dividing.
                let (fast, slow) = (sum(i, 20) * dec("5"), sum(i, 50) * dec("2"));
                if fast > slow {
                    wanted = 1;
                } else if fast < slow {
                    wanted = 0;
                }
            }
            wanted
        })
        .collect()
}

fn breakout(candles: &[Candle]) -> Vec<i8> {
    let mut wanted = 0;
    (0..candles.len())
        .map(|i| {
            if i >= 20 {
                let before = || candles[i - 20..i].iter().map(|c| c.close);
                if candles[i].close > before().max().unwrap() {
                    wanted = 1;
                } else if candles[i].close < before().min().unwrap() {
                    wanted = -1;
                }
            }
            wanted
        })
        .collect()
}

#[derive(Debug, PartialEq)]
struct Trade {
    /// Number of the candle, from 1.
    candle: u64,
    buy: bool,
    price: Decimal,
    quantity: Decimal,
    fee: Decimal,
}

/// An account with one symbol, by the shipped configuration.
#[derive(Default)]
struct Book {
    cash: Decimal,
    position: Decimal,
    fees: Decimal,
    /// Orders by the market that wait for volume: buy, entry, quantity left.
    waiting: VecDeque<(bool, bool, Decimal)>,
    trades: Vec<Trade>,
    /// The UTC day and the equity at its first candle.
    day: Option<(i64, Decimal)>,
    blocked: u64,
}

const WARM_UP: usize = 200;

impl Book {
    fn lots(quantity: Decimal) -> Decimal {
        quantity.round_dp_with_strategy(8, RoundingStrategy::ToZero)
    }

    /// The open of a candle: what waits gets a tenth of its volume, oldest first.
    fn open(&mut self, number: u64, candle: Candle) {
        let mut share = Self::lots(candle.volume * dec("0.1"));
        while let Some((buy, _, left)) = self.waiting.front_mut() {
            let quantity = share.min(*left);
            if quantity.is_zero() {
                return;
            }
            let slip = candle.open * dec("0.0005");
            let price = if *buy {
                (candle.open + slip).round_dp_with_strategy(1, RoundingStrategy::ToPositiveInfinity)
            } else {
                (candle.open - slip).round_dp_with_strategy(1, RoundingStrategy::ToNegativeInfinity)
            };
            let fee = (price * quantity * dec("0.004"))
                .round_dp_with_strategy(8, RoundingStrategy::MidpointAwayFromZero);
            let signed = if *buy { quantity } else { -quantity };
            self.cash -= signed * price + fee;
            self.position += signed;
            self.fees += fee;
            self.trades.push(Trade { candle: number, buy: *buy, price, quantity, fee });
            share -= quantity;
            *left -= quantity;
            if left.is_zero() {
                self.waiting.pop_front();
            }
        }
    }

    /// The close of a candle: what is wanted is decided on.
    fn close(&mut self, close: Decimal, wanted: i8, entry_is_due: &mut bool) {
        let sign = |n: Decimal| {
            if n.is_zero() {
                0
            } else if n.is_sign_positive() {
                1
            } else {
                -1
            }
        };
        let (held, before) = (sign(self.position), self.waiting.len());
        // Entries the other way, and exits from what is wanted again, are called back.
        self.waiting.retain(
            |(buy, entry, _)| {
                if *entry { wanted == if *buy { 1 } else { -1 } } else { held != wanted }
            },
        );
        assert!(self.waiting.len() <= before);
        if !self.waiting.is_empty() {
            return;
        }
        let worst = close * dec("1.0005");
        if held != 0 && held != wanted {
            let total = self.position.abs();
            // Children of at most 99 % of 1,000, nearly equal, the larger ones first.
            let lot = dec("0.00000001");
            let most = (dec("990") / worst / lot).floor();
            let lots = total / lot;
            let children = (lots / most).ceil();
            let each = (lots / children).floor();
            let mut more = lots - each * children;
            let mut n = Decimal::ZERO;
            while n < children {
                let size = if more > Decimal::ZERO { each + Decimal::ONE } else { each };
                more -= Decimal::ONE;
                n += Decimal::ONE;
                self.waiting.push_back((held < 0, false, (size * lot).normalize()));
            }
        } else if held == 0 && *entry_is_due {
            *entry_is_due = false;
            let equity = self.cash + self.position * close;
            let opened = self.day.unwrap().1;
            // 500, or 5 % of the day's opening equity.
            if opened - equity >= dec("500") || (opened - equity) * dec("20") >= opened {
                self.blocked += u64::from(wanted != 0);
                return;
            }
            let mut quantity = Self::lots(equity * dec("0.1") / close);
            if quantity * worst > dec("1000") {
                quantity = Self::lots(dec("1000") / worst);
            }
            if wanted != 0 {
                self.waiting.push_back((wanted > 0, true, quantity));
            }
        }
    }

    /// A candle counts when it is over: the one that ends at midnight opens the new day.
    fn new_day(&mut self, over: i64, close: Decimal) {
        let day = over.div_euclid(86_400);
        if self.day.is_none_or(|(known, _)| day > known) {
            self.day = Some((day, self.cash + self.position * close));
        }
    }

    fn trade(candles: &[Candle], targets: &[i8]) -> Self {
        let length = candles[1].time - candles[0].time;
        let mut book = Self { cash: dec("10000"), ..Self::default() };
        let (mut wanted, mut entry_is_due) = (0, false);
        for (i, (candle, target)) in candles.iter().zip(targets).enumerate() {
            book.open(i as u64 + 1, *candle);
            book.new_day(candle.time + length, candle.close);
            if i < WARM_UP {
                continue;
            }
            if *target != wanted {
                wanted = *target;
                entry_is_due = wanted != 0;
            }
            book.close(candle.close, wanted, &mut entry_is_due);
        }
        book
    }
}

/// Runs the engine and the second account on a file, and compares every trade.
fn assert_confirmed(file: &str, options: &str, timeframe: &str, strategy: &str, least_fills: usize) {
    let Some(path) = shared(file) else { return };
    let symbol = if file == PERP { "BTC/USDT" } else { "BTC/EUR" };
    let lab = Lab::new(&[
        ("shadow_paper.source", &format!("replay:{}{options}", path.display())),
        ("shadow_paper.timeframe", timeframe),
        ("shadow_paper.symbol", symbol),
        ("shadow_paper.strategy", strategy),
    ]);
    let run = lab.run();
    let what = format!("{strategy} on {file}{options}");
    assert_eq!(run.report.status, "completed", "{what}: {}", run.report.exit_reason);
    let mut candles = candles(&path, options.contains("volume=quote"));
    if !options.contains("last=final") {
        candles.pop();
    }
    let targets = match strategy {
        "ma_crossover" => crossover(&candles),
        "breakout_donchian" => breakout(&candles),
        _ => vec![1; candles.len()],
    };
    let book = Book::trade(&candles, &targets);
    let records = run.records();
    let traded: Vec<Trade> = fills(&records)
        .into_iter()
        .map(|fill| Trade {
            candle: fill.input,
            buy: fill.side == Side::Buy,
            price: fill.price.get(),
            quantity: fill.quantity.get(),
            fee: fill.fee.get(),
        })
        .collect();
    for (n, (engine, own)) in traded.iter().zip(&book.trades).enumerate() {
        assert_eq!(engine, own, "{what}: trade {}", n + 1);
    }
    assert_eq!(traded.len(), book.trades.len(), "{what}");
    assert!(traded.len() >= least_fills, "{what}: {} fills", traded.len());
    let metrics = &run.report.metrics;
    let equity = book.cash + book.position * candles.last().unwrap().close;
    assert_eq!(metrics.fees_paid.get(), book.fees, "{what}");
    assert_eq!(metrics.current_position.get(), book.position, "{what}");
    assert_eq!(metrics.equity.get(), equity, "{what}");
    // More than to the cent: to the last digit.
    assert_eq!(metrics.net_pnl.get(), equity - dec("10000"), "{what}");
    assert_eq!(metrics.steps as usize, candles.len() - WARM_UP, "{what}");
    assert_eq!((metrics.orders_blocked_risk, metrics.orders_rejected), (book.blocked, 0), "{what}");
    assert_books_balance(&records, dec("10000"));
    run.confirm();
}

#[test]
fn an_independent_account_confirms_the_issue_s_command_to_the_last_digit() {
    assert_confirmed(QUARTERS, "", "15m", "ma_crossover", 100);
    assert_confirmed(QUARTERS, "?last=final", "15m", "ma_crossover", 100);
}

#[test]
fn an_independent_account_confirms_other_strategies() {
    assert_confirmed(QUARTERS, "?last=final", "15m", "breakout_donchian", 200);
    assert_confirmed(QUARTERS, "", "15m", "buy_and_hold", 1);
}

#[test]
fn an_independent_account_confirms_the_hours() {
    for strategy in ["ma_crossover", "breakout_donchian", "buy_and_hold"] {
        assert_confirmed(HOURS, "?last=final", "1h", strategy, 1);
    }
}

#[test]
fn an_independent_account_confirms_a_month_of_minutes_with_volume_in_quote_currency() {
    for strategy in ["ma_crossover", "breakout_donchian", "buy_and_hold"] {
        assert_confirmed(PERP, "?volume=quote&last=final", "1m", strategy, 1);
    }
}

#[test]
fn the_quarters_as_hours_trade_like_the_hours() {
    let (Some(quarters), Some(hours)) = (shared(QUARTERS), shared(HOURS)) else { return };
    let run = |path: &Path| {
        let source = format!("replay:{}?last=final", path.display());
        Lab::new(&[("shadow_paper.source", &source), ("shadow_paper.timeframe", "1h")]).run()
    };
    let (a, b) = (run(&quarters).report, run(&hours).report);
    assert_eq!(a.metrics.steps, b.metrics.steps);
    assert_eq!(a.metrics.last_signal, b.metrics.last_signal);
    // The same decisions, on the same closes.
    assert_eq!(a.metrics.total_orders_generated, b.metrics.total_orders_generated);
}

#[test]
fn the_issue_s_command_by_the_binary() {
    let Some(path) = shared(QUARTERS) else { return };
    let bench = Bench::new();
    let source = format!("replay:{}", path.display());
    let report = bench.json(&[
        "session",
        "run",
        "--strategy",
        "ma_crossover",
        "--symbol",
        "BTC/EUR",
        "--timeframe",
        "15m",
        "--source",
        &source,
        "--speed",
        "max",
        "--json",
    ]);
    assert_eq!(report["status"], "completed");
    assert_eq!(report["inputs"], 8_831);
    assert_eq!(report["steps"], 8_631);
    assert!(report["fills"].as_u64().unwrap() > 100, "{report}");
    assert_eq!(report["is_synthetic"], false);
}

#[test]
fn a_decade_of_hours_with_its_gaps_runs_and_replays() {
    let Some(path) = shared(DECADE) else { return };
    let lab = Lab::new(&[
        ("shadow_paper.source", &format!("replay:{}?last=final", path.display())),
        ("shadow_paper.timeframe", "1h"),
        ("shadow_paper.symbol", "BTC/USD"),
    ]);
    let run = lab.run();
    assert_eq!(run.report.status, "completed", "{}", run.report.exit_reason);
    let text = std::fs::read_to_string(&path).unwrap();
    let times: Vec<i64> =
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    let gaps = times.windows(2).filter(|pair| pair[1] - pair[0] > 3_600).count();
    let meta: serde_json::Value =
        serde_json::from_slice(&std::fs::read(Path::new(&run.report.run_dir).join("meta.json")).unwrap())
            .unwrap();
    assert_eq!(meta["data_gaps"], gaps);
    assert_eq!(gaps, 3_254);
    assert_eq!(run.report.metrics.inputs, 70_253);
    assert!(run.report.metrics.fills > 100);
    run.confirm();
    assert_books_balance(&run.records(), dec("10000"));
}

#[test]
fn recorded_trades_make_minutes() {
    let Some(path) = shared(TRADES) else { return };
    let lab = Lab::new(&[
        ("shadow_paper.source", &format!("replay:{}", path.display())),
        ("shadow_paper.timeframe", "1m"),
        ("shadow_paper.symbol", "BTC/USDT"),
        ("shadow_paper.strategy", "breakout_donchian"),
        ("shadow_paper.warmup_candles", "20"),
    ]);
    let run = lab.run();
    assert_eq!(run.report.status, "completed", "{}", run.report.exit_reason);
    assert_eq!(run.report.metrics.inputs, 1_000);
    assert!(run.report.metrics.steps > 100, "{:?}", run.report.metrics);
    assert!(run.report.metrics.fills > 0);
    run.confirm();
    assert_eq!(lab.direct_digest(7), run.digest());
}

/// A file like the one that pandas writes by default: int64 and double columns, snappy.
fn snappy_file(path: &Path, rows: &[Vec<f64>]) {
    let column = |n: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row[n]).collect::<Float64Array>()) };
    let time: ArrayRef = Arc::new(rows.iter().map(|row| row[0] as i64).collect::<Int64Array>());
    let mut columns = vec![("time", time)];
    columns
        .extend(["open", "high", "low", "close", "volume"].into_iter().zip(1..).map(|(n, i)| (n, column(i))));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_snappy_parquet_file_trades_like_its_csv() {
    let Some(path) = shared(QUARTERS) else { return };
    let text = std::fs::read_to_string(&path).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|field| field.parse().unwrap()).collect())
        .collect();
    let lab = Lab::new(&[("shadow_paper.timeframe", "15m")]);
    let parquet = lab.dir.path().join("candles.parquet");
    snappy_file(&parquet, &rows);
    let lab = lab.with("shadow_paper.source", &format!("replay:{}", parquet.display()));
    let from_parquet = lab.run();
    let lab = lab.with("shadow_paper.source", &format!("replay:{}", path.display()));
    let from_csv = lab.run();
    assert_eq!(fills(&from_parquet.records()), fills(&from_csv.records()));
    assert_eq!(from_parquet.report.metrics.net_pnl, from_csv.report.metrics.net_pnl);
    from_parquet.confirm();
}
