#!/usr/bin/env python3
"""Reference tables for tests/strategy_reference.rs, made with pandas.

    python generate.py FOLDER_WITH_CANDLES [OUTPUT_FOLDER]

Needs pandas and numpy. Reads the candle files by path and writes, for every strategy with its default
parameters, the target position where it changes (bar index from 0, target; flat before the first row),
and a few indicator values at sparse bars. An implementation of its own: vectorised, edges followed
literally, no code shared with the library. The tie rule (1e-12 of the scale, see
src/strategy/compare.rs) is part of the definition and repeated here.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SOURCES = [
    ("kraken_XBTEUR_15m_2024Q4.csv", None, 900),
    ("kraken_XBTEUR_60m_2024Q4.csv", None, 3_600),
    ("BTC-PERP_1m_2021-12-31_2022-02-01.csv", 20_000, 60),
]
TIE = 1e-12
NEGLIGIBLE = 1e-12


def gt(a, b, scale):
    return (a - b) > TIE * scale


def ge(a, b, scale):
    return (b - a) <= TIE * scale


def wilder(x, n):
    return x.ewm(alpha=1 / n, adjust=False, min_periods=n, ignore_na=True).mean()


def rolling_std(x, n):
    """Sample deviation, each window by itself: pandas' running one is off by up to 1e-8 on 1 m candles."""
    windows = np.lib.stride_tricks.sliding_window_view(x.to_numpy(), n)
    return pd.Series(np.concatenate([np.full(n - 1, np.nan), windows.std(axis=1, ddof=1)]), index=x.index)


def edges(enter, exit_):
    """+1 where `enter` becomes true, 0 where `exit_` does, held in between."""
    becomes = lambda x: x & ~x.shift(1, fill_value=False)
    event = pd.Series(np.nan, index=enter.index)
    event[becomes(enter)] = 1
    event[becomes(exit_)] = 0
    return event.ffill().fillna(0).astype(int)


def states(up, down):
    """+1 where up, 0 where down, else as before."""
    state = pd.Series(np.nan, index=up.index)
    state[up] = 1
    state[down] = 0
    return state.ffill().fillna(0).astype(int)


def true_range(d):
    before = d.close.shift(1)
    parts = [d.high - d.low, (d.high - before).abs(), (d.low - before).abs()]
    return pd.concat(parts, axis=1).max(axis=1)


def rsi(x, n, smooth=wilder):
    change = x.diff()
    gain, loss = smooth(change.clip(lower=0), n), smooth(-change.clip(upper=0), n)
    value = 100 - 100 / (1 + gain / loss)
    return value.where(gain + loss > NEGLIGIBLE * x)


def directional(d, n):
    up, down = d.high.diff(), -d.low.diff()
    plus_dm = up.where((up > down) & (up > 0), 0.0)
    minus_dm = down.where((down > up) & (down > 0), 0.0)
    atr, plus, minus = wilder(true_range(d), n), wilder(plus_dm, n), wilder(minus_dm, n)
    moved = (atr > NEGLIGIBLE * d.close) & (plus + minus > NEGLIGIBLE * d.close)
    dx = (100 * (plus - minus).abs() / (plus + minus)).where(moved)
    return wilder(dx, n), 100 * plus / atr, 100 * minus / atr


def macd_lines(x, fast, slow, signal):
    ema = lambda s, span: s.ewm(span=span, adjust=False).mean()
    line = ema(x, fast) - ema(x, slow)
    return line, ema(line, signal)


def vol_rank(vol, window, min_periods):
    return 100 * vol.rolling(window, min_periods=min_periods).rank(pct=True)


def larger(a, b):
    return np.maximum(a, b)


def ma_crossover(d, fast_window=20, slow_window=50):
    fast, slow = d.close.rolling(fast_window).mean(), d.close.rolling(slow_window).mean()
    return states(gt(fast, slow, larger(fast, slow)), gt(slow, fast, larger(fast, slow)))


def trend_following(d, adx_period=14, adx_threshold=25, exit_threshold=20, ma_period=50):
    adx, plus, minus = directional(d, adx_period)
    mean = d.close.rolling(ma_period).mean()
    warm = pd.Series(np.arange(len(d)) + 1 >= max(2 * adx_period, ma_period) + 10, index=d.index)
    enter = gt(adx, adx_threshold, 100) & gt(plus, minus, 100) & gt(d.close, mean, larger(d.close, mean))
    leave = gt(exit_threshold, adx, 100) | gt(minus, plus, 100)
    return edges(enter & warm, leave & warm)


def rsi_reversion(d, rsi_window=14, lower=30, upper=70, exit_lower=50, exit_upper=50, trend=None, smooth=wilder):
    target, result = 0, []
    mean = d.close.rolling(trend or 1).mean()
    for x, m, value in zip(d.close, mean, rsi(d.close, rsi_window, smooth)):
        if trend and np.isnan(m):
            value = np.nan
        buy = gt(lower, value, 100) and (not trend or gt(x, m, max(x, m)))
        sell = gt(value, upper, 100) and (not trend or gt(m, x, max(x, m)))
        if target == 1 and ge(value, exit_lower, 100):
            target = 0
        elif target == -1 and ge(exit_upper, value, 100):
            target = 0
        if buy:
            target = 1
        elif sell:
            target = -1
        result.append(target)
    return pd.Series(result, index=d.index)


def breakout_donchian(d, lookback=20):
    before = d.close.shift(1).rolling(lookback)
    state = pd.Series(np.nan, index=d.index)
    state[d.close > before.max()] = 1
    state[d.close < before.min()] = -1
    return state.ffill().fillna(0).astype(int)


def momentum_1h(d, lookback=20, entry=0.02, leave=-0.01):
    momentum = d.close / d.close.shift(lookback) - 1
    scale = 1 + momentum.abs()
    return edges(gt(momentum, entry, scale), gt(leave, momentum, scale))


def bollinger_bands(d, period=20, width=2.0, entry=0.95):
    middle = d.close.rolling(period).mean()
    lower = middle - width * rolling_std(d.close, period)
    scale = larger(d.close, middle)
    leave = ge(d.close, middle, scale)
    return edges(ge(entry * lower, d.close, scale) & ~leave, leave)


def macd(d, fast=12, slow=26, signal=9):
    line, signal_line = macd_lines(d.close, fast, slow, signal)
    warm = pd.Series(np.arange(len(d)) + 1 >= slow + signal - 1, index=d.index)
    scale = d.close
    return states(gt(line, signal_line, scale) & warm, gt(signal_line, line, scale) & warm)


def mean_reversion(d, lookback=20, entry=-2.0, leave=0.0, vol_window=None, max_rank=70):
    mean, std = d.close.rolling(lookback).mean(), rolling_std(d.close, lookback)
    scale = larger(d.close, mean)
    enter = gt(mean + entry * std, d.close, scale)
    if vol_window:
        rank = vol_rank(rolling_std(d.close.pct_change(), vol_window), 100, vol_window)
        enter &= ge(max_rank, rank, 100)
    return edges(enter, gt(d.close, mean + leave * std, scale))


def log_squares(d):
    return np.log(d.close / d.close.shift(1)) ** 2


def vol_regime_filter(d, window=20, low=25, high=75, ranked=100, min_bars=30, vol=None):
    vol = wilder(true_range(d), window) if vol is None else vol(d, window)
    rank = vol_rank(vol, ranked, window)
    inside = ge(rank, low, 100) & ge(high, rank, 100)
    inside[: min_bars - 1] = False
    return inside.astype(int)


def composite(d, threshold=0.3):
    total = 0.5 * rsi_reversion(d) + 0.5 * breakout_donchian(d)
    total[: max(15, 21) - 1] = 0
    return gt(total, threshold, 1).astype(int) - gt(-threshold, total, 1).astype(int)


def buy_and_hold(d):
    return pd.Series(1, index=d.index)


STRATEGIES = {
    "ma_crossover": ma_crossover,
    "trend_following": trend_following,
    "rsi_reversion": rsi_reversion,
    "breakout_donchian": breakout_donchian,
    "momentum_1h": momentum_1h,
    "bollinger_bands": bollinger_bands,
    "macd": macd,
    "mean_reversion": mean_reversion,
    "vol_regime_filter": vol_regime_filter,
    "composite": composite,
    "buy_and_hold": buy_and_hold,
    # With parameters other than the defaults:
    "bollinger_bands_touch": lambda d: bollinger_bands(d, entry=1.0),
    "rsi_reversion_simple_trend": lambda d: rsi_reversion(d, trend=50, smooth=lambda x, n: x.rolling(n).mean()),
    "mean_reversion_vol_filter": lambda d: mean_reversion(d, vol_window=20),
    "vol_regime_filter_realized": lambda d: vol_regime_filter(
        d, vol=lambda d, n: np.sqrt(log_squares(d).rolling(n).mean())
    ),
}


def indicators(d, bar_seconds):
    adx, plus, minus = directional(d, 14)
    line, signal = macd_lines(d.close, 12, 26, 9)
    returns_std = rolling_std(d.close.pct_change(), 20)
    return {
        "sma_20": d.close.rolling(20).mean(),
        "ema_20": d.close.ewm(span=20, adjust=False).mean(),
        "std_20": rolling_std(d.close, 20),
        "rsi_14": rsi(d.close, 14),
        "atr_14": wilder(true_range(d), 14),
        "adx_14": adx,
        "plus_di_14": plus,
        "minus_di_14": minus,
        "macd": line,
        "macd_signal": signal,
        "highest_20": d.high.rolling(20).max(),
        "lowest_20": d.low.rolling(20).min(),
        "returns_std_20": returns_std,
        "realized_20": np.sqrt(log_squares(d).rolling(20).mean() * 365 * 86_400 / bar_seconds),
        "returns_std_rank_100": vol_rank(returns_std, 100, 20),
    }


def main():
    folder = Path(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent
    for name, rows, bar_seconds in SOURCES:
        d = pd.read_csv(folder / name, nrows=rows)
        stem = Path(name).stem
        for key, strategy in STRATEGIES.items():
            target = strategy(d)
            changed = target[target != target.shift(1, fill_value=0)]
            table = pd.DataFrame({"bar": changed.index, "target": changed.to_numpy()})
            table.to_csv(output / f"{stem}__{key}.csv", index=False)
        with open(output / f"{stem}__indicators.csv", "w") as out:
            out.write("bar,indicator,value\n")
            for indicator, values in indicators(d, bar_seconds).items():
                for bar in [60, 200, *range(997, len(d), 997), len(d) - 1]:
                    out.write(f"{bar},{indicator},{float(values[bar])!r}\n")


if __name__ == "__main__":
    main()
