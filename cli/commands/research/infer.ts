// `qtrader infer`: the serving code on recorded candles at one moment, without a running system.
import type { Command } from 'commander';
import { CommandFailure } from '../../command-error.ts';
import { addRecordedModelsOptions, parseInstant, type RecordedModelsOptions } from '../../options.ts';
import { note, print, printJson } from '../../output.ts';

interface InferOptions extends RecordedModelsOptions {
  readonly at: number;
  readonly json: boolean;
}

export function addInferCommand(program: Command): void {
  addRecordedModelsOptions(program.command('infer'))
    .description('signals or abstentions for recorded candles at one moment')
    .requiredOption('--at <iso>', 'the moment: bars closed by then are read, none later', parseInstant)
    .option('--json', 'print one JSON object per line and symbol', false)
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
  if (options.json) for (const outcome of [...signals, ...run.abstentions]) printJson(outcome);
  else {
    const { formatSignals } = await import('../../format/signal-table.ts');
    if (signals.length > 0) print(formatSignals(signals));
    for (const { symbol, abstained, message } of run.abstentions)
      print(`${symbol} abstained: ${abstained} (${message})`);
  }
  for (const { model, version, reason, message } of run.quarantined)
    note(`model ${model} ${version} is quarantined: ${reason}: ${message}`);
  if (run.ensembleId === null)
    throw new CommandFailure(run.abstentions[0]?.message ?? 'no ensemble: check --models');
}
