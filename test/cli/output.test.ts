// What a document, an exchange or a person has put into a message must not act on the terminal of whoever reads it.
import { afterEach, expect, it, vi } from 'vitest';
import { note, print } from '../../cli/output.ts';
import { runCommand } from '../../cli/qtrader.ts';
import { printableLine } from '../../lib/core/printable.ts';

/** Clears a screen, sets a title, rings, goes back to the start of the line, and is 8-bit's CSI. */
const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\r\u009b2J';
const HARMLESS = '?[2J?]0;owned???2J';

afterEach(() => vi.restoreAllMocks());

function written(stream: NodeJS.WriteStream): string[] {
  const texts: string[] = [];
  vi.spyOn(stream, 'write').mockImplementation((text) => texts.push(String(text)) > 0);
  return texts;
}

it('lines on stdout and stderr keep line breaks, tabs and every script, and lose what moves a cursor', () => {
  const [out, err] = [written(process.stdout), written(process.stderr)];
  print(`a\tb\nπ 東 é ${HOSTILE}`);
  note(HOSTILE);
  expect(out).toEqual([`a\tb\nπ 東 é ${HARMLESS}\n`]);
  expect(err).toEqual([`${HARMLESS}\n`]);
});

it('so does the error of a command', async () => {
  const err = written(process.stderr);
  expect(await runCommand(['models', 'verify', `/nowhere/${HOSTILE}`])).not.toBe(0);
  expect(err.join('')).toContain(HARMLESS);
  expect(err.join('')).not.toMatch(/[^\P{Cc}\n]/u);
});

it('of one line a message stays one', () => {
  expect(printableLine(`first\r\n\tsecond ${HOSTILE}`)).toBe('first second ?[2J?]0;owned? ?2J');
});
