import { describe, expect, it } from 'vitest';
import { ExchangeFault } from '../../../lib/adapters/binance/exchange-fault.ts';
import {
  readFilters,
  readListedPairs,
  readPrices,
  readQuoteVolumes,
} from '../../../lib/adapters/binance/market/instruments.ts';

/** In the shape of Binance's documentation of /fapi/v1/exchangeInfo. */
const pair = (symbol: string, change: Record<string, unknown> = {}) => ({
  symbol,
  status: 'TRADING',
  contractType: 'PERPETUAL',
  baseAsset: symbol.replace(/USDT$/, ''),
  quoteAsset: 'USDT',
  filters: [
    { filterType: 'PRICE_FILTER', maxPrice: '300', minPrice: '0.0001', tickSize: '0.0001' },
    { filterType: 'LOT_SIZE', maxQty: '10000000', minQty: '1', stepSize: '1' },
    { filterType: 'MARKET_LOT_SIZE', maxQty: '590119', minQty: '2', stepSize: '1' },
    { filterType: 'MAX_NUM_ORDERS', limit: 200 },
    { filterType: 'MIN_NOTIONAL', notional: '5.0' },
  ],
  ...change,
});

describe('exchange info', () => {
  it('keeps USDT pairs under names that we can use, marks other contracts, and has filters of those that trade now', () => {
    const symbols = [
      pair('BTCUSDT'),
      pair('ETHUSDT', { status: 'SETTLING' }),
      pair('BTCUSDT_260327', { contractType: 'CURRENT_QUARTER' }),
      pair('TSLAUSDT', { contractType: 'TRADIFI_PERPETUAL' }),
      pair('BTCUSDC', { quoteAsset: 'USDC' }),
      pair('币安人生USDT'),
      { symbol: null },
      pair('BLZUSDT', { contractType: undefined }),
    ];
    const filters = readFilters({ symbols });
    expect([...filters.keys()]).toEqual(['BTCUSDT', 'TSLAUSDT', 'BLZUSDT']);
    // What is no contract of ours can still be closed.
    expect([...filters.values()].map(({ isOtherContract }) => isOtherContract)).toEqual([
      undefined,
      true,
      undefined,
    ]);
    const volumes = new Map([['BTCUSDT', 12.5]]);
    const listed = { quoteVolumeUsdt: undefined, isTrading: true };
    expect(readListedPairs({ symbols }, volumes)).toEqual([
      { ...listed, symbol: 'BTCUSDT', base: 'BTC', quoteVolumeUsdt: 12.5 },
      { ...listed, symbol: 'ETHUSDT', base: 'ETH', isTrading: false },
      { ...listed, symbol: 'TSLAUSDT', base: 'TSLA', isOtherContract: true },
      { ...listed, symbol: 'BLZUSDT', base: 'BLZ' },
    ]);
  });

  it.each(['INDEX', 'PREMARKET', 'SOMETHING_NEW'])(
    'marks a perpetual on %s as another contract',
    (underlyingType) => {
      const symbols = [pair('BTCUSDT', { underlyingType: 'COIN' }), pair('DEFIUSDT', { underlyingType })];
      const marks = [...readFilters({ symbols }).values()].map(({ isOtherContract }) => isOtherContract);
      expect(marks).toEqual([undefined, true]);
    },
  );

  it('tells when a contract is settled, and takes the year 2100 for never', () => {
    const settlesAtMs = Date.UTC(2024, 7, 5, 9);
    const symbols = [
      pair('BTCUSDT', { deliveryDate: 4_133_404_800_000 }),
      pair('OLDUSDT', { deliveryDate: settlesAtMs }),
    ];
    expect([...readFilters({ symbols }).values()].map((one) => one.settlesAtMs)).toEqual([
      undefined,
      settlesAtMs,
    ]);
    expect(readListedPairs({ symbols }, new Map()).map((one) => one.settlesAtMs)).toEqual([
      undefined,
      settlesAtMs,
    ]);
  });

  it('takes no row whose symbol is not named after its quote', () => {
    const info = { symbols: [pair('BTCUSDT'), pair('ETHBTC'), pair('00', { baseAsset: 'BTC' })] };
    expect([...readFilters(info).keys()]).toEqual(['BTCUSDT']);
    expect(readListedPairs(info, new Map()).map(({ symbol }) => symbol)).toEqual(['BTCUSDT']);
  });

  it('takes the stricter of the lot filters', () => {
    expect(readFilters({ symbols: [pair('BLZUSDT')] }).get('BLZUSDT')).toEqual({
      tickSize: 0.0001,
      stepSize: 1,
      minQuantity: 2,
      maxQuantity: 590_119,
      minNotionalUsdt: 5,
    });
  });

  it("reads spot's notional filter and its market lot without a step", () => {
    const filters = [
      { filterType: 'PRICE_FILTER', minPrice: '0.01', maxPrice: '1000000', tickSize: '0.01' },
      { filterType: 'LOT_SIZE', minQty: '0.00001', maxQty: '9000', stepSize: '0.00001' },
      { filterType: 'MARKET_LOT_SIZE', minQty: '0', maxQty: '85.2', stepSize: '0' },
      { filterType: 'NOTIONAL', minNotional: '5', applyMinToMarket: true },
    ];
    expect(readFilters({ symbols: [pair('BTCUSDT', { filters })] }).get('BTCUSDT')).toEqual({
      tickSize: 0.01,
      stepSize: 0.00001,
      minQuantity: 0.00001,
      maxQuantity: 85.2,
      minNotionalUsdt: 5,
    });
  });

  it.each(['PRICE_FILTER', 'LOT_SIZE', 'MIN_NOTIONAL'])('leaves out a pair without %s', (missing) => {
    const broken = pair('ETHUSDT');
    broken.filters = broken.filters.filter(({ filterType }) => filterType !== missing);
    expect([...readFilters({ symbols: [pair('BTCUSDT'), broken] }).keys()]).toEqual(['BTCUSDT']);
  });

  it.each(['', '0', '-1', '1e', 'e-5', 'NaN', null])('leaves out a pair whose step is %j', (stepSize) => {
    const broken = pair('ETHUSDT', {
      filters: pair('ETHUSDT').filters.map((filter) => ({ ...filter, stepSize })),
    });
    expect([...readFilters({ symbols: [pair('BTCUSDT'), broken] }).keys()]).toEqual(['BTCUSDT']);
  });
});

describe('an answer that is no list', () => {
  const answers = [null, undefined, [], {}, '<html>', { symbols: [] }, { symbols: null }, [null], [[1]]];
  it.each(answers)('%j is refused whole', (body) => {
    const readPairs = (body: unknown) => readListedPairs(body, new Map());
    for (const read of [readFilters, readPairs, readPrices, readQuoteVolumes]) {
      expect(() => read(body)).toThrow(ExchangeFault);
    }
  });
});

describe('prices', () => {
  it('takes a price of 0 for none', () => {
    const rows = [
      { symbol: 'BTCUSDT', price: '60000.10', time: 1 },
      { symbol: 'NEWUSDT', price: '0.00000000' },
    ];
    expect([...readPrices(rows)]).toEqual([['BTCUSDT', 60_000.1]]);
  });

  it.each(['n/a', '', null, 5, ' 1', '1e', '1e999'])(
    '%j leaves that symbol alone without a price',
    (price) => {
      const rows = [{ symbol: 'ETHUSDT', price }, null, { symbol: 'BTCUSDT', price: '60000.10' }];
      expect([...readPrices(rows)]).toEqual([['BTCUSDT', 60_000.1]]);
    },
  );

  it('reads exponent notation like any other number', () => {
    const rows = ['1E-7', '1e-7', '2.5E+3'].map((price, index) => ({ symbol: `S${index}USDT`, price }));
    expect([...readPrices(rows).values()]).toEqual([1e-7, 1e-7, 2_500]);
  });
});

describe('volumes', () => {
  it('leaves the symbol of an odd row alone without one', () => {
    const rows = [
      { symbol: 'ETHUSDT', quoteVolume: null },
      { symbol: 'BTCUSDT', quoteVolume: '1E9' },
    ];
    expect([...readQuoteVolumes(rows)]).toEqual([['BTCUSDT', 1e9]]);
  });
});
