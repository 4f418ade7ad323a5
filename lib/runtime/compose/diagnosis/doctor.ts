// Composes the examinations of `qtrader doctor`.
import { statfs } from 'node:fs/promises';
import { flagPath } from '../../../adapters/aws/resources.ts';
import { readStageInventory } from '../../../adapters/aws/stage-inventory.ts';
import { createCcxtMarketData } from '../../../adapters/binance/market/ccxt-market-data.ts';
import { messageOf } from '../../../core/message-of.ts';
import { type Finding, fault, ok, warning } from '../../../diagnosis/finding.ts';
import { judgeLeftOvers } from '../../../diagnosis/left-overs.ts';
import { judgeClock, judgeDisk, judgeNode } from '../../../diagnosis/machine.ts';
import { examineExchange, examineSystem } from '../../../diagnosis/use-cases/examine-system.ts';
import { type Exchange, FUNCTION_SETTINGS } from '../../config/function-settings.ts';
import { nodeVersion, useRegion } from '../../config/process-environment.ts';
import { apiTokensParameter, credentialParameters } from '../../config/stage.ts';
import { STARTER_MODELS_FOLDER } from '../../config/starter-models.ts';
import { LIVE_EXCHANGE, liveRefusal } from '../../config/venue.ts';
import { openModelsFolder, verifyStoredModels } from '../models.ts';
import { type OperatorSystem, openAwsStage } from '../operator.ts';

const ONCE = { attempts: 1, timeoutMs: 3_000, deadlineMs: 5_000 };

/** @param folder on the disk in question */
export async function examineMachine(folder: string): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(folder);
  return [judgeNode(nodeVersion()), judgeDisk(folder, bavail * bsize)];
}

/** What a first start needs: the models of the project, and for real market data the exchange. */
export async function examineFreshInstall(): Promise<Finding[]> {
  const store = openModelsFolder(STARTER_MODELS_FOLDER);
  const { models } = await verifyStoredModels(store);
  const failed = models.filter(({ problem }) => problem !== undefined);
  return [
    failed.length === 0
      ? ok('models', `the ${models.length} starter models load, and reproduce their golden vectors`)
      : fault(
          'models',
          `${failed.map(({ name }) => name).join(', ')} fail verification`,
          'check the project out again',
        ),
    ...(await examineRealExchange(LIVE_EXCHANGE, false)),
  ];
}

/** @param simulated the exchange of a running replay; undefined for the real one, or when nothing runs */
export async function examineLocalSystem(
  system: OperatorSystem,
  simulated: { readonly exchange: Exchange; readonly url: string } | undefined,
): Promise<Finding[]> {
  const exchange = await system.readExchange();
  return [
    ...(await examineStores(system, '')),
    ...(simulated === undefined
      ? await examineRealExchange(exchange ?? LIVE_EXCHANGE, exchange !== undefined)
      : await examineExchange(
          createCcxtMarketData({ ...ONCE, exchange: simulated.exchange, baseUrl: simulated.url }),
          {
            name: `simulated ${simulated.exchange}`,
            isRealTime: false,
            needed: true,
            nowMs: Date.now,
          },
        )),
    ok('credentials', 'none are needed here'),
  ];
}

const examineStores = (system: OperatorSystem, named: string): Promise<Finding[]> =>
  examineSystem({ ...system, named, verifyModels: () => verifyStoredModels(system.objects) });

const examineRealExchange = (exchange: Exchange, needed: boolean): Promise<Finding[]> =>
  examineExchange(createCcxtMarketData({ ...ONCE, exchange }), {
    name: exchange,
    isRealTime: true,
    needed,
    nowMs: Date.now,
  });

/** A stage on AWS, whether it is deployed or only something of it is left. Changes nothing. @param region @default the environment's */
export async function examineStage(stage: string, region: string | undefined): Promise<Finding[]> {
  if (region !== undefined) useRegion(region);
  const functions = Object.keys(FUNCTION_SETTINGS);
  try {
    const inventory = await readStageInventory({ stage, functions });
    const { account, clock, parts, stacks } = inventory;
    const keys = Object.values(credentialParameters(stage));
    const token = apiTokensParameter(stage);
    const names = { stage, flagPath: flagPath(stage), storedByPeople: [...keys, token] };
    const stored = new Set(parts.map(({ id }) => id));
    return [
      ok('credentials', `account ${account}, region ${inventory.region}`),
      clock === undefined
        ? warning('clock (AWS)', 'not known: its answer bore no time', 'compare with another machine')
        : judgeClock('AWS', clock.offMs, clock.doubtMs),
      ...judgeLeftOvers(inventory, names),
      ...(stacks.length === 0
        ? []
        : [...judgeStored(stage, { keys, token, stored }), ...(await examineDeployed(stage))]),
    ];
  } catch (error) {
    return [fault('credentials', messageOf(error), 'set AWS_PROFILE or keys, and AWS_REGION or --region')];
  }
}

function judgeStored(
  stage: string,
  { keys, token, stored }: { keys: readonly string[]; token: string; stored: ReadonlySet<string> },
): Finding[] {
  const missing = keys.filter((name) => !stored.has(name));
  return [
    missing.length === 0
      ? ok('exchange keys', 'stored')
      : missing.length === keys.length
        ? ok('exchange keys', 'not stored: this stage trades on paper only')
        : fault(
            'exchange keys',
            `${missing.join(', ')} is missing`,
            'store both: docs/OPERATIONS.md, Going live',
          ),
    stored.has(token)
      ? ok('API token', 'set')
      : warning(
          'API token',
          'not set: the HTTP API refuses every call',
          `qtrader api-token --stage ${stage}`,
        ),
  ];
}

async function examineDeployed(stage: string): Promise<Finding[]> {
  try {
    const system = await openAwsStage(stage);
    try {
      const exchange = (await system.readExchange()) ?? LIVE_EXCHANGE;
      const refusal = liveRefusal(exchange);
      return [
        ...(await examineStores(system, ` --stage ${stage}`)),
        ...(await examineRealExchange(exchange, false)),
        refusal === undefined ? ok('venue', `${exchange}: live trading is possible`) : ok('venue', refusal),
      ];
    } finally {
      await system.close();
    }
  } catch (error) {
    return [fault('parameters', messageOf(error), `npx cdk deploy qt-${stage}-data -c stage=${stage}`)];
  }
}
