// Trades a day live on the simulated exchange with every fault on, and prints the counts. Fails when the breaker tripped without a
// cause that others gave it, when a position was without a stop for more than a minute, or when the ledger is not the account.
//
//   npx tsx scripts/rehearse-unkind-day.ts --data DIR [--from 2024-08-21] [--hours 24] [--symbols 100] [--seed 1] [--external] [--events]
//
// Exit codes: 0 all held, 1 something did not, 2 wrong usage.
import { parseArgs } from 'node:util';
import { HOUR_MS } from '../lib/core/units.ts';
import { BETA_SYMBOL } from '../lib/market/beta.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { REQUEST_BARS } from '../lib/market/grid.ts';
import { loadRecordedMarket, marketOf } from '../local/market/market-source.ts';
import { problemsOfDay } from '../local/rehearsal/judge-day.ts';
import { runUnkindDay } from '../local/rehearsal/unkind-day.ts';

const { values: given } = parseArgs({
  options: {
    data: { type: 'string' },
    from: { type: 'string', default: '2024-08-21' },
    hours: { type: 'string', default: '24' },
    symbols: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    external: { type: 'boolean', default: false },
    events: { type: 'boolean', default: false },
  },
});
const startMs = Date.parse(`${given.from}T00:00:00Z`);
const [hours, count, seed] = [Number(given.hours), Number(given.symbols), Number(given.seed)];
if (given.data === undefined || ![startMs, hours, count, seed].every(Number.isFinite)) {
  console.error(
    'usage: npm run rehearse:unkind-day -- --data DIR [--from DAY] [--hours N] [--symbols N] [--seed N] [--external] [--events]',
  );
  process.exit(2);
}
const loaded = await loadRecordedMarket({
  folder: given.data,
  fromMs: startMs - (REQUEST_BARS + 10) * BAR_MS,
  toMs: startMs + (hours + 3) * HOUR_MS,
});
if (!loaded.ok) {
  console.error(loaded.error);
  process.exit(1);
}
// Without Bitcoin no beta is known, and nothing is entered.
const { symbols } = loaded.value;
const chosen = [BETA_SYMBOL, ...symbols.filter((symbol) => symbol !== BETA_SYMBOL)].slice(0, count);
const market = marketOf(new Map(chosen.map((symbol) => [symbol, loaded.value.candles(symbol)])));
const report = await runUnkindDay({
  ...{ market, startMs, hours, seed, withExternalActs: given.external },
  onHour: (line) => console.error(line),
  ...(given.events && { onEvent: (line: string) => console.error(line) }),
});
console.log(JSON.stringify({ symbols: chosen.length, ...report }, null, 2));
const problems = problemsOfDay(report);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
