"""What the Python peers take for what compare-peers.ts measures here: it writes the name of a peer, and reads the ns of CPU that one run took.

Arguments: the peers of this environment; the candles of one symbol for the indicators (float64 columns open, high, low, close, volume), their number; for the backtests the
folder with open, high, low, close (float64) and side (float64: 1 buys, -1 sells, 0 does nothing), symbol after symbol, their number, the
bars of each, and how many bars a position is held. Each peer that cannot be imported is named with the reason, and left out.
"""

import importlib
import json
import sys
import time
from decimal import Decimal
from importlib.metadata import version

import numpy as np

wanted, candle_file, candles, folder, symbols, bars, held = sys.argv[1:]
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


def nautilus(module):
    engine = engines.get("nautilus") or engines.setdefault("nautilus", nautilus_engine())
    engine.reset()
    engine.run()
    return [engine.cache.positions_closed_count()]


def nautilus_engine():
    """One venue, one hedging account, bars of all symbols; its data stands ready before the first run that is counted."""
    import pandas as pd
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId, Venue
    from nautilus_trader.model.instruments import CryptoPerpetual
    from nautilus_trader.model.objects import Currency, Money, Price, Quantity
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.trading.strategy import Strategy

    class Follow(Strategy):
        def __init__(self, index_of):
            super().__init__()
            self.index_of = index_of
            self.on_reset()

        def on_reset(self):
            self.row = [0] * int(symbols)
            self.entered = [None] * int(symbols)

        def on_start(self):
            for bar_type in self.index_of:
                self.subscribe_bars(bar_type)

        def on_bar(self, bar):
            index = self.index_of[bar.bar_type]
            row, entered = self.row[index], self.entered[index]
            self.row[index] += 1
            instrument_id = bar.bar_type.instrument_id
            if entered is not None and row - entered >= HELD:
                self.close_all_positions(instrument_id)
                self.entered[index] = None
            side = market["side"][index, row]
            if side == 0 or self.entered[index] is not None:
                return
            self.entered[index] = row
            order_side = OrderSide.BUY if side > 0 else OrderSide.SELL
            self.submit_order(self.order_factory.market(instrument_id, order_side, Quantity.from_str("1.000")))

    engine = BacktestEngine(config=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    venue = Venue("BINANCE")
    engine.add_venue(
        venue=venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USDT,
        starting_balances=[Money(10_000_000, USDT)],
    )
    times = pd.date_range("2024-01-01", periods=int(bars), freq="5min", tz="UTC", name="timestamp")
    index_of = {}
    for index in range(int(symbols)):
        instrument = CryptoPerpetual(
            instrument_id=InstrumentId.from_str(f"S{index}USDT-PERP.BINANCE"),
            raw_symbol=InstrumentId.from_str(f"S{index}USDT-PERP.BINANCE").symbol,
            base_currency=Currency.from_str("BTC"),
            quote_currency=USDT,
            settlement_currency=USDT,
            is_inverse=False,
            price_precision=8,
            size_precision=3,
            price_increment=Price.from_str("0.00000001"),
            size_increment=Quantity.from_str("0.001"),
            ts_event=0,
            ts_init=0,
            taker_fee=Decimal(str(FEE)),
            maker_fee=Decimal(str(FEE)),
        )
        engine.add_instrument(instrument)
        bar_type = BarType.from_str(f"{instrument.id}-5-MINUTE-LAST-EXTERNAL")
        frame = pd.DataFrame(
            {name: market[name][index] for name in ("open", "high", "low", "close")} | {"volume": 1_000.0}, index=times
        )
        engine.add_data(BarDataWrangler(bar_type, instrument).process(frame))
        index_of[bar_type] = index
    engine.add_strategy(Follow(index_of))
    return engine


def freqtrade(module):
    engine, times, frames = engines.get("freqtrade") or engines.setdefault("freqtrade", freqtrade_engine())
    # It adds its signals to the frames that it is given.
    processed = {pair: frame.copy() for pair, frame in frames.items()}
    start, end = (times[place].to_pydatetime() for place in (0, -1))
    return [len(engine.backtest(processed=processed, start_date=start, end_date=end)["results"])]


def freqtrade_engine():
    """Its backtest on perpetuals of Binance's, whose markets and brackets are made up, since nothing here reaches an exchange."""
    from pathlib import Path

    import pandas as pd
    from freqtrade.enums import RunMode
    from freqtrade.exchange.binance import Binance
    from freqtrade.optimize.backtesting import Backtesting
    from freqtrade.resolvers import StrategyResolver
    from freqtrade.strategy import IStrategy

    class Follow(IStrategy):
        INTERFACE_VERSION = 3
        timeframe = "5m"
        can_short = True
        # After so many minutes any return will do.
        minimal_roi = {str(5 * HELD): -1}
        stoploss = -0.99

        def populate_indicators(self, dataframe, metadata):
            return dataframe

        def populate_entry_trend(self, dataframe, metadata):
            dataframe["enter_long"] = dataframe["side"] > 0
            dataframe["enter_short"] = dataframe["side"] < 0
            return dataframe

        def populate_exit_trend(self, dataframe, metadata):
            return dataframe

    pairs = [f"S{index}/USDT:USDT" for index in range(int(symbols))]
    pricing = {"price_side": "other", "use_order_book": False}
    config = {
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "original_config": {},
        "internals": {},
        "datadir": Path(folder),
        "user_data_dir": Path(folder),
        "dataformat_ohlcv": "feather",
        "dataformat_trades": "feather",
        "export": "none",
        "strategy": Follow.__name__,
        "timeframe": Follow.timeframe,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_currency": "USDT",
        "stake_amount": 1_000.0,
        "dry_run_wallet": 10_000_000,
        "tradable_balance_ratio": 0.99,
        "amend_last_stake_amount": False,
        "last_stake_amount_min_ratio": 0.5,
        "max_open_trades": 10,
        "fee": FEE,
        "entry_pricing": pricing,
        "exit_pricing": pricing,
        "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes", "exit_timeout_count": 0},
        "exchange": {"name": "binance", "pair_whitelist": pairs, "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
    }
    exchange = Binance(config, validate=False)
    exchange.reload_markets = lambda *_, **__: None
    bracket = {"minNotional": 0, "maxNotional": 1e12, "maintenanceMarginRate": 0.004, "maxLeverage": 20}
    for pair in pairs:
        exchange._markets[pair] = {
            "id": pair,
            "symbol": pair,
            "base": pair.split("/")[0],
            "quote": "USDT",
            "settle": "USDT",
            "type": "swap",
            "swap": True,
            "contract": True,
            "linear": True,
            "contractSize": 1,
            "active": True,
            "spot": False,
            "margin": False,
            "future": False,
            "option": False,
            "inverse": False,
            "taker": FEE,
            "maker": FEE,
            "precision": {"amount": 0.001, "price": 0.00000001},
            "info": {},
            "limits": {name: {"min": None, "max": None} for name in ("amount", "cost", "price", "leverage")},
        }
        exchange._leverage_tiers[pair] = [exchange.parse_leverage_tier({**bracket, "info": {"cum": "0"}})]
    exchange._api.markets = exchange._markets
    StrategyResolver._load_strategy = staticmethod(lambda *_, **__: Follow(config=config))
    engine = Backtesting(config, exchange)
    engine._set_strategy(engine.strategylist[0])
    times = pd.date_range("2024-01-01", periods=int(bars), freq="5min", tz="UTC")
    # Funding of nothing: it is looked up all the same.
    engine.funding_fee_timeframe_secs = 8 * 3_600
    funding = pd.DataFrame({"date": times[::12], "open_fund": 0.0, "open_mark": 0.0})
    engine.detail_data = {}
    engine.futures_data = {pair: funding for pair in pairs}
    frames = {
        pair: pd.DataFrame(
            {"date": times, **{name: values[index] for name, values in market.items()}, "volume": 1_000.0}
        )
        for index, pair in enumerate(pairs)
    }
    return engine, times, frames


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
    "NautilusTrader": ("nautilus_trader", nautilus),
    "freqtrade": ("freqtrade", freqtrade),
}

DISTRIBUTIONS = {"NautilusTrader": "nautilus_trader"}
engines = {}

found, report = {}, {}
for name in wanted.split(","):
    module, run = PEERS[name]
    try:
        found[name] = (importlib.import_module(module), run)
        report[name] = {"version": version(DISTRIBUTIONS.get(name, name))}
    except Exception as error:
        report[name] = {"missing": f"{type(error).__name__}: {error}"}
print(json.dumps(report), flush=True)
for line in sys.stdin:
    module, run = found[line.strip()]
    started = time.process_time_ns()
    results = run(module)
    # Of a backtest its trades, one number: none would mean that it did nothing.
    assert len(results) > 1 or results[0] > 0
    print(time.process_time_ns() - started, flush=True)
