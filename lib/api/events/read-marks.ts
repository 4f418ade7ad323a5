// What names the newest of each kind that an event may tell of, read where the status is.
import type { SystemStatus } from '../../execution/use-cases/system-status.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { riskRecords } from '../../risk/use-cases/risk-records.ts';
import type { Marks } from './event-streams.ts';

/** Throws StoreError. */
export async function readMarks(
  { risk }: { readonly risk: RiskStore },
  readStatus: () => Promise<SystemStatus>,
): Promise<Marks> {
  const status = await readStatus();
  const { scope, lastBar, equity, breaker, flags, positions, mode, level, reasons, unread } = status;
  const { records, problems } = await riskRecords(risk).trades.newest(scope, 1);
  const closed = [...records, ...problems].map(({ id }) => id);
  return {
    bar: lastBar && `${lastBar.barOpenTimeMs} ${lastBar.written}`,
    snapshot: equity && String(equity.atMs),
    trade: unread.length > 0 ? null : JSON.stringify([scope, closed, positions.map(({ symbol }) => symbol)]),
    breaker: breaker && JSON.stringify({ ...breaker, revision: 0, highWaterMicroUsdt: 0 }),
    flags: JSON.stringify(flags),
    mode: JSON.stringify([mode, level, reasons.map(({ code }) => code)]),
  };
}
