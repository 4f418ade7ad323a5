"""What the Python peers take for what compare-peers.ts measures here: it writes the name of a peer, and reads the ns of CPU that one run took.

Arguments: the candles of one symbol for the indicators (float64 columns open, high, low, close, volume), their number; for the backtests the
folder with open, high, low, close (float64) and side (float64: 1 buys, -1 sells, 0 does nothing), symbol after symbol, their number, the
bars of each, and how many bars a position is held. Each peer that cannot be imported is named with the reason, and left out.
"""

import importlib
import json
import sys
import time
from importlib.metadata import version

import numpy as np

candle_file, candles, folder, symbols, bars, held = sys.argv[1:]
open_, high, low, close, volume = np.fromfile(candle_file).reshape(5, int(candles))
market = {
    name: np.fromfile(f"{folder}/{name}.f64").reshape(int(symbols), int(bars))
    for name in ("open", "high", "low", "close", "side")
}
HELD = int(held)
FEE = 0.0007


def talib_indicators(ta):
    return [
        ta.RSI(close, 14),
        ta.MACD(close, 12, 26, 9),
        ta.STOCH(high, low, close, 14, 3, 0, 3, 0),
        ta.ROC(close, 10),
        *[ta.EMA(close, period) for period in (9, 21, 50, 200)],
        *[ta.SMA(close, period) for period in (20, 50)],
        *[ta.SMA(volume, period) for period in (5, 20, 50)],
        ta.BBANDS(close, 20),
        ta.ATR(high, low, close, 14),
        ta.ADX(high, low, close, 14),
        (ta.PLUS_DI(high, low, close, 14), ta.MINUS_DI(high, low, close, 14)),
        ta.OBV(close, volume),
    ]


def vector_ta_indicators(ta):
    return [
        ta.rsi(close, 14),
        ta.macd(close, 12, 26, 9, "ema"),
        ta.stoch(high, low, close, 14, 3, "sma", 3, "sma"),
        ta.roc(close, 10),
        *[ta.ema(close, period) for period in (9, 21, 50, 200)],
        *[ta.sma(close, period) for period in (20, 50)],
        *[ta.sma(volume, period) for period in (5, 20, 50)],
        ta.bollinger_bands(close, 20),
        ta.atr(high, low, close, 14),
        ta.adx(high, low, close, 14),
        ta.di(high, low, close, 14),
        ta.obv(close, volume),
    ]


def backtesting_py(module):
    import pandas as pd

    class Follow(module.Strategy):
        def init(self):
            pass

        def next(self):
            bar = len(self.data) - 1
            for trade in self.trades:
                if bar - trade.entry_bar >= HELD:
                    trade.close()
            side = self.data.Side[-1]
            if side != 0 and not self.position:
                (self.buy if side > 0 else self.sell)(size=0.1)

    trades = 0
    for symbol in range(int(symbols)):
        frame = pd.DataFrame(
            {name.capitalize(): market[name][symbol] for name in market},
            index=pd.date_range("2024-01-01", periods=int(bars), freq="5min"),
        )
        result = module.Backtest(frame, Follow, cash=10_000_000, commission=FEE).run()
        trades += result["# Trades"]
    return [trades]


def vectorbt(module):
    buys, sells = (market["side"].T == wanted for wanted in (1, -1))
    ends = np.roll(buys | sells, HELD, axis=0)
    ends[:HELD] = False
    portfolio = module.Portfolio.from_signals(
        market["close"].T, buys, ends, short_entries=sells, short_exits=ends, size=1, fees=FEE, freq="5min"
    )
    return [portfolio.trades.count().sum()]


PEERS = {
    "TA-Lib": ("talib", talib_indicators),
    "vector-ta": ("vector_ta", vector_ta_indicators),
    "backtesting": ("backtesting", backtesting_py),
    "vectorbt": ("vectorbt", vectorbt),
}

found, report = {}, {}
for name, (module, run) in PEERS.items():
    try:
        found[name] = (importlib.import_module(module), run)
        report[name] = {"version": version(name)}
    except Exception as error:
        report[name] = {"missing": f"{type(error).__name__}: {error}"}
print(json.dumps(report), flush=True)
for line in sys.stdin:
    module, run = found[line.strip()]
    started = time.process_time_ns()
    assert len(run(module)) > 0
    print(time.process_time_ns() - started, flush=True)
