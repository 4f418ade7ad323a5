// Whether statements of a policy allow a request, as IAM decides it: an explicit deny wins, and what nothing allows is denied. A
// condition that is not known here allows nothing.
import type { Statement } from './synthesised-stage.ts';

/** Values of condition keys; none means that the key is absent. */
export type RequestContext = Readonly<Record<string, readonly string[]>>;

interface IamRequest {
  readonly action: string;
  readonly resource: string;
  readonly context?: RequestContext;
}

export function isAllowed(statements: readonly Statement[], request: IamRequest): boolean {
  const applying = statements.filter((statement) => applies(statement, request));
  return (
    applying.some(({ effect }) => effect === 'Allow') && applying.every(({ effect }) => effect === 'Allow')
  );
}

const matches = (pattern: string, value: string) =>
  pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : pattern === value;

function applies({ actions, resources, condition }: Statement, request: IamRequest): boolean {
  const { action, resource, context = {} } = request;
  return (
    actions.includes(action) &&
    resources.some((pattern) => matches(pattern, resource)) &&
    Object.entries<Record<string, string | readonly string[]>>(condition ?? {}).every(([operator, keys]) =>
      Object.entries(keys).every(([key, expected]) => holds(operator, [expected].flat(), context[key] ?? [])),
    )
  );
}

function holds(operator: string, expected: readonly string[], given: readonly string[]): boolean {
  const isOneOf = (value: string) => expected.includes(value);
  switch (operator) {
    case 'StringEquals':
    case 'Bool':
      return given.length > 0 && given.every(isOneOf);
    case 'StringEqualsIfExists':
    case 'ForAllValues:StringEquals':
      return given.every(isOneOf);
    case 'Null':
      return expected[0] === String(given.length === 0);
    default:
      return false;
  }
}
