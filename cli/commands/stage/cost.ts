// `qt cost`: what a stage costs per month on AWS.
import type { Command } from 'commander';
import { parseCount } from '../../options.ts';

interface CostOptions {
  readonly symbols: number;
  readonly shards: number;
  readonly json: boolean;
}

export function addCostCommand(program: Command): void {
  program
    .command('cost')
    .description('what a stage costs per month on AWS, by service (docs/COST.md)')
    .option('--symbols <n>', 'how many symbols', parseCount, 100)
    .option('--shards <n>', 'shards of infer', parseCount, 1)
    .option('--json', 'print JSON', false)
    .action(runCost);
}

async function runCost({ symbols, shards, json }: CostOptions): Promise<void> {
  const { monthlyCost } = await import('../../../infra/cost/monthly-cost.ts');
  const { FUNCTIONS } = await import('../../../infra/catalog/functions.ts');
  const memoryMb = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, { memoryMb }]) => [name, memoryMb]),
  );
  const lines = monthlyCost({ symbols, shards, memoryMb });
  const totalUsd = lines.reduce((sum, { usd }) => sum + usd, 0);
  const print = (text: string) => void process.stdout.write(`${text}\n`);
  if (json) return print(JSON.stringify({ symbols, shards, totalUsd, lines }));
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: ['service', 'what', 'per month', '', 'USD'],
    colAligns: ['left', 'left', 'right', 'left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { service, what, quantity, unit, usd } of lines)
    table.push([
      service,
      what,
      quantity.toLocaleString('en', { maximumFractionDigits: 2 }),
      unit,
      usd.toFixed(2),
    ]);
  print(table.toString());
  print(`${symbols} symbols in ${shards} shards: ${totalUsd.toFixed(2)} USD per month`);
}
