// Reads answers in which every row stands for itself: one that cannot be read is named, and the others are read all the same. What
// is no list at all is refused whole, as is a list in which no row can be read or so much as names its symbol: it says nothing.
import * as z from 'zod';
import type { Listing, ReadProblem } from '../../../execution/ports.ts';
import { ExchangeFault } from '../exchange-fault.ts';

/** @returns a function that throws ExchangeFault `invalid_response` for what is not as documented */
export function reader<Schema extends z.ZodType>(what: string, schema: Schema) {
  return (body: unknown): z.output<Schema> => {
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new ExchangeFault(
      'invalid_response',
      `the exchange did not send ${what}${firstIssue(parsed.error)}`,
    );
  };
}

/**
 * @param options.row what a row is read by; null for a row that is of no interest
 * @returns a function that throws ExchangeFault `invalid_response` for what is no list
 */
export function listReader<Row>(options: { what: string; row: z.ZodType<Row | null> }) {
  const { what, row } = options;
  const readList = reader(`a list of ${what}`, z.array(z.unknown()));
  return (body: unknown): Listing<Row> => {
    const rows: Row[] = [];
    const problems: ReadProblem[] = [];
    const list = readList(body);
    for (const [index, one] of list.entries()) {
      const parsed = row.safeParse(one);
      if (!parsed.success) {
        const message = `row ${index} of the list of ${what} cannot be read${firstIssue(parsed.error)}`;
        problems.push({ symbol: symbolOf(one), message });
      } else if (parsed.data !== null) rows.push(parsed.data);
    }
    const isMalformed =
      list.length > 0 &&
      problems.length === list.length &&
      problems.every(({ symbol }) => symbol === undefined);
    if (isMalformed)
      throw new ExchangeFault(
        'invalid_response',
        `the exchange did not send a list of ${what}: ${problems[0]!.message}`,
      );
    return { rows, problems };
  };
}

function firstIssue({ issues }: z.ZodError): string {
  const { path, message } = issues[0]!;
  return `${path.length === 0 ? '' : ` (${path.join('.')})`}: ${message}`;
}

const namedSchema = z.object({ symbol: z.string().min(1) });
function symbolOf(row: unknown): string | undefined {
  const named = namedSchema.safeParse(row);
  return named.success ? named.data.symbol : undefined;
}
