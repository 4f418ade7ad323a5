// Receivers in chats, each with its own form, escapes and lengths. What a message tells comes from records, so it is text alone: it can
// neither format, nor link under another name, nor call people by name.
import type { SettingsOfKind } from '../../notification/receiver-settings.ts';
import type { Notifier } from '../../risk/ports.ts';
import { cutText, fitLines } from './fit-text.ts';
import { type PostLimits, postMessage } from './post-message.ts';

const SUBJECT_CHARS_MAX = 200;
/** After its entities are parsed; what is escaped is longer than that. */
const TELEGRAM_CHARS_MAX = 4_096;
/** Slack advises no more. */
const SLACK_CHARS_MAX = 4_000;
const DISCORD_CHARS_MAX = 2_000;
const SUPPRESS_EMBEDS = 1 << 2;

const escapeAngles = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Markdown's marks. A mention begins with @, # or <, all of which Discord leaves alone behind a zero-width space or a backslash. */
const escapeMarkdown = (text: string): string =>
  text.replace(/[\\*_~`|>#[\]()<-]/g, '\\$&').replaceAll('@', '@\u200B');

/** An address stays one where it is the whole line. */
const keepingAddresses =
  (escapeLine: (line: string) => string) =>
  (line: string): string =>
    /^https?:\/\/[\w.:/-]+$/.test(line) ? line : escapeLine(line);

/** Throws DeliveryError. */
export function createTelegramReceiver(
  { botToken, chatId, apiUrl }: SettingsOfKind<'telegram'>,
  limits?: Partial<PostLimits>,
): Notifier {
  return {
    async notify({ subject, text }) {
      const title = `<b>${escapeAngles(cutText(subject, SUBJECT_CHARS_MAX))}</b>\n`;
      const body = JSON.stringify({
        chat_id: chatId,
        text: title + fitLines(text, TELEGRAM_CHARS_MAX - title.length, escapeAngles),
        parse_mode: 'HTML',
        link_preview_options: { is_disabled: true },
      });
      const url = `${apiUrl.replace(/\/$/, '')}/bot${botToken}/sendMessage`;
      await postMessage({ receiver: 'telegram', url, body, secrets: [botToken] }, limits);
    },
  };
}

/** Throws DeliveryError. */
export function createSlackReceiver(
  { url }: SettingsOfKind<'slack'>,
  limits?: Partial<PostLimits>,
): Notifier {
  return {
    async notify({ subject, text }) {
      const title = `${escapeAngles(cutText(subject, SUBJECT_CHARS_MAX))}\n`;
      const body = JSON.stringify({
        text: title + fitLines(text, SLACK_CHARS_MAX - title.length, escapeAngles),
        mrkdwn: false,
        unfurl_links: false,
        unfurl_media: false,
      });
      await postMessage({ receiver: 'slack', url, body, secrets: [] }, limits);
    },
  };
}

/** Throws DeliveryError. */
export function createDiscordReceiver(
  { url }: SettingsOfKind<'discord'>,
  limits?: Partial<PostLimits>,
): Notifier {
  return {
    async notify({ subject, text }) {
      const title = `**${escapeMarkdown(cutText(subject, SUBJECT_CHARS_MAX))}**\n`;
      const body = JSON.stringify({
        content: title + fitLines(text, DISCORD_CHARS_MAX - title.length, keepingAddresses(escapeMarkdown)),
        allowed_mentions: { parse: [] },
        flags: SUPPRESS_EMBEDS,
      });
      await postMessage({ receiver: 'discord', url, body, secrets: [] }, limits);
    },
  };
}
