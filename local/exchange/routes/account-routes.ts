// Positions, balances, income and settings of the account.
import { DAY_MS } from '../../../lib/core/units.ts';
import type { MatchingAccount } from '../account/matching-account.ts';
import { type ExchangeReply, type Route, refuse, reply } from '../route.ts';
import { amount, bracketBody, incomeBody, positionBody } from './bodies.ts';
import {
  INVALID_SYMBOL,
  limitOf,
  type MakeRoute,
  missing,
  ofSymbol,
  type Question,
  windowOf,
} from './private-route.ts';

const KEPT_MS = 90 * DAY_MS;
const DONE = reply({ code: 200, msg: 'success' });

export function accountRoutes(account: MatchingAccount, route: MakeRoute): Route[] {
  const settings = account.settings;
  return [
    route('GET', '/fapi/v3/positionRisk', 5, (question) => reply(positions(account, question))),
    route('GET', '/fapi/v3/balance', 5, (question) => reply(balances(account, question))),
    route('GET', '/fapi/v3/account', 5, (question) => {
      const assets = balances(account, question);
      const { balance, availableBalance } = assets[0]!;
      const held = positions(account, question);
      return reply({ totalWalletBalance: balance, availableBalance, assets, positions: held });
    }),
    route('GET', 'income', 30, (question) => income(account, question)),
    route('GET', 'positionSide/dual', 30, () => reply({ dualSidePosition: settings.modes.dualSidePosition })),
    route('POST', 'positionSide/dual', 1, ({ parameters }) => {
      const wanted = parameters.get('dualSidePosition');
      if (wanted !== 'true' && wanted !== 'false') return missing('dualSidePosition');
      return settings.setPositionMode(wanted === 'true', account.standing()) ?? DONE;
    }),
    route('GET', 'multiAssetsMargin', 30, () =>
      reply({ multiAssetsMargin: settings.modes.multiAssetsMargin }),
    ),
    route('GET', 'feeBurn', 1, () => reply({ feeBurn: settings.modes.feeBurn })),
    route(
      'GET',
      'symbolConfig',
      5,
      ofSymbol(account, (symbol) => {
        const { leverage, marginType } = settings.of(symbol);
        return reply([{ symbol, marginType, isAutoAddMargin: false, leverage, maxNotionalValue: '1000000' }]);
      }),
    ),
    route('GET', 'leverageBracket', 1, (question) => brackets(account, question)),
    route(
      'POST',
      'leverage',
      1,
      ofSymbol(account, (symbol, { parameters }) => {
        const leverage = Number(parameters.get('leverage'));
        const refusal = settings.setLeverage(symbol, leverage, account.standing(symbol));
        return refusal ?? reply({ symbol, leverage, maxNotionalValue: '1000000' });
      }),
    ),
    route(
      'POST',
      'marginType',
      1,
      ofSymbol(account, (symbol, { parameters }) => {
        const wanted = parameters.get('marginType') ?? '';
        return settings.setMarginType(symbol, wanted, account.standing(symbol)) ?? DONE;
      }),
    ),
  ];
}

/** Of one symbol it is no list, says the documentation. */
function brackets(account: MatchingAccount, { parameters }: Question): ExchangeReply {
  const wanted = parameters.get('symbol');
  if (wanted !== null && !account.market.lists(wanted)) return INVALID_SYMBOL;
  const symbols = wanted === null ? account.market.symbols() : [wanted];
  const tables = symbols.flatMap((symbol) => bracketBody(account.contract(symbol)!));
  return reply(wanted === null ? tables : (tables[0] ?? []));
}

function positions(account: MatchingAccount, { parameters, nowMs, asOf }: Question) {
  const from = asOf(account.unkind.positionLagMs);
  const wanted = parameters.get('symbol');
  const held = account.positions.all(from).filter(({ quantity }) => quantity !== 0);
  const flat = account.unkind.listsFlatPositions
    ? flatPositions(account, new Set(held.map((p) => p.symbol)))
    : [];
  return [...held, ...flat]
    .filter(({ symbol }) => (wanted ?? symbol) === symbol)
    .map((position) => {
      const { symbol } = position;
      const markPrice = account.markPrice(symbol, from === undefined ? 0 : nowMs - from);
      return positionBody(position, markPrice, position.changedAtMs);
    });
}

/** Symbols with an open order are listed too, with amount 0. */
const flatPositions = (account: MatchingAccount, held: ReadonlySet<string>) =>
  [...new Set([...account.orders.open(), ...account.stops.open()].map(({ symbol }) => symbol))]
    .filter((symbol) => !held.has(symbol))
    .map((symbol) => {
      const flat = { quantity: 0, costMicroUsdt: 0, changedAtMs: 0 };
      return { symbol, positionSide: 'BOTH' as const, ...flat };
    });

/** USDT first. */
function balances(account: MatchingAccount, { nowMs, asOf }: Question) {
  return account.funds.assets().map((asset) => {
    const balance = amount(account.funds.balanceE8(asset, asOf(0)));
    const available = asset === 'USDT' ? (account.availableMicroUsdt() / 1e6).toFixed(8) : balance;
    return {
      accountAlias: 'sim',
      asset,
      balance,
      crossWalletBalance: balance,
      crossUnPnl: '0.00000000',
      availableBalance: available,
      maxWithdrawAmount: available,
      marginAvailable: asset === 'USDT',
      updateTime: nowMs,
    };
  });
}

/** Rows of three months at most; of seven days when no time is given. */
function income(account: MatchingAccount, question: Question): ExchangeReply {
  const { parameters, nowMs, asOf } = question;
  const window = windowOf(question);
  if ('status' in window) return window;
  const limit = limitOf(parameters, 100, 1_000);
  if (limit === undefined) return refuse(-1130, "Data sent for parameter 'limit' is not valid.");
  const page = Number(parameters.get('page') ?? 1);
  if (!(Number.isInteger(page) && page >= 1))
    return refuse(-1130, "Data sent for parameter 'page' is not valid.");
  const [incomeType, symbol] = [parameters.get('incomeType'), parameters.get('symbol')];
  const untilMs = parameters.has('endTime') ? window.endMs : Number.POSITIVE_INFINITY;
  const rows = account.funds
    .income(Math.max(window.startMs, nowMs - KEPT_MS), nowMs, asOf(0))
    .filter(
      (row) => (incomeType ?? row.incomeType) === row.incomeType && (symbol ?? row.symbol) === row.symbol,
    )
    .filter(({ atMs }) => atMs <= untilMs);
  return reply(rows.slice((page - 1) * limit, page * limit).map(incomeBody));
}
