// A verified model at work: a vote for each row, and an abstention with its reason for each that it did not answer.
import { expect, test } from 'vitest';
import { FEATURE_NAMES } from '../../lib/features/feature-set.ts';
import { toLoadedMember } from '../../lib/models/use-cases/loaded-member.ts';

const XGBOOST = { name: 'xgboost', version: 'v20240728_000000' };
const GOOD = [0.25, 0.25, 0.5, 0.5, 1];
const BAD = [1, 1, 1, 0, 1];
const vote = {
  ...{ model: XGBOOST.name, version: XGBOOST.version, action: 'BUY' },
  probabilities: { sell: 0.25, hold: 0.25, buy: 0.5 },
  move: { expected: 0.5, deviation: 1 },
};
const abstained = (reason: string) => ({ model: XGBOOST.name, version: XGBOOST.version, abstained: reason });

/** @param answers of the session, whatever it is asked */
const memberOf = (answers: () => Promise<Float32Array>) =>
  toLoadedMember(
    { ...XGBOOST, sha256: 'a', manifestSha256: 'b', versionId: null, weight: 3 },
    {
      input: { kind: 'tabular', name: 'x', columns: [...FEATURE_NAMES] },
      trainedToMs: 7,
      shared: { session: { answers, release: async () => {} }, users: 1 },
    },
  );
const answering = (...rows: number[][]) => {
  const member = memberOf(async () => Float32Array.from(rows.flat()));
  return member.predict(new Float32Array(49 * rows.length), rows.length);
};

test('it is what the ensemble and its manifest say', () => {
  const { predict: _, ...said } = memberOf(async () => new Float32Array());
  const input = { kind: 'tabular', name: 'x', columns: FEATURE_NAMES };
  expect(said).toEqual({ ...XGBOOST, weight: 3, input, trainedToMs: 7 });
});

test('a row that is no answer abstains alone', async () => {
  expect(await answering(BAD, GOOD)).toEqual({
    votes: [abstained('invalid_output'), vote],
    failed: undefined,
  });
});

test('with no row answered the model has failed; with none asked it has not', async () => {
  expect(await answering(BAD, BAD)).toEqual({
    votes: [abstained('invalid_output'), abstained('invalid_output')],
    failed: {
      ...{ model: XGBOOST.name, version: XGBOOST.version, reason: 'invalid_output' },
      message: 'none of 2 rows is a probability vector and a move',
    },
  });
  expect(await answering()).toEqual({ votes: [], failed: undefined });
});

test('a session that fails is an abstention of every row', async () => {
  const member = memberOf(() => Promise.reject(new Error('out of\nmemory')));
  expect(await member.predict(new Float32Array(98), 2)).toEqual({
    votes: [abstained('inference_failed'), abstained('inference_failed')],
    failed: {
      ...{ model: XGBOOST.name, version: XGBOOST.version, reason: 'inference_failed' },
      message: 'out of memory',
    },
  });
});

test('rows of another width are a broken invariant', async () => {
  const member = memberOf(async () => Float32Array.from(GOOD));
  await expect(member.predict(new Float32Array(48), 1)).rejects.toThrow('48 input values for 1 rows');
});
