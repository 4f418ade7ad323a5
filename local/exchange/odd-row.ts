// One row that nobody expects, in an answer that is right otherwise: an order set in the app, a status that is new, a price in
// exponent notation. Real answers hold such rows; one of them must not make the others unreadable.
import { ODDITIES, type Oddity } from './faults.ts';

interface OddRow {
  readonly how?: Oddity | undefined;
  readonly place: 'replace' | 'insert';
  readonly rowSymbol?: string | undefined;
  readonly path: string;
  /** In [0, 1). */
  readonly pick: number;
}

type Row = Readonly<Record<string, unknown>>;
type Cells = readonly unknown[];

const QUANTITIES = ['quantity', 'origQty', 'qty', 'positionAmt', 'balance', 'income', 'volume'];
const PRICES = ['price', 'triggerPrice', 'markPrice', 'lastPrice', 'avgPrice', 'entryPrice'];
const ASSETS = ['commissionAsset', 'asset', 'marginAsset'];
const STATUSES = ['algoStatus', 'status'];
const TYPES = ['incomeType', 'orderType', 'type', 'contractType'];
/** Columns of a candle. */
const [CLOSE, VOLUME] = [4, 5];

/** Where an answer keeps its rows, when it is no list itself. */
const LISTS = ['symbols', 'positions', 'assets'];

/** What stands where a list is empty: rows of others. */
const FOREIGN_ROWS: Readonly<Record<string, Row>> = {
  openOrders: {
    ...{ orderId: 9_007_199, symbol: 'BTCUSDT', status: 'NEW', clientOrderId: 'ios_9007199' },
    ...{ price: '0', avgPrice: '0', origQty: '0', executedQty: '0', cumQuote: '0', timeInForce: 'GTE_GTC' },
    ...{ type: 'STOP_MARKET', reduceOnly: true, closePosition: true, side: 'SELL', positionSide: 'BOTH' },
    ...{ stopPrice: '1', workingType: 'MARK_PRICE', origType: 'STOP_MARKET', time: 1, updateTime: 1 },
  },
  openAlgoOrders: {
    ...{ algoId: 9_007_199, clientAlgoId: 'ios_9007199', algoType: 'CONDITIONAL', orderType: 'STOP_MARKET' },
    ...{ symbol: 'BTCUSDT', side: 'SELL', positionSide: 'BOTH', timeInForce: 'GTE_GTC', quantity: '0' },
    ...{ algoStatus: 'NEW', triggerPrice: '1', price: '0', workingType: 'MARK_PRICE', closePosition: true },
    ...{ priceProtect: true, reduceOnly: true, createTime: 1, updateTime: 1, actualOrderId: '' },
  },
  userTrades: {
    ...{ symbol: 'BTCUSDT', id: 9_007_199, orderId: 9_007_199, side: 'SELL', price: '1', qty: '0.001' },
    ...{ quoteQty: '0.001', commission: '0.00000001', commissionAsset: 'BNB', time: 1, positionSide: 'BOTH' },
    ...{ realizedPnl: '0', buyer: false, maker: true },
  },
  positionRisk: {
    ...{ symbol: 'BTCUSDT_261225', positionSide: 'BOTH', positionAmt: '1', entryPrice: '1', markPrice: '1' },
    ...{ unRealizedProfit: '0', liquidationPrice: '0', notional: '1', marginAsset: 'USDC', updateTime: 1 },
  },
  income: {
    ...{ symbol: '', incomeType: 'BFUSD_REWARD', income: '0.01', asset: 'USDC', info: '', time: 1 },
    ...{ tranId: 9_007_199, tradeId: '' },
  },
};

/** The answer with one odd row; unchanged where it has no rows. */
export function oddAnswer(answer: unknown, odd: OddRow): unknown {
  if (Array.isArray(answer)) return oddList(answer, odd);
  if (!isRow(answer)) return answer;
  const list = LISTS.find((name) => Array.isArray(answer[name]));
  if (list !== undefined) return { ...answer, [list]: oddList(answer[list] as unknown[], odd) };
  return 'code' in answer ? answer : makeOdd(answer, odd);
}

function oddList(rows: readonly unknown[], odd: OddRow): unknown[] {
  const foreign = FOREIGN_ROWS[odd.path.split('/').at(-1) ?? ''];
  if (rows.length === 0) return foreign === undefined ? [] : [makeOdd(foreign, odd)];
  const found = rows.findIndex((row) => isRow(row) && row.symbol === odd.rowSymbol);
  const index = found >= 0 ? found : Math.floor(rows.length / 2);
  const template = odd.place === 'insert' ? (foreign ?? rows[index]) : rows[index];
  const row = Array.isArray(template) ? oddCells(template, odd) : makeOdd(template as Row, odd);
  return odd.place === 'insert' ? rows.toSpliced(index, 0, row) : rows.with(index, row);
}

const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first oddity that fits the row, from the wanted one on. */
function makeOdd(row: Row, { how, pick }: Pick<OddRow, 'how' | 'pick'>): Row | null {
  const from = how === undefined ? Math.floor(pick * (ODDITIES.length - 1)) : ODDITIES.indexOf(how);
  for (let step = 0; step < ODDITIES.length; step++) {
    const odd = oddityOf(row, ODDITIES[(from + step) % ODDITIES.length]!);
    if (odd !== undefined) return odd;
  }
  return row;
}

/** undefined where the row has nothing of the kind. */
function oddityOf(row: Row, how: Oddity): Row | null | undefined {
  const withOne = (names: readonly string[], value: unknown): Row | undefined => {
    const name = names.find((candidate) => candidate in row);
    return name === undefined ? undefined : { ...row, [name]: value };
  };
  switch (how) {
    case 'null_quantity':
      return withOne(QUANTITIES, null);
    case 'null_price':
      return withOne(PRICES, null);
    case 'tiny_price':
      return withOne(PRICES, '1E-7');
    case 'unknown_status':
      return withOne(STATUSES, 'NEW_ADL');
    case 'unknown_type':
      return withOne(TYPES, 'NOT_DOCUMENTED');
    case 'foreign_asset':
      return withOne(ASSETS, 'commissionAsset' in row ? 'BNB' : 'USDC');
    case 'foreign_symbol':
      return withOne(['symbol'], '测试USDC_261225');
    case 'close_position':
      if (!('closePosition' in row)) return undefined;
      return { ...row, closePosition: true, ...('quantity' in row ? { quantity: null } : { origQty: '0' }) };
    case 'null_row':
      return null;
  }
}

/** Of a candle: the close or the volume. */
function oddCells(cells: Cells, { how }: OddRow): Cells | null {
  if (how === 'null_row') return null;
  if (how === 'null_quantity') return cells.with(VOLUME, null);
  return cells.with(CLOSE, how === 'tiny_price' ? '1E-7' : null);
}
