// `qtrader notify`: who is told of what, beside the mail of the stage. Addresses and tokens are secrets: they are read from standard
// input, kept encrypted, and shown by no command.
import { randomBytes } from 'node:crypto';
import { text as readAll } from 'node:stream/consumers';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { formatSecond } from '../../../lib/core/format-figure.ts';
import { messageOf } from '../../../lib/core/message-of.ts';
import { ALERT_KINDS, type AlertKind } from '../../../lib/notification/alert.ts';
import {
  parseReceiver,
  RECEIVER_KINDS,
  type ReceiverKind,
  type ReceiverSettings,
} from '../../../lib/notification/receiver-settings.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

interface SetOptions extends SystemOptions {
  readonly events?: readonly AlertKind[];
  readonly chat?: string;
  readonly apiUrl?: string;
}

const SIGNING_SECRET_BYTES = 32;
/** What `set` reads from standard input. */
const SECRETS: Readonly<Partial<Record<ReceiverKind, string>>> = {
  webhook: 'the address (https://…)',
  telegram: "the bot's token, as BotFather gives it",
  slack: 'the address of the incoming webhook',
  discord: 'the address of the webhook',
};

export function addNotifyCommand(program: Command): void {
  const notify = program
    .command('notify')
    .description('who is told of trips, levels, entries, exits and models: show, set, remove, test');
  const receiver = () => new Argument('<receiver>', 'who').choices(RECEIVER_KINDS);
  addSystemOptions(notify.command('show'))
    .description('the receivers and what they are told of; no secret is shown')
    .option('--json', 'print JSON', false)
    .action(runShow);
  addSystemOptions(notify.command('set').addArgument(receiver()))
    .description('set a receiver; its address or token is read from standard input')
    .option('--events <list>', `what it is told of (default: all): ${ALERT_KINDS.join(', ')}`, parseEvents)
    .option('--chat <id>', 'telegram: the chat, such as -1001234567890 or @channel')
    .option('--api-url <url>', 'telegram: a Bot API server of your own')
    .action(runSet);
  addSystemOptions(notify.command('remove').addArgument(receiver()))
    .description('tell a receiver nothing any more, and forget its secrets')
    .action(runRemove);
  addSystemOptions(notify.command('test'))
    .description('send a message to every receiver now, and say who took it')
    .action(runTest);
}

function parseEvents(list: string): AlertKind[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(ALERT_KINDS as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(
      `there is no ${unknown.join(', ')}: choose among ${ALERT_KINDS.join(', ')}.`,
    );
  return [...new Set(names)] as AlertKind[];
}

async function runSet(kind: ReceiverKind, options: SetOptions): Promise<void> {
  if (kind === 'telegram' && options.chat === undefined)
    throw new UsageError('telegram needs --chat: the number of the chat, or @channel');
  for (const name of ['chat', 'apiUrl'] as const)
    if (kind !== 'telegram' && options[name] !== undefined)
      throw new UsageError('--chat and --api-url are for telegram only');
  const secret = await readSecret(kind);
  const signingSecret = `whsec_${randomBytes(SIGNING_SECRET_BYTES).toString('base64')}`;
  const fields = {
    kind,
    ...(options.events && { events: options.events }),
    ...(kind === 'telegram' && { botToken: secret, chatId: options.chat }),
    ...(options.apiUrl !== undefined && { apiUrl: options.apiUrl }),
    ...(kind === 'webhook' && { url: secret, signingSecret }),
    ...((kind === 'slack' || kind === 'discord') && { url: secret }),
  };
  const parsed = parseReceiver(kind, fields);
  if (!parsed.ok) throw new UsageError(parsed.error);
  await withSystem(options, ({ receivers }) => receivers.write(kind, JSON.stringify(fields)));
  print(`${kind} is told of ${parsed.value.events.join(', ')}, from the next minute on`);
  if (kind === 'webhook') print(`its signing secret, shown only now: ${signingSecret}`);
}

async function readSecret(kind: ReceiverKind): Promise<string> {
  const what = SECRETS[kind];
  if (what === undefined) return '';
  if (process.stdin.isTTY) process.stderr.write(`${what}, then Ctrl-D: `);
  const secret = (await readAll(process.stdin)).trim();
  if (secret === '') throw new UsageError(`standard input is empty: give ${what} there`);
  return secret;
}

async function runRemove(kind: ReceiverKind, options: SystemOptions): Promise<void> {
  await withSystem(options, ({ receivers }) => receivers.remove(kind));
  print(kind === 'email' ? 'email is told of its usual events again' : `${kind} is told nothing any more`);
}

async function runShow(options: SystemOptions & { readonly json: boolean }): Promise<void> {
  const { readReceivers } = await import('../../../lib/notification/use-cases/notify-receivers.ts');
  const { settings, problems } = await withSystem(options, ({ receivers }) => readReceivers(receivers));
  const rows = settings.map((receiver) => ({
    receiver: receiver.kind,
    at: placeOf(receiver),
    events: receiver.events,
  }));
  if (options.json) return printJson({ receivers: rows, problems });
  for (const { receiver, at, events } of rows) print(`${receiver.padEnd(8)}  ${at}  ${events.join(', ')}`);
  for (const problem of problems) print(problem);
}

/** Enough to recognise it by, and nothing that lets anyone write there. */
function placeOf(settings: ReceiverSettings): string {
  switch (settings.kind) {
    case 'email':
      return 'whoever subscribes to the topic';
    case 'telegram':
      return `chat ${settings.chatId}`;
    case 'webhook':
    case 'slack':
    case 'discord':
      return new URL(settings.url).host;
  }
}

async function runTest(options: SystemOptions): Promise<void> {
  const { readReceivers } = await import('../../../lib/notification/use-cases/notify-receivers.ts');
  const failed = await withSystem(options, async (system) => {
    const { settings, problems } = await readReceivers(system.receivers);
    const dashboard = await system.readDashboard();
    const at = formatSecond(Date.now());
    const message = {
      subject: `Quantum Trader ${system.stage}: a test`,
      text: [`Sent by an operator at ${at} UTC.`, ...(dashboard === undefined ? [] : [dashboard])].join('\n'),
      kinds: ['test'],
    };
    const outcomes = await Promise.all(
      settings.map(async (receiver) => {
        try {
          await system.openReceiver(receiver).notify(message);
          print(`${receiver.kind}: taken`);
          return 0;
        } catch (error) {
          print(`${receiver.kind}: FAILED: ${messageOf(error)}`);
          return 1;
        }
      }),
    );
    for (const problem of problems) print(problem);
    return outcomes.reduce<number>((sum, outcome) => sum + outcome, problems.length);
  });
  if (failed > 0) throw new CommandFailure(`${failed} of the receivers cannot be told`);
}
