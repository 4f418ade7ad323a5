// Which of the refusals that the circuit breaker counts the rehearsal has brought about itself: three within a quarter of an hour
// trip, and are meant to. Whatever is not known to be its doing is the product's.
import { SECOND_MS } from '../../lib/core/units.ts';
import type { OrderRecord } from '../../lib/execution/records.ts';
import { roundToStep } from '../../lib/execution/round-to-step.ts';
import { BREAKER_LIMITS, SEEN_LATE_MS } from '../../lib/risk/breaker/limits.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import type { Contract } from '../exchange/contracts.ts';
import type { ExternalAct } from './external-plan.ts';
import { isPlannedRefusal } from './fault-plan.ts';
import type { RehearsedSystem } from './rehearsed-system.ts';

/** What the rehearsal has done that an order can be refused for. */
export interface RefusalCauses {
  /** When the plan had an order refused. */
  readonly plannedAtMs: readonly number[];
  /** Of filters, among others. */
  readonly changes: readonly ExternalAct[];
  readonly contract: (symbol: string) => Pick<Contract, 'stepSize' | 'tickSize'> | undefined;
}

/** Of one run: its orders are recorded within this time. */
const RUN_MS_MAX = 40 * SECOND_MS;

/** One line for each refusal that a trip at this moment counts, and that none of the causes explains. */
export async function unexplainedRefusals(
  { orders, rejections }: RehearsedSystem['records'],
  nowMs: number,
  causes: RefusalCauses,
): Promise<readonly string[]> {
  const fromMs = nowMs - BREAKER_LIMITS.rejectionsWindowMs - SEEN_LATE_MS;
  const counted = allValues(await rejections.since('live', fromMs));
  const lines = counted.map(async ({ clientOrderId, atMs }) => {
    const order = (await orders.get('live', clientOrderId))?.value;
    if (order !== undefined && (isPlanned(order, atMs, causes) || isOffNewGrid(order, causes))) return [];
    return [`${order?.symbol} ${order?.leg} ${clientOrderId}: ${order?.note}`];
  });
  return (await Promise.all(lines)).flat();
}

const isPlanned = ({ note }: OrderRecord, atMs: number, { plannedAtMs }: RefusalCauses): boolean =>
  isPlannedRefusal(note) && plannedAtMs.some((ms) => atMs >= ms && atMs - ms <= RUN_MS_MAX);

/** The contract's filters were changed before it was sent, and do not take it: its answer was lost, or filters would be no refusal. */
function isOffNewGrid(order: OrderRecord, { changes, contract }: RefusalCauses): boolean {
  const isChanged = changes.some(
    ({ atMs, symbol, what }) => symbol === order.symbol && atMs < order.createdAtMs && what.includes('×'),
  );
  const filters = contract(order.symbol);
  if (!isChanged || filters === undefined) return false;
  const isOff = (value: number, step: number) => roundToStep(value, step, 'down') !== value;
  return (
    isOff(order.quantity, filters.stepSize) ||
    (order.leg === 'stop' && order.stopPrice !== null && isOff(order.stopPrice, filters.tickSize))
  );
}
