// A receiver of one's own: JSON, signed as the Standard Webhooks specification has it (https://www.standardwebhooks.com), for which
// there are verifying libraries in most languages.
import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Clock } from '../../core/ports.ts';
import type { SettingsOfKind } from '../../notification/receiver-settings.ts';
import type { Notifier } from '../../risk/ports.ts';
import { type PostLimits, postMessage } from './post-message.ts';

/** Throws DeliveryError. @param clock real time: receivers refuse an old signature */
export function createWebhookReceiver(
  { url, signingSecret }: SettingsOfKind<'webhook'>,
  clock: Clock,
  limits?: Partial<PostLimits>,
): Notifier {
  const webhook = new Webhook(signingSecret);
  return {
    async notify({ subject, text, kinds = [] }) {
      // One id for all attempts at a message, by which a receiver knows a repetition.
      const id = `msg_${randomUUID()}`;
      const at = new Date(clock.nowMs());
      const body = JSON.stringify({
        type: 'quantum-trader.alert',
        timestamp: at.toISOString(),
        data: { subject, text, kinds },
      });
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': webhook.sign(id, at, body),
      };
      await postMessage({ receiver: 'webhook', url, headers, body, secrets: [signingSecret] }, limits);
    },
  };
}
