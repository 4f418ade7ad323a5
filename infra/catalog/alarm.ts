// One alarm as one row: the runbook that it calls for, what it means, the metric that it watches, and when it sounds.
import { ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';

export interface AlarmCondition {
  readonly threshold: number;
  readonly comparison: ComparisonOperator;
  /** Consecutive periods that must all breach. @default 1 */
  readonly periods?: number;
  /** Where silence is the danger, missing data breaches. @default NOT_BREACHING */
  readonly missingData?: TreatMissingData;
}

export interface AlarmDefinition extends AlarmCondition {
  /** Heading of the runbook in docs/OPERATIONS.md. */
  readonly runbook: string;
  /** Tells apart the alarms that share a runbook. */
  readonly subject?: string;
  readonly meaning: string;
  readonly metric: IMetric;
}

type More = Pick<AlarmCondition, 'periods' | 'missingData'>;

export const atLeast = (threshold: number, more: More = {}): AlarmCondition => ({
  threshold,
  comparison: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  ...more,
});

export const above = (threshold: number, more: More = {}): AlarmCondition => ({
  threshold,
  comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
  ...more,
});

export const below = (threshold: number, more: More = {}): AlarmCondition => ({
  threshold,
  comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
  ...more,
});

/** Sounds at the first occurrence. */
const ANY = atLeast(1);

/** Sounds when nothing was counted for this many periods in a row, or there is no data. */
export const noneFor = (periods: number): AlarmCondition =>
  below(1, { periods, missingData: TreatMissingData.BREACHING });

/** @param name the runbook, or the runbook and what tells the alarm apart from others with that runbook */
export function alarm(
  name: string | readonly [runbook: string, subject: string],
  meaning: string,
  metric: IMetric,
  condition: AlarmCondition = ANY,
): AlarmDefinition {
  if (typeof name === 'string') return { runbook: name, meaning, metric, ...condition };
  const [runbook, subject] = name;
  return { runbook, subject, meaning, metric, ...condition };
}
