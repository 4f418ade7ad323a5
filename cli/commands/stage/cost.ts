// `qtrader cost`: the monthly cost of a stage on AWS.
import type { Command } from 'commander';
import { parseCount } from '../../options.ts';
import { print, printJson } from '../../output.ts';

interface CostOptions {
  readonly symbols: number;
  readonly shards: number;
  readonly network: boolean;
  readonly json: boolean;
}

export function addCostCommand(program: Command): void {
  program
    .command('cost')
    .description('monthly cost of a stage on AWS, by service (docs/COST.md)')
    .option('--symbols <n>', 'number of symbols', parseCount, 100)
    .option('--shards <n>', 'number of infer shards', parseCount, 1)
    .option('--network', 'with a fixed address for the functions that hold exchange keys', false)
    .option('--json', 'print JSON', false)
    .action(runCost);
}

async function runCost({ symbols, shards, network, json }: CostOptions): Promise<void> {
  const { monthlyCost, PRICES_AS_OF } = await import('../../../infra/cost/monthly-cost.ts');
  const { FUNCTIONS } = await import('../../../infra/catalog/functions.ts');
  const memoryMb = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, { memoryMb }]) => [name, memoryMb]),
  );
  const lines = monthlyCost({ symbols, shards, memoryMb, network });
  const totalUsd = lines.reduce((sum, { usd }) => sum + usd, 0);
  if (json) return printJson({ symbols, shards, network, pricesAsOf: PRICES_AS_OF, totalUsd, lines });
  const { formatTable } = await import('../../format/text-table.ts');
  const rows = lines.map(({ service, what, quantity, unit, usd }) => [
    service.replace('EventBridge ', ''),
    what,
    quantity.toLocaleString('en', { maximumFractionDigits: 2 }),
    unit,
    usd.toFixed(2),
  ]);
  print(formatTable({ head: ['service', 'what', 'per month', '', 'USD'], rows, left: [0, 1, 3] }));
  print(
    `${symbols} symbols in ${shards} shards: ${totalUsd.toFixed(2)} USD per month, at prices of ${PRICES_AS_OF}`,
  );
}
