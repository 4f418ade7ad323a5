// What an operator reads when a document is wrong: one line, with the place and the remedy.
import { expect, test } from 'vitest';
import { parseEnsemble, parseManifest, parsePointer } from '../../lib/models/parse-document.ts';

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
])('pointer %j', (text, expected) => {
  expect(line(parsePointer(bytes(text), 'pointer'))).toBe(expected);
});

test('bytes that are not UTF-8 are shown, not interpreted', () => {
  expect(line(parsePointer(Uint8Array.from([0x80, 0x04, 0x95]), 'p'))).toBe(
    'p: not JSON, it starts with "..."; promote an ensemble again',
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
