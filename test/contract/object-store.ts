// What every implementation of the ObjectStore port keeps.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore, WriteOutcome } from '../../lib/core/ports.ts';
import { StoreError } from '../../lib/core/store-error.ts';

interface ObjectStoreUnderTest {
  readonly store: ObjectStore;
  /** The same kind of store over a bucket or folder that does not exist. */
  readonly absent: ObjectStore;
  readonly hasVersions: boolean;
  close(): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);

function infoOf(outcome: WriteOutcome) {
  if (outcome.outcome !== 'stored') throw new Error('the write met a conflict');
  return outcome.info;
}

export function describeObjectStoreContract(name: string, open: () => Promise<ObjectStoreUnderTest>): void {
  describe(`object store contract: ${name}`, () => {
    let opened: ObjectStoreUnderTest;
    let store: ObjectStore;
    const textOf = async (key: string, versionId?: string) => {
      const object = await store.get(key, versionId);
      return object && new TextDecoder().decode(object.body);
    };

    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close());

    it('knows nothing of a key that was never written', async () => {
      expect(await store.head('never/written')).toBeUndefined();
      expect(await store.get('never/written')).toBeUndefined();
      expect(await store.get('never/written', 'some version')).toBeUndefined();
      expect(await store.list('never/')).toEqual([]);
    });

    it.each([0, 1, 5_000_011])(
      'returns %i bytes as they were put, with the same info everywhere',
      async (size) => {
        const body = new Uint8Array(randomBytes(size));
        const info = infoOf(await store.put(`size/${size}`, body));
        expect(info).toMatchObject({ key: `size/${size}`, bytes: size });
        expect(await store.head(`size/${size}`)).toEqual(info);
        const { body: returned, ...rest } = (await store.get(`size/${size}`))!;
        expect(rest).toEqual(info);
        expect(Buffer.compare(returned, body)).toBe(0);
      },
    );

    it('gives equal content an equal etag and other content another', async () => {
      const first = infoOf(await store.put('etag/a', bytes('same')));
      const second = infoOf(await store.put('etag/b', bytes('same')));
      const third = infoOf(await store.put('etag/b', bytes('other')));
      expect(second.etag).toBe(first.etag);
      expect(third.etag).not.toBe(first.etag);
    });

    it('creates only what is absent', async () => {
      infoOf(await store.put('absent', bytes('1'), { ifAbsent: true }));
      expect(await store.put('absent', bytes('2'), { ifAbsent: true })).toEqual({ outcome: 'conflict' });
      expect(await textOf('absent')).toBe('1');
    });

    it('replaces only what matches', async () => {
      const first = infoOf(await store.put('match', bytes('1')));
      const second = infoOf(await store.put('match', bytes('2'), { ifMatch: first.etag }));
      expect(await store.put('match', bytes('3'), { ifMatch: first.etag })).toEqual({ outcome: 'conflict' });
      expect(await textOf('match')).toBe('2');
      infoOf(await store.put('match', bytes('3'), { ifMatch: second.etag }));
      expect(await store.put('match/none', bytes('1'), { ifMatch: first.etag })).toEqual({
        outcome: 'conflict',
      });
    });

    it.each(['ifAbsent', 'ifMatch'] as const)('lets one of 20 concurrent writers win by %s', async (kind) => {
      const key = `race-${kind}`;
      const condition =
        kind === 'ifAbsent'
          ? ({ ifAbsent: true } as const)
          : { ifMatch: infoOf(await store.put(key, bytes('before'))).etag };
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, writer) => store.put(key, bytes(`writer ${writer}`), condition)),
      );
      expect(outcomes.filter(({ outcome }) => outcome === 'stored')).toHaveLength(1);
      const winner = outcomes.findIndex(({ outcome }) => outcome === 'stored');
      expect(await textOf(key)).toBe(`writer ${winner}`);
    });

    it('lists in key order what begins with the prefix', async () => {
      for (const key of ['list/b', 'list/a/1', 'list/a.txt', 'list/ü', 'listed'])
        await store.put(key, bytes(key));
      const listed = await store.list('list/');
      expect(listed.map(({ key }) => key)).toEqual(['list/a.txt', 'list/a/1', 'list/b', 'list/ü']);
      for (const { key, etag, bytes: size } of listed)
        expect(await store.head(key)).toMatchObject({ key, etag, bytes: size });
      expect((await store.list('list/a')).map(({ key }) => key)).toEqual(['list/a.txt', 'list/a/1']);
    });

    it('serves an old version where there are versions, and none where there are not', async () => {
      const first = infoOf(await store.put('versions', bytes('1')));
      const second = infoOf(await store.put('versions', bytes('2')));
      if (opened.hasVersions) {
        expect(await textOf('versions', first.versionId)).toBe('1');
        expect(await textOf('versions', second.versionId)).toBe('2');
      } else {
        expect([first.versionId, second.versionId]).toEqual([undefined, undefined]);
        expect(await store.get('versions', 'any')).toBeUndefined();
      }
    });

    it('tells a missing bucket or folder from a missing key', async () => {
      for (const attempt of [
        () => opened.absent.head('a'),
        () => opened.absent.get('a'),
        () => opened.absent.list(''),
      ]) {
        const error = await attempt().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ retryable: false });
        expect((error as Error).message).toMatch(/not exist/);
      }
    });
  });
}
