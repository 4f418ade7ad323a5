// What an operator reads when a document is wrong: one line, with the place and the remedy.
import { expect, test } from 'vitest';
import { MIB } from '../../lib/core/units.ts';
import {
  parseEnsemble,
  parseFeatureProfile,
  parseManifest,
  parsePointer,
  parsePolicyManifest,
  parseQuarantine,
  parseShadow,
} from '../../lib/models/parse-document.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const line = (parsed: { ok: true } | { ok: false; error: string }) => (parsed.ok ? 'accepted' : parsed.error);

test.each([
  ['', 'pointer: the document is empty (0 bytes); promote an ensemble again'],
  ['{"ensembleId":', 'pointer: not JSON, it starts with "{\\"ensembleId\\":"; promote an ensemble again'],
  ['\u001b[31m<html>', 'pointer: not JSON, it starts with ".[31m<html>"; promote an ensemble again'],
  ['{}', 'pointer: ensembleId is missing; promote an ensemble again'],
  ['{"ensembleId":"x"}', 'pointer: ensembleId: must look like e20240728_000000; promote an ensemble again'],
  [
    '{"ensembleId":"e20240728_000000","weight":1}',
    'pointer: the document has unknown field weight; promote an ensemble again',
  ],
  [
    '{"ensembleId":"e20240728_000000","weight":1,"side":2}',
    'pointer: the document has unknown fields weight, side; promote an ensemble again',
  ],
  [
    '{"ensembleId":7}',
    'pointer: ensembleId: Invalid input: expected string, received number; promote an ensemble again',
  ],
  ['null', 'pointer: the document: Invalid input: expected object, received null; promote an ensemble again'],
  [
    '{"ensembleId":"e20240728_000000","previous":["x"]}',
    'pointer: previous.0: must look like e20240728_000000; promote an ensemble again',
  ],
])('pointer %j', (text, expected) => {
  expect(line(parsePointer(bytes(text), 'pointer'))).toBe(expected);
});

test('bytes that are not UTF-8 are shown, not interpreted', () => {
  expect(line(parsePointer(Uint8Array.from([0x80, 0x04, 0x95]), 'p'))).toBe(
    'p: not JSON, it starts with "..."; promote an ensemble again',
  );
});

test('text that is not UTF-8 is refused, not mended', () => {
  const valid = bytes('{"ensembleId":"e20240728_000000","audit":"?"}');
  const broken = valid.map((byte) => (byte === 0x3f ? 0xff : byte));
  expect(line(parsePointer(valid, 'p'))).toBe('accepted');
  expect(line(parsePointer(broken, 'p'))).toMatch(/^p: not JSON, it starts with /);
});

test('names of unknown fields stay one short line, safe for a terminal', () => {
  const named = (name: string) => {
    const document = { ensembleId: 'e20240728_000000', [name]: 1 };
    return line(parsePointer(bytes(JSON.stringify(document)), 'p'));
  };
  expect(named('a\n\r\n b\u001b[31m\u0085')).toBe(
    'p: the document has unknown field a b.[31m.; promote an ensemble again',
  );
  expect(named('x'.repeat(1_000_000))).toBe(
    `p: the document has unknown field ${'x'.repeat(300 - 31)}; promote an ensemble again`,
  );
});

test('of many faults the first is named and the rest counted', () => {
  expect(line(parseManifest(bytes('{}'), 'manifest of xgboost v20240728_000000'))).toMatch(
    /^manifest of xgboost v20240728_000000: schemaVersion: .* \(and 15 more\); export the model again with training\/$/,
  );
  expect(line(parseEnsemble(bytes('{"members":[{"name":"Bad"}]}'), 'e'))).toMatch(
    /; publish the ensemble again$/,
  );
});

test('what is as it should be is taken, with what it leaves out', () => {
  expect(parsePointer(bytes('{"ensembleId":"e20240728_000000"}'), 'p')).toEqual({
    ok: true,
    value: { ensembleId: 'e20240728_000000', previous: [] },
  });
});

test('of what is no document only the beginning is shown, and what is too large is not read', () => {
  const blank = (length: number) => line(parsePointer(new Uint8Array(length).fill(0x20), 'p'));
  expect(blank(8 * MIB)).toBe(`p: not JSON, it starts with "${' '.repeat(24)}"; promote an ensemble again`);
  expect(blank(8 * MIB + 1)).toBe('p: 8388609 bytes is too large for a document; promote an ensemble again');
});

test.each([
  [parseManifest, 'export the model again with training/'],
  [parsePolicyManifest, 'export the policy again with training/'],
  [parseEnsemble, 'publish the ensemble again'],
  [parsePointer, 'promote an ensemble again'],
  [parseShadow, 'name the shadow again, or none'],
  [parseQuarantine, 'quarantine or lift the model again'],
  [parseFeatureProfile, 'make it again with qtrader drift profile --force'],
])('%o says what to do', (parse, remedy) => {
  expect(line(parse(bytes(''), 'it'))).toBe(`it: the document is empty (0 bytes); ${remedy}`);
});
