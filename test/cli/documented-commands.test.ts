// Every command of the documents, typed as it stands there: on one running local system, on one stage on the embedded endpoints, or
// with the reason why it cannot be run here. A command that is new in a document has to be entered below.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createProgram, runCommand } from '../../cli/qtrader.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { documentedCommands } from '../support/documented-commands.ts';

/** Seconds where nobody else works on the machine. */
const BUSY_MACHINE_MS = 900_000;

const DOCUMENTS = ['README.md', 'docs/OPERATIONS.md', 'training/README.md'];
const STAGE = 'doc';
const ENSEMBLE = 'e20240728_205500';
const SAMPLE = 'samples/crash-2024-08-05';
const SPAN = '--from 2024-08-05T00:00Z --to 2024-08-05T02:00Z';

/** How a command is run: what it is typed with besides, its exit code (0), and what it says. */
interface Run {
  readonly more?: string;
  readonly exit?: number;
  readonly says?: RegExp;
  /** It is refused until the replay's time has come. */
  readonly eventually?: boolean;
}
type Rule = Run | { readonly notHere: string };

const ACCOUNT = { notHere: 'needs an AWS account' };
const EXCHANGE = { notHere: 'asks the real exchange' };
const RELEASE = { notHere: '.ci/run does so with the models that it trains' };
const SIZES = { notHere: 'test/research/episodes.test.ts and .ci/run take the same steps' };
const PYTHON = { notHere: 'needs Python; .ci/run runs it where there is one' };
const CONTAINER = {
  notHere: 'needs a container runtime; test/system/self-hosted-install.test.ts takes the same steps',
};
const PEOPLE = { notHere: 'test/system/operator-identity.test.ts calls the function behind it' };
const LEFT_OVERS = { notHere: 'test/system/doctor-stage.test.ts runs it' };
const LONG = { notHere: 'takes minutes, and .ci/run or a release runs it' };

/** In the order in which they are run. */
const RULES: Record<string, Rule> = {
  'npm ci': LONG,
  'npm test': { notHere: 'is running' },
  'npm run check': LONG,
  'npm run format': { notHere: 'changes the sources' },
  'npm run build': { notHere: 'test/dashboard/ builds the page' },
  'npm run bench': LONG,
  'npm run pictures': { notHere: 'writes docs/images' },
  'npm run mutants': LONG,
  'npm run sim -- --runs 10': LONG,
  'npm run chaos': LONG,
  'npm run bench -- predict': PYTHON,
  'npm run synth': { notHere: 'test/infra/ synthesises all stacks' },
  '.ci/run': LONG,
  'npm run sbom': { notHere: 'is of npm itself' },
  'npm run slim': { notHere: 'test/system/self-hosted-install.test.ts runs it' },
  'npm run lint:templates': PYTHON,
  'npm run test:aws-emulator': PYTHON,
  'npm run test:api-fuzz': PYTHON,
  'python3.11': PYTHON,
  'npm run --silent grafana -- --stage dev > dashboard.json': {
    notHere: 'test/infra/grafana-dashboard.test.ts runs it',
  },
  'npm run --silent grafana -- --prometheus > local.json': {
    notHere: 'test/infra/grafana-dashboard.test.ts runs it',
  },
  'npm start': { notHere: 'is the system below' },
  'npm start -- --bars 12 --speed max': { notHere: 'prepares the system below' },
  'npm start -- --generated': { more: '--symbols 2 --speed max --bars 1', says: /1 bars, .*, 2 symbols/ },
  'npm start -- --data DIR --symbols 100 --from 2024-08-05T00:00Z --bars 12 --speed max': {
    more: '--symbols 2 --bars 1',
    says: /1 bars, 2024-08-04 23:55/,
  },
  'npm start -- --exchange binanceusdm': EXCHANGE,
  'qtrader start': { notHere: 'is what npm start runs' },
  'qtrader demo': { notHere: 'test/cli/commands.test.ts watches it to its end' },

  'curl -s $URL/api/status -H "Authorization: Bearer $(cat .qt/api-token)"': { says: /"mode":"OFF"/ },
  'curl -s $URL/api/status -H "Authorization: Bearer $TOKEN"': { says: /"mode":"OFF"/ },
  'curl -s "$URL/api/signals?symbol=BTCUSDT&count=5" -H "Authorization: Bearer $TOKEN"': {
    says: /"symbol":"BTCUSDT"/,
  },
  'curl -s "$URL/api/trades?scope=paper&count=20" -H "Authorization: Bearer $TOKEN"': {
    says: /"reason":"horizon"/,
  },

  'qtrader --help': { says: /Usage: qtrader/ },
  'qtrader status': { says: /^mode +OFF/ },
  'qtrader status --json': { says: /"mode":"OFF"/ },
  'qtrader logs -f --function NAME --level LEVEL': { notHere: 'test/cli/logs.test.ts follows a log' },
  'qtrader signals': { says: /votes of/ },
  'qtrader signals --symbol S --last N --json': { says: /"symbol":"BTCUSDT"/ },
  'qtrader trades --symbol S --from ISO --to ISO --last N --json': { says: /"next":null/ },
  'qtrader orders': { says: /stop +SELL/ },
  'qtrader equity --days': { says: /2024-08-05/ },
  'qtrader universe show': { says: /20 symbols/ },
  'qtrader universe refresh': { says: /20 symbols/ },
  'qtrader flags get': { says: /QT_ENABLE_AI_TRADING +false/ },
  'qtrader flags set NAME VALUE': { says: /QT_MAX_POSITIONS: .* -> 9/ },
  'qtrader flags set QT_ENABLE_AI_TRADING false': { says: /-> false/ },
  'qtrader gonogo': { exit: 1, says: /NO_GO over 24 h/ },
  'qtrader gonogo --hours 24': { exit: 1, says: /NO_GO over 24 h/ },
  'qtrader gonogo --hours 24 --report FILE.html': { exit: 1, says: /report: \S+\.html/ },
  'qtrader gonogo --data DIR --from DAY --to DAY': { more: '--symbols BTCUSDT', says: /of 2 days/ },
  'qtrader rollout status': { says: /level PAPER/ },
  'qtrader rollout approve --role technical_lead': { more: '--by ada', says: /ada .*signed off/ },
  'qtrader rollout approve --role risk_manager': { more: '--by grace', says: /grace .*signed off/ },
  'qtrader rollout advance': { more: '--by ada', exit: 1, says: /^error: \w+: [^\n]+\n$/m },
  'qtrader rollout step-down --reason TEXT': { more: '--by ada', says: /PAPER/ },
  'qtrader transfer declare --usdt N --reason TEXT': { says: /500 USDT declared/ },
  'qtrader breaker status': { says: /TRIPPED[\s\S]*rehearsal/ },
  'qtrader breaker trip --reason TEXT': { says: /TRIPPED/ },
  'qtrader breaker reset --reason TEXT': {
    more: '--by ada',
    eventually: true,
    says: /reset requested by ada/,
  },
  'qtrader breaker reset --approve': { more: '--by grace', eventually: true, says: /ARMED/ },
  'qtrader local shock --equity -12%': { says: /the paper equity falls to/ },
  'qtrader collect --days 90 --out DIR --exchange simulated': {
    more: '--days 1 --symbols BTCUSDT',
    says: /candles of 1 symbols/,
  },
  'qtrader emergency-stop --drill --reason drill': { says: /done in/ },
  'qtrader emergency-stop --reason TEXT': { says: /done in/ },
  'curl -s -X POST $URL/api/emergency/stop -H "Authorization: Bearer $TOKEN" -H \'Content-Type: application/json\' -d \'{"reason":"TEXT"}\'':
    { says: /"failures":\[\]/ },
  'curl -s -X POST $URL/api/actions -H "Authorization: Bearer $TOKEN" -H \'Content-Type: application/json\' -d \'{"act":"set_flag","name":"QT_ENABLE_AI_TRADING","value":"false","reason":"TEXT"}\'':
    { says: /"outcome":"done","by":"operator"/ },
  'qtrader api-token create ada --role operator': { says: /^[\w-]{43}\n$/ },
  'qtrader api-token list': { says: /^ada +operator$/m },
  'qtrader api-token revoke ada': { says: /is revoked/ },

  'qtrader features --list --json': { says: /"count": 49/ },
  'qtrader features --candles FILE --out FILE.csv --last N': { says: /3 rows of 55 columns/ },
  'qtrader infer --data DIR --at ISO --symbols A,B --models DIR --json': { says: /"symbol":"BTCUSDT"/ },
  'qtrader evaluate --data DIR --from ISO --to ISO --report FILE.html --json': { more: '--symbols BTCUSDT' },
  'qtrader backtest --data DIR --from ISO --to ISO --report FILE.html --json': { more: '--symbols BTCUSDT' },
  'qtrader study stops --data DIR --report FILE.html': { more: `--symbols BTCUSDT ${SPAN}` },
  'qtrader study exits --data DIR --report FILE.html': { more: `--symbols BTCUSDT ${SPAN}` },
  'qtrader study entries --data DIR --report FILE.html': { more: `--symbols BTCUSDT ${SPAN}` },
  'qtrader dataset build --data DIR --out DIR': { more: '--symbols BTCUSDT', says: /rows of 1 symbols/ },
  'qtrader dataset build …': { notHere: 'is said in full below it' },
  'qtrader dataset build --data ../shared/data/binance_spot_2024 --out .qt/tiny --symbols BTCUSDT,ETHUSDT --from 2024-07-08 --to 2024-07-28':
    { notHere: '.ci/run runs it where there are recorded candles' },
  'qtrader dataset episodes --data DIR --from ISO --to ISO --out DIR': {
    notHere: 'test/research/episodes.test.ts runs it',
  },
  'qtrader dataset episodes --data CANDLES --models models/starter --from DAY --to DAY --predictions .qt/answers --out .qt/episodes':
    SIZES,
  'qtrader dataset episodes --data ../shared/data/binance_spot_2024 --models .qt/tiny-models --symbols BTCUSDT,ETHUSDT --from 2024-07-29 --to 2024-08-06 --edge-bps -20 --out .qt/tiny-episodes':
    SIZES,
  'qtrader models verify models/starter': { says: /verified/ },
  'qtrader backtest --data CANDLES --from DAY --to DAY --predictions .qt/answers': SIZES,
  'qtrader drift --data DIR': { more: '--symbols BTCUSDT --bars 300', says: /PSI/ },
  'qtrader drift profile --data DIR': { notHere: 'test/system/drift.test.ts runs it' },
  'qtrader drift profile --data CANDLES --models models/starter': {
    notHere: 'test/system/drift.test.ts runs it',
  },
  'qtrader doctor --json': { notHere: 'test/cli/doctor.test.ts runs it' },
  'qtrader start --live --state DIR': { notHere: 'test/local/run/live-run.test.ts runs it' },
  'mkdir -p secrets && chmod 700 secrets': CONTAINER,
  'docker compose up -d --build': CONTAINER,
  'docker compose exec trader cat /state/api-token': CONTAINER,
  'docker compose exec trader node bin/qtrader.mjs status --state /state': CONTAINER,
  'docker compose -f compose.yaml -f compose.live.yaml up -d': CONTAINER,
  'qtrader cost --symbols N --shards N --network --json': { says: /"totalUsd"/ },
  'qtrader cost --network': { says: /USD per month/ },
  'qtrader models verify .qt/tiny-models': PYTHON,
  'qtrader start --bars 2 --speed max --state .qt/tiny-state': RELEASE,
  'qtrader models publish .qt/tiny-models --state .qt/tiny-state': RELEASE,
  'qtrader models shadow e20240727_205500 --state .qt/tiny-state': RELEASE,
  'qtrader models promote e20240727_205500 --state .qt/tiny-state --data ../shared/data/binance_spot_2024 --from 2024-08-01 --to 2024-08-08':
    RELEASE,
  "qtrader models promote e20240727_205500 --state .qt/tiny-state --force --reason 'to see it decide'":
    RELEASE,
  'qtrader models rollback --state .qt/tiny-state': RELEASE,
  'qtrader models publish DIR': { says: /e20240728_205500/ },
  'qtrader models shadow ID': { exit: 1, says: /^error: \w+: [^\n]+\n$/m },
  'qtrader models promote ID --data DIR --from ISO --to ISO': { exit: 1, says: /^error: \w+: [^\n]+\n$/m },
  'qtrader models rollback': { exit: 1, says: /^error: \w+: [^\n]+\n$/m },
  'qtrader models quarantine NAME/VERSION --reason TEXT': { says: /quarantine begins/ },

  // The first deploy of a stage, and its days afterwards.
  'qtrader models publish models/starter --stage NAME': { says: /e20240728_205500/ },
  "qtrader models promote e20240728_205500 --stage NAME --force --reason 'the first one'": { says: /active/ },
  'qtrader api-token create ada --role operator --stage NAME': { says: /^[\w-]{43}\n$/ },
  'qtrader status --stage NAME': { says: /NOT_STARTED/ },
  'qtrader flags set QT_ENABLE_AI_TRADING true --stage NAME': { says: /-> true/ },
  'qtrader transfer declare --usdt 500 --reason TEXT --stage NAME': PEOPLE,
  "qtrader emergency-stop --reason 'tear down' --stage NAME": PEOPLE,
  'qtrader doctor --stage NAME': LEFT_OVERS,
  'qtrader doctor --stage NAME --region REGION': LEFT_OVERS,
  'qtrader doctor --stage NAME --region R': LEFT_OVERS,
  'qtrader api-token revoke ada --stage NAME': { says: /is revoked/ },
  'qtrader drift --data DIR --stage NAME': { more: '--symbols BTCUSDT --bars 300', says: /PSI/ },
  'qtrader drift --data DIR --stage NAME --report FILE.html': {
    more: '--symbols BTCUSDT --bars 300',
    says: /report: \S+\.html/,
  },
  'qtrader models list --stage NAME': { says: /active ensemble e20240728_205500/ },
  'qtrader models show ID --stage NAME': { says: /xgboost/ },
  'qtrader models verify --stage NAME': { says: /verified/ },
  'qtrader models promote ID --stage NAME --data DIR --by NAME': { exit: 1, says: /^error: \w+: [^\n]+\n$/m },
  'qtrader models shadow none --stage NAME': { exit: 1, says: /already_so/ },
  // The address is of this machine, where nobody listens: the outcome of a message to it is known.
  'qtrader notify set discord --stage NAME < address.txt': { says: /discord is told of/ },
  'qtrader notify test --stage NAME': { exit: 1, says: /discord: FAILED/ },
  'qtrader notify set webhook --stage NAME < address.txt': { says: /signing secret/ },
  'qtrader notify set slack --events trip,reset,level,stop --stage NAME < address.txt': {
    says: /slack is told of/,
  },
  'qtrader notify set telegram --chat -1001234567890 --stage NAME < token.txt': {
    says: /telegram is told of/,
  },
  'qtrader notify show --stage NAME': { says: /^discord +127\.0\.0\.1/m },
  'qtrader notify remove slack --stage NAME': { says: /slack is told nothing/ },
  'qtrader dataset fetch --stage NAME --out DIR': { exit: 1, says: /no candles have been collected/ },
  'qtrader universe refresh --stage NAME': EXCHANGE,
  'qtrader collect --days 90 --out DIR --symbols A,B --exchange NAME': EXCHANGE,
  'qtrader collect --days 90 --out DIR': EXCHANGE,
  'qtrader collect --days 90 --stage NAME': EXCHANGE,
  'qtrader collect --stage NAME': EXCHANGE,

  'npx cdk bootstrap -c stage=NAME': ACCOUNT,
  'npx cdk deploy qt-NAME-data -c stage=NAME': ACCOUNT,
  'npx cdk deploy --all -c stage=NAME': ACCOUNT,
  'npx cdk deploy --all -c stage=dev': ACCOUNT,
  'aws ssm put-parameter --type SecureString --name /qt/NAME/exchange/api-key --value "$API_KEY"': ACCOUNT,
  'aws ssm put-parameter --type SecureString --name /qt/NAME/exchange/secret --value "$SECRET"': ACCOUNT,
  "aws cloudformation describe-stacks --stack-name qt-NAME-network --query 'Stacks[0].Outputs'": ACCOUNT,
  'aws sts get-caller-identity': ACCOUNT,
  'npx cdk destroy qt-NAME-schedules -c stage=NAME': ACCOUNT,
  'npx cdk destroy --all -c stage=NAME': ACCOUNT,
  'npx cdk deploy --all -c stage=NAME --import-existing-resources': ACCOUNT,
  'aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name qt-NAME-data':
    ACCOUNT,
  'aws dynamodb restore-table-to-point-in-time': ACCOUNT,
  'aws ec2 release-address --allocation-id eipalloc-…': ACCOUNT,
  'aws stepfunctions start-execution': ACCOUNT,
  'QT_STAGE=NAME training/retrain.sh': PYTHON,
  'python -m training train': PYTHON,
  'python3.11 -m venv .venv && .venv/bin/pip install -r training/requirements.txt': PYTHON,
  '.venv/bin/python -m training train --data DIR --out models/starter': PYTHON,
  '.venv/bin/python -m training train --data .qt/tiny --out .qt/tiny-models --work .qt/tiny-work --horizon 3 --folds 4 --row-stride 12':
    PYTHON,
  '.venv/bin/python -m training sizing --episodes .qt/episodes --models models/starter': PYTHON,
  '.venv/bin/python -m training sizing --episodes .qt/tiny-episodes --models .qt/tiny-models --updates 4':
    PYTHON,
  'ruff check training': PYTHON,
  'mypy --config-file training/pyproject.toml -p training': PYTHON,
  'pytest -c training/pyproject.toml training/tests': PYTHON,
};

interface Outcome {
  readonly exitCode: number;
  readonly output: string;
}

let folder: string;
let state: string;
let system: ChildProcess | undefined;
let url: string;
let token: string;
let target: EmbeddedTarget;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-documented-'));
  state = join(folder, 'state');
  target = await openEmbedded();
  const stage = openStage();
  await writeFile(join(folder, 'candles.csv'), generatedCsv());
  await writeFile(join(folder, 'address.txt'), 'http://127.0.0.1:9/hook\n');
  await writeFile(join(folder, 'token.txt'), `123456:${'A'.repeat(35)}\n`);
  // The twenty bars in which the sample's crash is entered and left again, and a trip; then the system that goes on from there.
  const first = await shell(`npm start -- --bars 20 --speed max --state ${state}`);
  expect(first.output).toMatch(/trades +[1-9]\d* closed/);
  await shell(`node bin/qtrader.mjs breaker trip --reason rehearsal --by ada --state ${state}`);
  await stage;
  const started = spawn('npm', ['start', '--', '--state', state], { detached: true });
  system = started;
  url = await new Promise((resolve, reject) => {
    let printed = '';
    const read = (chunk: Buffer) => {
      printed += chunk;
      const address = /dashboard and HTTP API: (\S+)/.exec(printed)?.[1];
      if (address !== undefined) resolve(address);
    };
    started.stdout.on('data', read);
    started.stderr.on('data', read);
    started.once('exit', () => reject(new Error(printed)));
  });
  token = (await readFile(join(state, 'api-token'), 'utf8')).trim();
}, BUSY_MACHINE_MS);

afterAll(async () => {
  vi.unstubAllEnvs();
  if (system?.pid !== undefined && system.exitCode === null) {
    const gone = new Promise((resolve) => system?.once('exit', resolve));
    process.kill(-system.pid, 'SIGTERM');
    await gone;
  }
  await target.close();
  // npm ends before what it has started.
  await rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 200 });
}, BUSY_MACHINE_MS);

function generatedCsv(): string {
  const market = generateMarket({ seed: 1, symbols: 1, fromMs: Date.UTC(2024, 0, 1), bars: REQUEST_BARS });
  const candles = market.candles(market.symbols[0]!);
  const columns = [
    candles.openTimeMs,
    candles.open,
    candles.high,
    candles.low,
    candles.close,
    candles.volume,
  ];
  const rows = Array.from({ length: candles.length }, (_, bar) =>
    columns.map((column) => column[bar]).join(','),
  );
  return ['ts,open,high,low,close,volume', ...rows, ''].join('\n');
}

/** As `cdk deploy qt-doc-data` leaves it, and with a universe. */
async function openStage(): Promise<void> {
  const { signalsTable, riskTable, ...parameters } = resourcesOfStage(STAGE);
  const bucket = `qt-${STAGE}`;
  await ensureLocalResources(target.clients, { bucket, signalsTable, riskTable, stage: STAGE });
  const values = {
    bucketParameter: bucket,
    shardsParameter: '1',
    exchangeParameter: 'binanceusdm',
    symbolsParameter: '2',
  };
  for (const [name, Value] of Object.entries(values))
    await target.clients.ssm.send(
      new PutParameterCommand({ Name: parameters[name as keyof typeof values], Value, Type: 'String' }),
    );
  await writeUniverse(createS3ObjectStore({ client: target.clients.s3, bucket }), {
    schemaVersion: 1,
    asOf: '2024-08-05',
    symbols: ['BTCUSDT', 'ETHUSDT'],
  });
  const { accessKeyId, ...endpoints } = target.aws.endpoints;
  for (const [service, endpoint] of Object.entries(endpoints))
    vi.stubEnv(`AWS_ENDPOINT_URL_${service.toUpperCase()}`, endpoint);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
}

const documents = await Promise.all(
  DOCUMENTS.map(async (name) => documentedCommands(name, await readFile(name, 'utf8'))),
);
const typed = documents.flat().filter(({ isMention }) => !isMention);

describe('the documents', () => {
  it('have no command that is neither run here nor excused, and nothing is excused that they do not have', () => {
    const unknown = typed
      .filter(({ text }) => !Object.hasOwn(RULES, text))
      .map(({ text, place }) => `${place} ${text}`);
    expect(unknown).toEqual([]);
    const texts = new Set(typed.map(({ text }) => text));
    expect(Object.keys(RULES).filter((text) => !texts.has(text))).toEqual([]);
  });

  it('name commands and options of qtrader that exist', () => {
    const wrong = documents
      .flat()
      .filter(({ text }) => text.startsWith('qtrader '))
      .flatMap(({ text, place }) => problemsOf(text).map((problem) => `${place} ${text}: ${problem}`));
    expect(wrong).toEqual([]);
  });

  it('excuse by tests that exist, and name scripts that exist', async () => {
    for (const rule of Object.values(RULES)) {
      const test = 'notHere' in rule ? /test\/\S+/.exec(rule.notHere)?.[0] : undefined;
      if (test !== undefined) expect([test, existsSync(test)]).toEqual([test, true]);
    }
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
    for (const { text } of typed) {
      const script = /^npm run (?:--silent )?(\S+)/.exec(text)?.[1];
      if (script !== undefined) expect(scripts).toHaveProperty(script);
    }
  });
});

/** What `qtrader drift` and `qtrader backtest` are short for. */
const DEFAULTS = ['measure', 'run'];

/** Unknown command or option. */
function problemsOf(text: string): string[] {
  let command: Command = createProgram();
  const problems: string[] = [];
  for (const word of text.split(/ +/).slice(1)) {
    const child = command.commands.find((each) => each.name() === word);
    if (child !== undefined) command = child;
    else if (/^--?[a-z]/.test(word)) {
      const name = word.split('=')[0]!;
      const defaults = command.commands.filter((each) => DEFAULTS.includes(each.name()));
      const options = [command, ...defaults].flatMap((each) => each.options);
      const isKnown = name === '--help' || options.some(({ long, short }) => name === long || name === short);
      if (!isKnown) problems.push(`${command.name()} has no ${name}`);
    } else if (command.commands.length > 0 && /^[a-z]/.test(word) && !/[|…]/.test(word))
      problems.push(`${command.name()} has no ${word}`);
  }
  return problems;
}

describe('a documented command', () => {
  const runs = Object.entries(RULES).filter((entry): entry is [string, Run] => !('notHere' in entry[1]));

  it.each(runs)(
    '%s',
    async (text, { more = '', exit = 0, says = /./, eventually = false }) => {
      const command = `${fillIn(text)} ${more}`.trim();
      const attempt = async () => {
        const { exitCode, output } = await run(command);
        expect([exitCode, output]).toEqual([exit, expect.stringMatching(says)]);
        checkProse(output);
      };
      await (eventually ? vi.waitFor(attempt, { timeout: BUSY_MACHINE_MS / 2, interval: 1_000 }) : attempt());
    },
    BUSY_MACHINE_MS,
  );
});

/** What a reader takes for NAME, DIR and so on. */
function fillIn(text: string): string {
  const values: [RegExp, string][] = [
    [/--stage NAME/g, `--stage ${STAGE}`],
    [/--by NAME/g, '--by ada'],
    [/--by OTHER/g, '--by grace'],
    [/NAME\/VERSION/g, 'xgboost/v20240728_205500'],
    [/set NAME VALUE/g, 'set QT_MAX_POSITIONS 9'],
    [/"TEXT"/g, '"a test"'],
    [/TEXT/g, "'a test'"],
    [/--data (DIR|CANDLES)/g, `--data ${SAMPLE}`],
    [/--out DIR/g, `--out ${join(folder, `out-${text.length}`)}`],
    [
      /--models DIR|(?<=publish|verify) DIR/g,
      `${text.includes('--models') ? '--models ' : ' '}models/starter`,
    ],
    [/\bID\b/g, ENSEMBLE],
    [/--from DAY --to DAY/g, '--from 2024-08-04 --to 2024-08-06'],
    [/--from ISO --to ISO/g, SPAN],
    [/--at ISO/g, '--at 2024-08-05T01:05Z'],
    [/--report FILE.html/g, `--report ${join(folder, 'report.html')}`],
    [/--candles FILE/g, `--candles ${join(folder, 'candles.csv')}`],
    [/--out FILE.csv/g, `--out ${join(folder, 'features.csv')}`],
    [/--symbol S/g, '--symbol BTCUSDT'],
    [/A,B/g, 'BTCUSDT,ETHUSDT'],
    [/--usdt N/g, '--usdt 500'],
    [/--last N/g, '--last 3'],
    [/ N\b/g, ' 2'],
  ];
  return values.reduce((filled, [pattern, value]) => filled.replaceAll(pattern, value), text);
}

/** No value that nobody formatted, but in JSON. */
function checkProse(output: string): void {
  for (const line of output.split('\n')) {
    // A token may have these letters within it.
    expect(line).not.toMatch(/(?<![\w-])(undefined|NaN)|\[object |^ +at .*:\d+:\d+/);
    if (!/^\s*[[{"]/.test(line)) expect(line).not.toMatch(/[1-9]\d*\.\d{10}|0\.0*[1-9]\d{10}/);
  }
}

async function run(command: string): Promise<Outcome> {
  if (command.startsWith('npm start'))
    return shell(`${command} --state ${join(folder, `state-${command.length}`)}`);
  if (command.includes(' < '))
    return shell(command.replace('qtrader', 'node bin/qtrader.mjs').replace('< ', `< ${folder}/`));
  if (!command.startsWith('qtrader ')) return shell(command.replace('.qt/', `${state}/`));
  const words = [...command.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word).slice(1);
  return inThisProcess([...words, ...(needsState(words) ? ['--state', state] : [])]);
}

/** Commands without --stage work on the folder .qt, which here is the developer's. */
function needsState(words: readonly string[]): boolean {
  let command: Command = createProgram();
  for (const word of words) command = command.commands.find((each) => each.name() === word) ?? command;
  return !words.includes('--stage') && command.options.some(({ long }) => long === '--state');
}

/** As a process of its own would, without the seconds that it takes to start. */
async function inThisProcess(args: readonly string[]): Promise<Outcome> {
  let output = '';
  const take = (text: string | Uint8Array) => {
    output += String(text);
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(take),
  );
  try {
    const exitCode = await runCommand(args);
    return { exitCode, output };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
}

function shell(command: string): Promise<Outcome> {
  const env = { ...process.env, URL: url, TOKEN: token };
  return new Promise((done) => {
    execFile('bash', ['-c', command], { env, maxBuffer: 1e8 }, (error, stdout, stderr) =>
      done({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

describe('help', () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];

  it('says of every command, argument and option what it is for, in one style', () => {
    for (const command of all(createProgram()).slice(1))
      for (const { description } of [
        { description: command.description() },
        ...command.options,
        ...command.registeredArguments,
      ])
        expect([command.name(), description]).toEqual([
          command.name(),
          expect.stringMatching(/^(?![A-Z][a-z]).*[^.]$/),
        ]);
  });

  it('of npm names scripts that a document explains', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
    const folders = await readdir('docs');
    const pages = [
      ...DOCUMENTS,
      ...folders.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
    ];
    const texts = (await Promise.all(pages.map((page) => readFile(page, 'utf8')))).join('\n');
    // Parts of another, or of a rehearsal that its own document explains.
    const parts = /:/;
    const silent = Object.keys(scripts).filter(
      (name) => !parts.test(name) && !new RegExp(`npm (run )?(--silent )?${name}\\b`).test(texts),
    );
    expect(silent).toEqual([]);
  });
});

describe('the command line and the HTTP API', () => {
  it.each([
    ['trades', '/api/trades?count=20'],
    ['orders', '/api/orders?count=20'],
    ['trades --symbol ETHUSDT --last 1', '/api/trades?symbol=ETHUSDT&count=1'],
    ['equity --to 2024-08-05T01:00Z --last 7', `/api/equity?count=7&toMs=${Date.parse('2024-08-05T01:00Z')}`],
  ])('say the same of qtrader %s and %s', async (command, path) => {
    const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
    const { exitCode, output } = await run(`qtrader ${command} --json`);
    expect([exitCode, JSON.parse(output)]).toEqual([0, await answer.json()]);
  });

  it('leave out no command: each one of qtrader is in a document', () => {
    const leaves = (command: Command, path: string): string[] =>
      command.commands.length === 0
        ? [path]
        : command.commands.flatMap((child) => leaves(child, `${path} ${child.name()}`));
    const texts = documents.flat().map(({ text }) => `${text} `);
    expect(
      leaves(createProgram(), 'qtrader').filter((path) => !texts.some((text) => text.startsWith(`${path} `))),
    ).toEqual(['qtrader drift measure', 'qtrader backtest run']);
  });
});
