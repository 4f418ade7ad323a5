// What of a stage exists on AWS without a stack, and stacks that ended in the middle: what a deploy would fail over, and the command
// that helps. Data are never offered for removal before their import.
import { type Finding, fault, ok, warning } from './finding.ts';
import type { Part, Stack, StageInventory } from './inventory.ts';

/** Kept when the stack goes, so that the next one can take them over. */
const IMPORTED = new Set(['table', 'bucket', 'log group']);

export interface StageNames {
  readonly stage: string;
  /** Where the flags are, with the slash at the end: created once, and owned by no stack. */
  readonly flagPath: string;
  /** Stored by people: keys of the exchange, hash of the API's token. */
  readonly storedByPeople: readonly string[];
}

export function judgeLeftOvers(inventory: StageInventory, names: StageNames): Finding[] {
  const { stacks, parts, unread } = inventory;
  const owned = new Set(stacks.flatMap(({ resources }) => resources));
  const isDeployed = stacks.some(({ name }) => name === `qt-${names.stage}-data`);
  const outside = parts.filter((part) => !owned.has(part.id));
  const kept = outside.filter((part) => isKeptBesideStacks(part, names));
  const leftOvers = outside.filter((part) => !kept.includes(part));
  return [
    ...stacks.map((stack) => judgeStack(stack, names)),
    ...(stacks.length === 0
      ? [ok('stacks', `stage ${names.stage} is not deployed in ${inventory.region}`)]
      : []),
    ...missing(inventory),
    ...leftOvers.map((part) => judgeLeftOver(part, names)),
    ...(kept.length > 0 && !isDeployed
      ? [
          warning(
            'left over',
            `${kept.length} parameters: flags, keys and token outlive their stacks, and the next deploy uses them as they are`,
            `to start anew: aws ssm delete-parameters --names ${kept.map(({ id }) => id).join(' ')}`,
          ),
        ]
      : []),
    ...(leftOvers.length === 0 && unread.length === 0
      ? [ok('left over', 'nothing is without its stack')]
      : []),
    ...unread.map((message) =>
      fault('left over', message, 'check region, credentials and their permissions'),
    ),
  ];
}

const isKeptBesideStacks = ({ kind, id }: Part, { flagPath, storedByPeople }: StageNames): boolean =>
  kind === 'parameter' && (id.startsWith(flagPath) || storedByPeople.includes(id));

function judgeStack({ name, status }: Stack, { stage }: StageNames): Finding {
  const deploy = `npx cdk deploy ${name} -c stage=${stage}`;
  if (status === 'ROLLBACK_COMPLETE' || status === 'REVIEW_IN_PROGRESS')
    return fault(name, `${status}: its first creation came to nothing`, deploy);
  if (status.endsWith('_IN_PROGRESS'))
    return warning(name, `${status}: a deploy is under way`, 'wait for its end, then ask again');
  if (status === 'ROLLBACK_FAILED' || status === 'DELETE_FAILED')
    return fault(
      name,
      `${status}: something of it could not be deleted`,
      `aws cloudformation delete-stack --stack-name ${name} --deletion-mode FORCE_DELETE_STACK keeps what cannot be deleted; then ${deploy} --import-existing-resources`,
    );
  if (status === 'UPDATE_ROLLBACK_FAILED')
    return fault(
      name,
      `${status}: the way back from a failed update stopped`,
      `aws cloudformation continue-update-rollback --stack-name ${name}`,
    );
  return status === 'UPDATE_ROLLBACK_COMPLETE'
    ? warning(name, `${status}: the last update failed, and was undone`, deploy)
    : ok(name, status);
}

/** What a stack counts as its own, and is not there: somebody deleted it. CloudFormation does not notice by itself. */
function missing({ stacks, parts, unread }: StageInventory): Finding[] {
  if (unread.length > 0) return [];
  const existing = new Set(parts.map(({ id }) => id));
  return stacks.flatMap(({ name, resources }) =>
    resources
      .filter((id) => DATA_NAME.test(id) && !existing.has(id))
      .map((id) =>
        fault(
          name,
          `${id} is gone, though the stack has it`,
          'restore it from its backup under the same name: see docs/OPERATIONS.md, Tear down',
        ),
      ),
  );
}
const DATA_NAME = /^qt-[a-z0-9-]+-(signals|risk)$/;

function judgeLeftOver({ kind, id }: Part, { stage }: StageNames): Finding {
  const fix = IMPORTED.has(kind)
    ? `to take it over: npx cdk deploy --all -c stage=${stage} --import-existing-resources; to remove it: ${removal(kind, id)}`
    : `no deploy takes it over; to remove it: ${removal(kind, id)}`;
  return warning('left over', `${kind} ${id} exists without its stack`, fix);
}

function removal(kind: Part['kind'], id: string): string {
  switch (kind) {
    case 'table':
      return `aws dynamodb update-table --table-name ${id} --no-deletion-protection-enabled && aws dynamodb delete-table --table-name ${id}`;
    case 'bucket':
      return `take its policy off (aws s3api delete-bucket-policy --bucket ${id}), empty it with all versions, then aws s3api delete-bucket --bucket ${id}`;
    case 'log group':
      return `aws logs delete-log-group --log-group-name ${id}`;
    case 'topic':
      return `aws sns delete-topic --topic-arn ${id}`;
    case 'policy':
      return `detach it from its roles, then aws iam delete-policy --policy-arn ${id}`;
    case 'parameter':
      return `aws ssm delete-parameter --name ${id}`;
  }
}
