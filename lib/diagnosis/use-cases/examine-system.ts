// Whether a system, local or on AWS, has what it decides by: flags, a circuit breaker, models that pass every check, an exchange.
// Each check stands for itself: one that fails keeps none of the others back.
import { messageOf } from '../../core/message-of.ts';
import type { MarketData } from '../../market/ports.ts';
import type { ModelListing, VerifiedModelRow } from '../../models/use-cases/model-registry.ts';
import { FLAG_NAMES, parseFlags } from '../../risk/flags.ts';
import type { Scope } from '../../risk/gate.ts';
import type { FlagStore, RiskStore } from '../../risk/ports.ts';
import { type Finding, fault, ok, warning } from '../finding.ts';
import { judgeClock } from '../machine.ts';

/** Fewer never decide. */
const MODELS_MIN = 2;
/** In the words of the command line. */
export interface SystemSources {
  readonly flags: FlagStore;
  readonly risk: Pick<RiskStore, 'readGate'>;
  readonly verifyModels: () => Promise<ModelListing<VerifiedModelRow>>;
  /** Options that name the system, such as ` --stage dev`. */
  readonly named: string;
}

export async function examineSystem(sources: SystemSources): Promise<Finding[]> {
  const findings = await Promise.all([
    examineFlags(sources),
    ...(['paper', 'live'] as const).map((scope) => examineGate(sources, scope)),
    examineModels(sources),
  ]);
  return findings.flat();
}

async function examineFlags({ flags, named }: SystemSources): Promise<Finding[]> {
  const states = Object.entries(parseFlags(await flags.read(FLAG_NAMES)));
  const wrong = states.flatMap(([name, state]) => (state.state === 'value' ? [] : [{ name, state }]));
  if (wrong.length === 0) return [ok('flags', `all ${states.length} are readable and well formed`)];
  return wrong.map(({ name, state: { state, message } }) =>
    fault(
      'flags',
      message,
      state === 'unreadable'
        ? 'check region, credentials and their permissions'
        : `qtrader flags set ${name} VALUE${named}`,
    ),
  );
}

async function examineGate({ risk, named }: SystemSources, scope: Scope): Promise<Finding[]> {
  const check = `breaker (${scope})`;
  try {
    const gate = await risk.readGate(scope);
    if (gate === undefined) return [ok(check, 'not started')];
    if (gate.breaker.latch === 'ARMED' && gate.latch === 'ARMED') return [ok(check, 'armed')];
    const causes =
      gate.breaker.latch === 'TRIPPED' ? gate.breaker.causes.map(({ code }) => code).join(', ') : 'by hand';
    return [
      warning(
        check,
        `tripped: ${causes}`,
        `qtrader breaker reset --scope ${scope} --reason TEXT --by NAME${named}`,
      ),
    ];
  } catch (error) {
    return [fault(check, messageOf(error), 'nothing is entered; see the runbook lease-expired')];
  }
}

async function examineModels({ verifyModels, named }: SystemSources): Promise<Finding[]> {
  try {
    const { ensemble, models } = await verifyModels();
    if (!ensemble.ok)
      return [
        fault('models', ensemble.error.message, `qtrader models list${named}, then promote or roll back`),
      ];
    const active = models.filter(({ weight }) => weight !== null);
    const failed = active.filter(({ problem, quarantine }) => problem !== undefined || quarantine !== null);
    const findings = failed.map(({ name, version, problem, quarantine }) => {
      const why =
        problem === undefined ? `quarantined: ${quarantine}` : `${problem.reason}: ${problem.message}`;
      const judge = active.length - failed.length < MODELS_MIN ? fault : warning;
      return judge(
        'models',
        `${name}/${version}: ${why}`,
        `publish it again, or qtrader models rollback${named}`,
      );
    });
    const proven = active.length - failed.length;
    const said = `${proven} of ${active.length} of ensemble ${ensemble.value.id} load, and reproduce their golden vectors`;
    return [...findings, ...(failed.length === 0 ? [ok('models', said)] : [])];
  } catch (error) {
    return [fault('models', messageOf(error), 'check that the store can be read')];
  }
}

/**
 * @param options.isRealTime false for a simulated exchange, which has its own time
 * @param options.needed whether the system cannot do without it
 */
export async function examineExchange(
  market: Pick<MarketData, 'serverTimeMs'>,
  {
    name,
    isRealTime,
    needed,
    nowMs,
  }: {
    readonly name: string;
    readonly isRealTime: boolean;
    readonly needed: boolean;
    readonly nowMs: () => number;
  },
): Promise<Finding[]> {
  const askedMs = nowMs();
  const time = await market.serverTimeMs();
  const answeredMs = nowMs();
  if (!time.ok)
    return [
      (needed ? fault : warning)(
        'exchange',
        `${name}: ${time.error.message}`,
        needed
          ? 'check the network, and that the exchange serves this country'
          : 'needed for the real market only; check the network, and that the exchange serves this country',
      ),
    ];
  const reached = ok('exchange', `${name} answers within ${answeredMs - askedMs} ms`);
  if (!isRealTime) return [reached];
  return [reached, judgeClock(name, (askedMs + answeredMs) / 2 - time.value, (answeredMs - askedMs) / 2)];
}
