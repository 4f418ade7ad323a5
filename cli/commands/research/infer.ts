// `qt infer`: the serving code on recorded candles at one moment, without any server.
import type { Command } from 'commander';
import { CommandFailure } from '../../command-error.ts';
import { addRecordedModelsOptions, parseInstant, type RecordedModelsOptions } from '../../options.ts';

interface InferOptions extends RecordedModelsOptions {
  readonly at: number;
  readonly json: boolean;
}

export function addInferCommand(program: Command): void {
  addRecordedModelsOptions(program.command('infer'))
    .description('signals or abstentions for recorded candles at one moment; uses no server')
    .requiredOption('--at <iso>', 'the moment: bars closed by then are seen, none later', parseInstant)
    .option('--json', 'one JSON line per symbol', false)
    .action(runInfer);
}

async function runInfer(options: InferOptions): Promise<void> {
  const { inferFromFolder } = await import('../../../lib/runtime/compose/research/infer-from-folder.ts');
  const inferred = await inferFromFolder({
    dataFolder: options.data,
    modelsFolder: options.models,
    atMs: options.at,
    symbols: options.symbols,
  });
  if (!inferred.ok) throw new CommandFailure(inferred.error);
  const { run, signals } = inferred.value;
  if (options.json)
    for (const outcome of [...signals, ...run.abstentions])
      process.stdout.write(`${JSON.stringify(outcome)}\n`);
  else {
    const { formatSignals } = await import('../../format/signal-table.ts');
    if (signals.length > 0) process.stdout.write(`${formatSignals(signals)}\n`);
    for (const { symbol, abstained, message } of run.abstentions)
      process.stdout.write(`${symbol} abstained: ${abstained} (${message})\n`);
  }
  for (const { model, version, reason, message } of run.quarantined)
    process.stderr.write(`model ${model} ${version} abstained: ${reason}: ${message}\n`);
  if (run.ensembleId === null) throw new CommandFailure(run.abstentions[0]?.message ?? 'no ensemble');
}
