// What a cold start costs: every function as `cdk synth` bundles it, on Lambda's Node, bound to one core, from the start of its
// process until it asks for its first event, and until it has answered it. Beside them an empty function, in turns with the others:
// what Node alone takes on this machine at this moment.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FUNCTION_NAMES } from '../infra/catalog/functions.ts';
import { createS3ObjectStore } from '../lib/adapters/aws/s3/s3-object-store.ts';
import { invariant } from '../lib/core/invariant.ts';
import { CLOSE_MARGIN_MS } from '../lib/inference/use-cases/infer.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { REQUEST_BARS } from '../lib/market/grid.ts';
import { symbolsOfShard } from '../lib/market/universe.ts';
import { writeUniverse } from '../lib/market/use-cases/active-universe.ts';
import { prepareLocalStage } from '../lib/runtime/compose/local-stage.ts';
import type { FunctionName } from '../lib/runtime/config/function-settings.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from '../lib/runtime/config/stage.ts';
import { startSimulatedExchange } from '../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../local/market/generated-market.ts';
import { openEmbedded } from '../test/support/aws-target.ts';
import {
  type EmulatedFunction,
  installLambdaNode,
  runsLambdaNode,
  startFunction,
} from '../test/support/infra/lambda-emulator.ts';
import { type SynthesisedStage, synthesise } from '../test/support/infra/synthesised-stage.ts';

const STARTS = 15;
const SYMBOLS = 100;
/** The generated market has a pair or two that trade too little to be decided. */
const SIGNALS_MIN = 95;
/** Bars that one process decides, the first of them cold; more at once would be over its share of the exchange's limit. */
const BARS_PER_PROCESS = 3;
const PROCESSES = 5;
const SHARDS_MAX = 100;

/** For medians. */
const TARGETS_MS: Readonly<Record<string, number>> = {
  'infer.readyMs': 400,
  'infer.provenMs': 400,
  'circuit-breaker.readyMs': 120,
  'infer.100SymbolsWarmMs': 1_500,
};

/** What the functions work on, and the time they live in. */
interface World {
  start(name: FunctionName | 'empty'): Promise<EmulatedFunction>;
  /** Lets the next bar close. */
  nextBar(): void;
  close(): Promise<void>;
}

/**
 * Medians, and the least (`…Least`), in milliseconds. Of each function, and of `empty`: `<name>.readyMs` from the start of its process
 * until it asks for its first event, which is what Lambda calls Init; `<name>.answeredMs` until it has answered that;
 * `infer.provenMs` until its four models are proven, which is a part of its answer; `<name>.vsEmpty`
 * its readyMs over that of the empty function.
 * `infer.100SymbolsColdMs`: from the start of the process until the signals of 100 symbols are stored, fetch, features and four
 * models included; `infer.100SymbolsWarmMs`: the same in a process that has decided a bar before.
 * `loadPerCore`: of the machine while it measured; above 1, others were slowing this down.
 */
export async function benchCold() {
  invariant(runsLambdaNode, "Lambda's Node runs on Linux x64 only");
  installLambdaNode();
  const launcher = oneCoreLauncher();
  const world = await openWorld(launcher);
  try {
    const figures = { ...(await measureInfer(world)), ...(await measureColdStarts(world)) };
    const missedTargets = Object.entries(TARGETS_MS)
      .filter(([name, targetMs]) => !(figures[name]! <= targetMs))
      .map(([name, targetMs]) => `${name} is over ${targetMs}`);
    return {
      ...figures,
      coresOfAFunction: launcher.length > 0 ? 1 : availableParallelism(),
      loadPerCore: loadavg()[0]! / availableParallelism(),
      missedTargets,
    };
  } finally {
    await world.close();
  }
}

/** The last core, as the servers begin on the first; nothing where there is no `taskset`. */
function oneCoreLauncher(): readonly string[] {
  const launcher = ['taskset', '-c', String(availableParallelism() - 1)];
  return spawnSync(launcher[0]!, [...launcher.slice(1), 'true']).status === 0 ? launcher : [];
}

/** An embedded stage with the starter models, 100 symbols, and enough bars for every warm run. */
async function openWorld(launcher: readonly string[]): Promise<World> {
  const [stage, target] = await Promise.all([synthesise({ bundle: true }), openEmbedded()]);
  const { endpoints } = target.aws;
  const objects = createS3ObjectStore({ client: target.clients.s3, bucket: LOCAL_BUCKET });
  await prepareLocalStage(endpoints, objects);
  const bars = REQUEST_BARS + PROCESSES * BARS_PER_PROCESS + 1;
  const market = generateMarket({ seed: 1, symbols: SYMBOLS, fromMs: Date.UTC(2024, 0, 1), bars });
  await writeUniverse(objects, { schemaVersion: 1, asOf: '2024-01-01', symbols: [...market.symbols] });
  // Late enough that nobody waits for the exchange to close the bar.
  let nowMs = market.firstOpenTimeMs + REQUEST_BARS * BAR_MS + CLOSE_MARGIN_MS;
  const exchange = await startSimulatedExchange({
    market,
    clock: { nowMs: () => nowMs },
    rateLimits: { weightPerMinute: 1_000_000 },
  });
  const folder = await mkdtemp(`${tmpdir()}/qt-empty-`);
  await writeFile(join(folder, 'handler.mjs'), 'export const handler = async () => ({});');
  const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
  const overrides = {
    QT_STAGE: LOCAL_STAGE,
    QT_BUCKET: LOCAL_BUCKET,
    QT_SIGNALS_TABLE: signalsTable,
    QT_RISK_TABLE: riskTable,
    QT_EXCHANGE_URL: exchange.url,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    AWS_ENDPOINT_URL_SSM: endpoints.ssm,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: endpoints.accessKeyId,
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
  return {
    start: (name) =>
      startFunction({
        ...(name === 'empty'
          ? { taskRoot: folder, handler: 'handler.handler', environment: {} }
          : functionOf(stage, name, overrides)),
        clockOffsetMs: nowMs - Date.now(),
        launcher,
      }),
    nextBar: () => {
      nowMs += BAR_MS;
    },
    async close() {
      await exchange.close();
      await target.close();
      await Promise.all([stage.folder, folder].map((each) => rm(each, { recursive: true })));
    },
  };
}

function functionOf(
  stage: SynthesisedStage,
  name: FunctionName,
  overrides: Readonly<Record<string, string>>,
): { taskRoot: string; handler: string; environment: Readonly<Record<string, string>> } {
  const { properties, raw } = stage
    .ofType('AWS::Lambda::Function')
    .find(({ path }) => path === `${name}/Function`)!;
  return {
    taskRoot: join(stage.folder, raw.Metadata['aws:asset:path']),
    handler: properties.Handler,
    environment: { ...properties.Environment.Variables, ...overrides },
  };
}

/** Decides 100 symbols on bar after bar. */
async function measureInfer(world: World): Promise<Record<string, number>> {
  const coldMs: number[] = [];
  const warmMs: number[] = [];
  for (let process = 0; process < PROCESSES; process++) {
    const lambda = await world.start('infer');
    try {
      for (let bar = 0; bar < BARS_PER_PROCESS; bar++) {
        world.nextBar();
        const ready = await lambda.readyMs;
        const askedMs = performance.now();
        const { written } = (await lambda.invoke({ shard: 0, shardCount: 1 })) as { written: number };
        const runMs = performance.now() - askedMs;
        invariant(written >= SIGNALS_MIN, `infer wrote ${written} signals for ${SYMBOLS} symbols`);
        if (bar === 0) coldMs.push(ready + runMs);
        else warmMs.push(runMs);
      }
    } finally {
      await lambda.close();
    }
  }
  return { ...spread('infer.100SymbolsColdMs', coldMs), ...spread('infer.100SymbolsWarmMs', warmMs) };
}

/**
 * First events by function. Infer's is a shard without symbols: it loads and verifies the four models, opens ccxt and stores its run,
 * and then has nothing to decide.
 */
function firstEvents(): Partial<Record<FunctionName | 'empty', unknown>> {
  const symbols = generateMarket({ seed: 1, symbols: SYMBOLS, fromMs: 0, bars: 1 }).symbols;
  const shard = Array.from({ length: SHARDS_MAX }, (_, index) => index).find(
    (index) => symbolsOfShard(symbols, { shard: index, shardCount: SHARDS_MAX }).length === 0,
  );
  invariant(shard !== undefined, 'every shard has a symbol');
  return {
    empty: {},
    infer: { shard, shardCount: SHARDS_MAX },
    'manage-positions': {},
    'circuit-breaker': {},
  };
}

/** All functions in turns, so that a busy moment of the machine slows all of them alike. */
async function measureColdStarts(world: World): Promise<Record<string, number>> {
  const names = ['empty', ...FUNCTION_NAMES] as const;
  const events = firstEvents();
  const durationsMs = new Map<string, number[]>();
  const note = (figure: string, ms: number) =>
    durationsMs.set(figure, [...(durationsMs.get(figure) ?? []), ms]);
  for (let turn = 0; turn < STARTS; turn++)
    for (const name of names) {
      const lambda = await world.start(name);
      try {
        const ready = await lambda.readyMs;
        note(`${name}.readyMs`, ready);
        if (!(name in events)) continue;
        const askedMs = performance.now();
        await lambda.invoke(events[name]);
        const answered = ready + performance.now() - askedMs;
        note(`${name}.answeredMs`, answered);
        if (name === 'infer') note('infer.provenMs', answered - afterModelsMs(lambda.output()));
      } finally {
        await lambda.close();
      }
    }
  const figures = Object.assign({}, ...[...durationsMs].map(([figure, ms]) => spread(figure, ms)));
  const ratios = names.map((name) => [
    `${name}.vsEmpty`,
    figures[`${name}.readyMs`] / figures['empty.readyMs'],
  ]);
  return { ...figures, ...Object.fromEntries(ratios) };
}

/** How long infer's run went on after its models were proven, by its own log. */
function afterModelsMs(output: string): number {
  const [, models, total] = /"timingsMs":\{"models":([\d.]+),.*?"total":([\d.]+)/.exec(output) ?? [];
  invariant(total !== undefined, `infer has logged no run: ${output}`);
  return Number(total) - Number(models);
}

/** Median and least, by name. */
function spread(figure: string, durationsMs: readonly number[]): Record<string, number> {
  const sorted = [...durationsMs].sort((a, b) => a - b);
  return { [figure]: sorted[Math.floor(sorted.length / 2)]!, [`${figure}Least`]: sorted[0]! };
}
