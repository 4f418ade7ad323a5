// The conclusion of a study of stops or other exits, from its figures alone. A rule survives costs when its mean net is above zero with 95 %
// confidence for all rules at once: otherwise the best of many would be found by luck.
import type { BusiestDay, RuleReport } from './trade-study.ts';

export interface StudyConclusion {
  readonly code: 'no_trades' | 'too_few_days' | 'none_survives' | 'some_survive';
  /** Names of the rules that survive costs, best first. */
  readonly survivors: readonly string[];
  /** Names of the rules that are distinguishable from the active one. */
  readonly better: readonly string[];
  readonly worse: readonly string[];
  readonly text: string;
}

/** @param study.rules the active rule first */
export function concludeStudy({
  rules,
  busiestDay,
}: {
  readonly rules: readonly RuleReport[];
  readonly busiestDay: BusiestDay | undefined;
}): StudyConclusion {
  const active = rules[0]!;
  const nothing = { survivors: [], better: [], worse: [] };
  if (active.signals.trades === 0)
    return { ...nothing, code: 'no_trades', text: 'No conclusion: the ensemble acted on no bar.' };
  if (rules.some(({ signals }) => signals.netFamily === undefined))
    return {
      ...nothing,
      code: 'too_few_days',
      text: 'No conclusion: entries on fewer than 5 days give no interval.',
    };
  const ranked = [...rules].sort((a, b) => b.signals.netBps! - a.signals.netBps!);
  const survivors = ranked.filter(({ signals }) => signals.netFamily!.low > 0);
  const better = ranked.filter(({ versusActive }) => (versusActive.family?.low ?? 0) > 0);
  const worse = ranked.filter(({ versusActive }) => (versusActive.family?.high ?? 0) < 0);
  const names = (reports: readonly RuleReport[]) => reports.map(({ name }) => name);
  return {
    code: survivors.length === 0 ? 'none_survives' : 'some_survive',
    survivors: names(survivors),
    better: names(better),
    worse: names(worse),
    text: [
      sayWhatSurvives(ranked, survivors),
      sayWhatDiffers(active, { better, worse }),
      sayWhatTheSideIsWorth(rules),
      ...sayWhatOneDayIsWorth(ranked[0]!, busiestDay!),
    ].join(' '),
  };
}

function sayWhatSurvives(ranked: readonly RuleReport[], survivors: readonly RuleReport[]): string {
  const best = ranked[0]!;
  const lines = `the best mean, ${best.name}, nets ${figures(best)}`;
  if (survivors.length === 0) return `None of the ${ranked.length} rules survives costs: ${lines}.`;
  const which = survivors.length === ranked.length ? 'All' : `${survivors.length} of the`;
  const survive = survivors.length === 1 ? 'survives' : 'survive';
  return `${which} ${ranked.length} rules ${survive} costs (${list(survivors)}): ${lines}.`;
}

function figures({ signals }: RuleReport): string {
  const { low, high } = signals.netFamily!;
  return `${signals.netBps!.toFixed(1)} bps a trade (${low.toFixed(1)} to ${high.toFixed(1)} with all rules in mind)`;
}

function sayWhatDiffers(
  active: RuleReport,
  { better, worse }: { better: readonly RuleReport[]; worse: readonly RuleReport[] },
): string {
  if (better.length + worse.length === 0)
    return `No rule can be distinguished from the active one, ${active.name}.`;
  const said = [
    ...(better.length > 0 ? [`better: ${list(better)}`] : []),
    ...(worse.length > 0 ? [`worse: ${list(worse)}`] : []),
  ];
  return `Distinguishable from the active rule, ${active.name} (${active.signals.netBps!.toFixed(1)} bps): ${said.join('; ')}.`;
}

function sayWhatTheSideIsWorth(rules: readonly RuleReport[]): string {
  const beats = rules.filter(({ versusControl }) => versusControl.family!.low > 0).length;
  return `The ensemble's side beats a coin's under ${beats === 0 ? 'none' : beats} of the ${rules.length} rules.`;
}

/** With a larger share of the trades one day decides the result, and resampling days cannot show how it varies. */
const ONE_DAY_SHARE_MAX = 0.2;

function sayWhatOneDayIsWorth({ name, signals }: RuleReport, { startMs, trades }: BusiestDay): string[] {
  const share = trades / signals.trades;
  if (share <= ONE_DAY_SHARE_MAX) return [];
  const day = new Date(startMs).toISOString().slice(0, 10);
  const left = signals.otherDaysNetBps;
  return [
    `But ${(100 * share).toFixed(0)} % of the trades are of one day, ${day}: without it ${name} nets ${left === undefined ? 'nothing measurable' : `${left.toFixed(1)} bps`}.`,
  ];
}

const list = (reports: readonly RuleReport[]): string => reports.map(({ name }) => name).join(', ');
