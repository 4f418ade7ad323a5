// Receivers of notifications over real HTTP: what each form looks like on the wire, and what an unkind receiver costs.
import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiscordReceiver,
  createSlackReceiver,
  createTelegramReceiver,
} from '../../lib/adapters/receivers/chat-receivers.ts';
import { createWebhookReceiver } from '../../lib/adapters/receivers/webhook-receiver.ts';
import { DeliveryError } from '../../lib/notification/delivery-error.ts';
import type { Notification } from '../../lib/risk/notification.ts';
import type { Notifier } from '../../lib/risk/ports.ts';
import { type MessageReceiver, startMessageReceiver } from '../support/notification/message-receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const TOKEN = `123456:${'AbCdEf_-9'.repeat(4)}`;
/** Fast enough for a test; every bound is still there. */
const LIMITS = { attempts: 3, attemptMs: 400, totalMs: 1_500, firstPauseMs: 10 };
const EVENTS = ['trip'] as const;
const MESSAGE: Notification = {
  subject: 'Quantum Trader dev: 2 positions <stopped> & out',
  text: 'Stopped out *BTC_USDT* <@1> @everyone [a](http://x)\nhttps://abc.example/\n- second & <b>line</b>',
  kinds: ['stop'],
};

let receiver: MessageReceiver;
beforeEach(async () => {
  receiver = await startMessageReceiver();
});
afterEach(() => receiver.close());

const path = '/services/T000/B000/s3cr3tpath';
const open = (): Record<'webhook' | 'telegram' | 'slack' | 'discord', Notifier> => {
  const url = receiver.url + path;
  const events = [...EVENTS];
  return {
    webhook: createWebhookReceiver(
      { kind: 'webhook', events, url, signingSecret: SECRET },
      { nowMs: Date.now },
      LIMITS,
    ),
    telegram: createTelegramReceiver(
      { kind: 'telegram', events, botToken: TOKEN, chatId: '-1001', apiUrl: receiver.url },
      LIMITS,
    ),
    slack: createSlackReceiver({ kind: 'slack', events, url }, LIMITS),
    discord: createDiscordReceiver({ kind: 'discord', events, url }, LIMITS),
  };
};
const bodyOf = (index = 0) => JSON.parse(receiver.received[index]!.body);
const failureOf = async (notifier: Notifier): Promise<DeliveryError> => {
  const error = await notifier.notify(MESSAGE).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DeliveryError);
  return error as DeliveryError;
};

describe('a signed webhook', () => {
  it('can be verified by timestamp and body, by the specification and by its library', async () => {
    await open().webhook.notify(MESSAGE);
    const { headers, body } = receiver.received[0]!;
    expect(JSON.parse(body)).toMatchObject({ type: 'quantum-trader.alert', data: MESSAGE });
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const mac = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    const verify = (text: string) => new Webhook(SECRET).verify(text, headers as Record<string, string>);
    expect(verify(body)).toMatchObject({ data: { kinds: ['stop'] } });
    expect(() => verify(body.replace('stop', 'exit'))).toThrow();
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(60);
  });

  it('keeps the id of a message when it is sent again, so that a repetition is known as one', async () => {
    receiver.next.push({ kind: 'answers', status: 500 });
    await open().webhook.notify(MESSAGE);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
  });
});

describe('messages in chats', () => {
  it('are text alone in Telegram', async () => {
    await open().telegram.notify(MESSAGE);
    expect(receiver.received[0]!.path).toBe(`/bot${TOKEN}/sendMessage`);
    expect(bodyOf()).toMatchObject({ chat_id: '-1001', parse_mode: 'HTML' });
    expect(bodyOf().text).toBe(
      '<b>Quantum Trader dev: 2 positions &lt;stopped&gt; &amp; out</b>\nStopped out *BTC_USDT* &lt;@1&gt; @everyone [a](http://x)\nhttps://abc.example/\n- second &amp; &lt;b&gt;line&lt;/b&gt;',
    );
  });

  it('are text alone in Slack', async () => {
    await open().slack.notify(MESSAGE);
    expect(bodyOf()).toMatchObject({ mrkdwn: false, unfurl_links: false });
    expect(bodyOf().text).toContain('Stopped out *BTC_USDT* &lt;@1&gt; @everyone');
    expect(bodyOf().text).not.toMatch(/[<>]/);
  });

  it('are text alone in Discord, mention nobody, and keep the link', async () => {
    await open().discord.notify(MESSAGE);
    expect(bodyOf()).toMatchObject({ allowed_mentions: { parse: [] } });
    expect(bodyOf().content).toContain(
      '\\*BTC\\_USDT\\* \\<@\u200B1\\> @\u200Beveryone \\[a\\]\\(http://x\\)',
    );
    expect(bodyOf().content.split('\n')).toContain('https://abc.example/');
  });

  it('keep within the length that each takes, by whole lines, and say how many are left out', async () => {
    const long = {
      subject: 's'.repeat(5_000),
      text: Array.from({ length: 500 }, (_, i) => `<${i}> & 🚀 entered *x*`).join('\n'),
    };
    const { telegram, slack, discord } = open();
    for (const notifier of [telegram, slack, discord]) await notifier.notify(long);
    const texts = [bodyOf(0).text, bodyOf(1).text, bodyOf(2).content] as string[];
    expect(texts.map((text, index) => text.length <= [4_096, 4_000, 2_000][index]!)).toEqual([
      true,
      true,
      true,
    ]);
    for (const text of texts) {
      const shown = text.split('\n').length - 2;
      expect(shown).toBeGreaterThan(20);
      expect(text).toMatch(new RegExp(`\n… and ${500 - shown} more$`));
      expect(() => encodeURIComponent(text)).not.toThrow();
    }
  });

  it('cut one line that is longer than everything, and break no escape', async () => {
    const { telegram, discord } = open();
    for (const notifier of [telegram, discord])
      await notifier.notify({ subject: 'x', text: '&🚀_'.repeat(4_000) });
    expect(bodyOf(0).text.length).toBeLessThanOrEqual(4_096);
    expect(bodyOf(0).text.length).toBeGreaterThan(3_900);
    expect(bodyOf(0).text.replaceAll('&amp;', '')).not.toContain('&');
    expect(bodyOf(1).content.length).toBeLessThanOrEqual(2_000);
    expect(bodyOf(1).content.length).toBeGreaterThan(1_900);
    expect(() => encodeURIComponent(bodyOf(1).content)).not.toThrow();
  });
});

describe('an unkind receiver', () => {
  it.each([
    ['500', { kind: 'answers', status: 500 }],
    ['a closed connection', { kind: 'closes' }],
    ['silence', { kind: 'hangs' }],
  ] as const)('is asked again after %s', async (_, behaviour) => {
    receiver.next.push(behaviour);
    await open().slack.notify(MESSAGE);
    expect(receiver.received).toHaveLength(2);
  });

  it.each([
    ['always fails', { kind: 'answers', status: 503 }, 3],
    ['never answers', { kind: 'hangs' }, 3],
    ['answers for ever', { kind: 'trickles' }, 3],
    ['closes every connection', { kind: 'closes' }, 3],
  ] as const)('that %s is given up in bounded time', async (_, behaviour, attempts) => {
    receiver.always = behaviour;
    const startedMs = performance.now();
    const error = await failureOf(open().webhook);
    // The bound, and what a busy machine adds.
    expect(performance.now() - startedMs).toBeLessThan(LIMITS.totalMs + 5_000);
    expect(error).toMatchObject({ retryable: true });
    expect(receiver.received.length).toBeLessThanOrEqual(attempts);
  });

  it('that floods its answer is not read to the end', async () => {
    receiver.always = { kind: 'floods' };
    expect((await failureOf(open().discord)).message).toBe('discord: HTTP 500');
    expect(receiver.bytesSent()).toBeLessThan(50_000_000);
  });

  it.each([
    ['a header in seconds', { 'retry-after': '7' }, '', 7_000],
    ['Telegram’s answer', {}, '{"ok":false,"parameters":{"retry_after":9}}', 9_000],
    ['Discord’s answer', {}, '{"retry_after":0.65}', 650],
    ['a header that asks for years', { 'retry-after': '99999999' }, '', 900_000],
  ] as const)(
    'gets the pause that it asks for by %s, and no second attempt',
    async (_, headers, body, pauseMs) => {
      receiver.always = { kind: 'answers', status: 429, headers, body };
      const error = await failureOf(open().telegram);
      expect(error.pauseMs).toBe(pauseMs);
      expect(receiver.received).toHaveLength(1);
    },
  );

  it('is not followed to another place', async () => {
    const elsewhere = await startMessageReceiver();
    receiver.always = { kind: 'answers', status: 307, headers: { location: `${elsewhere.url}/stolen` } };
    const error = await failureOf(open().slack);
    expect(error).toMatchObject({
      message: 'slack: HTTP 307: a redirect, which is not followed',
      retryable: false,
    });
    expect([receiver.received.length, elsewhere.received.length]).toEqual([1, 0]);
    await elsewhere.close();
  });

  it('that refuses for good is not asked again, and its reason is told', async () => {
    receiver.always = { kind: 'answers', status: 400, body: '{"description":"Bad Request: chat not found"}' };
    expect((await failureOf(open().telegram)).message).toBe(
      'telegram: HTTP 400: Bad Request: chat not found',
    );
    expect(receiver.received).toHaveLength(1);
  });

  it('that repeats the secret in its answer, or is not there, gets none of it into an error', async () => {
    const everything = `no ${TOKEN} at ${receiver.url}${path}, ${path}, ${SECRET}, ${TOKEN.slice(7)}`;
    const notifiers = open();
    const errors: DeliveryError[] = [];
    for (const [name, notifier] of Object.entries(notifiers)) {
      // Each knows its own secrets only, and repeats nothing that is not in the form of a reason.
      const own = { webhook: SECRET, telegram: `${TOKEN} ${TOKEN.slice(7)}`, slack: path, discord: path }[
        name
      ];
      for (const body of [everything, JSON.stringify({ message: `no ${own}` })]) {
        receiver.always = { kind: 'answers', status: 400, body };
        errors.push(await failureOf(notifier));
      }
    }
    expect(errors[1]!.message).toBe('webhook: HTTP 400: no ***');
    await receiver.close();
    errors.push(...(await Promise.all(Object.values(notifiers).map(failureOf))));
    expect(errors).toHaveLength(12);
    for (const error of errors) {
      const all = `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
      for (const secret of [TOKEN, TOKEN.slice(7), 's3cr3tpath', SECRET.slice(6)])
        expect(all).not.toContain(secret);
    }
    receiver = await startMessageReceiver();
  });
});
