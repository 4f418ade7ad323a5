// Collected candles in an object store: one file per symbol and UTC month, and one manifest per symbol that says which files
// there are, with their SHA-256, and which bars the exchange itself lacks. A file counts only if its manifest lists it.
//
// The manifest is written before a file, with the hashes of the new bytes and of those they replace: wherever a run is interrupted, each
// file is one of the two, and readable.
import * as z from 'zod';
import { sha256Of } from '../../core/hash.ts';
import { encodeJson } from '../../core/json.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { MIB } from '../../core/units.ts';
import { type BarRange, monthOf, uniteRanges } from '../bar-range.ts';
import { BAR_MS } from '../candle.ts';
import { allocateSeries, type CandleSeries } from '../candle-series.ts';
import type { CandleCodec } from '../ports.ts';
import { SYMBOL_PATTERN } from '../symbol.ts';

export const COLLECTED_PREFIX = 'candles/';

const folderOf = (symbol: string): string => `${COLLECTED_PREFIX}symbol=${symbol}/`;
const manifestKeyOf = (symbol: string): string => `${folderOf(symbol)}manifest.json`;
const partitionKeyOf = (symbol: string, month: string): string => `${folderOf(symbol)}month=${month}.parquet`;

/** Decades of months and thousands of gaps stay below. */
const MANIFEST_BYTES_MAX = MIB;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
const openTimeSchema = z.int().multipleOf(BAR_MS);

const partitionSchema = z.strictObject({
  month: z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/),
  rows: z.int().min(1),
  firstMs: openTimeSchema,
  lastMs: openTimeSchema,
  sha256: sha256Schema,
  /** While the file is being written: what stood there before, null for nothing. */
  replaces: sha256Schema.nullable().optional(),
});
type Partition = z.infer<typeof partitionSchema>;

const manifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Where the candles are from; one folder never mixes two. */
  source: z.string().min(1),
  symbol: z.string().regex(SYMBOL_PATTERN),
  barMs: z.literal(BAR_MS),
  partitions: z.array(partitionSchema),
  /** Bars that the exchange was proven to lack; they are not asked for again. */
  gaps: z.array(z.strictObject({ fromMs: openTimeSchema, toMs: openTimeSchema })),
});
type Manifest = z.infer<typeof manifestSchema>;

interface CollectedStore {
  readonly objects: Pick<ObjectStore, 'get' | 'put'>;
  readonly codec: CandleCodec;
}

interface StoredManifest {
  readonly etag: string;
  readonly body: Uint8Array;
}

interface StoredPartition {
  readonly series: CandleSeries;
  readonly sha256: string;
}

/** One symbol's candles, to be extended. Throws StoreError. */
export class CollectedSymbol {
  readonly #store: CollectedStore;
  readonly #manifest: Omit<Manifest, 'partitions' | 'gaps'>;
  readonly #partitions: Map<string, Partition>;
  #gaps: readonly BarRange[];
  #stored: StoredManifest | undefined;
  /** ETag of each file that was read. */
  readonly #etags = new Map<string, string>();

  private constructor(store: CollectedStore, manifest: Manifest, stored: StoredManifest | undefined) {
    const { partitions, gaps, ...rest } = manifest;
    this.#store = store;
    this.#manifest = rest;
    this.#partitions = new Map(partitions.map((partition) => [partition.month, partition]));
    this.#gaps = gaps;
    this.#stored = stored;
  }

  /** Starts empty where there is no manifest, or a malformed one. Fails with one line when the candles are of another source. */
  static async open(
    store: CollectedStore,
    { symbol, source }: { symbol: string; source: string },
  ): Promise<Result<CollectedSymbol, string>> {
    const stored = await store.objects.get(manifestKeyOf(symbol));
    const known = stored && parseManifest(symbol, stored.body);
    const empty: Manifest = { schemaVersion: 1, source, symbol, barMs: BAR_MS, partitions: [], gaps: [] };
    const manifest = known?.ok ? known.value : empty;
    if (manifest.source !== source)
      return failure(`holds candles of ${manifest.source}, not of ${source}: collect into another place`);
    return success(new CollectedSymbol(store, manifest, stored));
  }

  get gaps(): readonly BarRange[] {
    return this.#gaps;
  }

  /** Open time of the oldest bar; undefined when there is none. */
  get firstMs(): number | undefined {
    const times = [...this.#partitions.values()].map(({ firstMs }) => firstMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** @param proven bars that the exchange lacks */
  addGaps(proven: readonly BarRange[]): void {
    this.#gaps = uniteRanges([...this.#gaps, ...proven]);
  }

  /** The month's candles, none where nothing was stored; fails with one line for a file that does not hold what it should. */
  async read(month: string): Promise<Result<CandleSeries, string>> {
    const { symbol } = this.#manifest;
    const object = await this.#store.objects.get(partitionKeyOf(symbol, month));
    if (object !== undefined) this.#etags.set(month, object.etag);
    const partition = this.#partitions.get(month);
    if (partition === undefined)
      return object === undefined ? success(allocateSeries(0)) : failure('it is not in the manifest');
    const verified = await verifyPartition(this.#store.codec, partition, object?.body);
    // A damaged file stays in the manifest until it is replaced, so that no reader takes the rest for the whole.
    if (!verified.ok) return verified;
    if (verified.value === undefined) this.#partitions.delete(month);
    else this.#partitions.set(month, describePartition(month, verified.value));
    return success(verified.value?.series ?? allocateSeries(0));
  }

  /** Replaces what `read` gave for that month. False when someone else has written there meanwhile. */
  async write(month: string, series: CandleSeries): Promise<boolean> {
    const { symbol } = this.#manifest;
    const body = this.#store.codec.encode(symbol, series);
    const partition = describePartition(month, { series, sha256: sha256Of(body) });
    const replaces = this.#partitions.get(month)?.sha256 ?? null;
    this.#partitions.set(month, { ...partition, replaces });
    if (!(await this.save())) return false;
    const etag = this.#etags.get(month);
    const condition = etag === undefined ? ({ ifAbsent: true } as const) : { ifMatch: etag };
    const put = await this.#store.objects.put(partitionKeyOf(symbol, month), body, condition);
    if (put.outcome === 'conflict') return false;
    this.#partitions.set(month, partition);
    this.#etags.set(month, put.info.etag);
    return true;
  }

  /** Writes the manifest if it has changed. False when someone else has written it meanwhile. */
  async save(): Promise<boolean> {
    const partitions = [...this.#partitions.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
    const body = encodeJson({ ...this.#manifest, partitions, gaps: this.#gaps });
    if (this.#stored !== undefined && Buffer.compare(this.#stored.body, body) === 0) return true;
    if (this.#stored === undefined && partitions.length === 0 && this.#gaps.length === 0) return true;
    const condition =
      this.#stored === undefined ? ({ ifAbsent: true } as const) : { ifMatch: this.#stored.etag };
    const put = await this.#store.objects.put(manifestKeyOf(this.#manifest.symbol), body, condition);
    if (put.outcome === 'conflict') return false;
    this.#stored = { etag: put.info.etag, body };
    return true;
  }
}

/** All collected candles of a symbol, each file proven; one line of what is wrong otherwise. Throws StoreError. */
export async function readCollectedSymbol(
  { objects, codec }: CollectedStore,
  symbol: string,
): Promise<Result<CandleSeries, string>> {
  const refuse = (key: string, what: string) =>
    failure(`${key}: ${what}; run qtrader collect again to replace what is damaged`);
  const stored = await objects.get(manifestKeyOf(symbol));
  if (stored === undefined) return refuse(manifestKeyOf(symbol), 'there is no manifest');
  const manifest = parseManifest(symbol, stored.body);
  if (!manifest.ok) return refuse(manifestKeyOf(symbol), manifest.error);
  const parts: CandleSeries[] = [];
  for (const partition of manifest.value.partitions) {
    const key = partitionKeyOf(symbol, partition.month);
    const verified = await verifyPartition(codec, partition, (await objects.get(key))?.body);
    if (!verified.ok) return refuse(key, verified.error);
    if (verified.value !== undefined) parts.push(verified.value.series);
  }
  return success(concatenate(parts));
}

/** undefined when the file is not there and need not be; fails with one line when it is not what the manifest says. */
async function verifyPartition(
  codec: CandleCodec,
  { month, rows, firstMs, lastMs, sha256, replaces }: Partition,
  body: Uint8Array | undefined,
): Promise<Result<StoredPartition | undefined, string>> {
  if (body === undefined) return replaces === null ? success(undefined) : failure('the file is missing');
  const found = sha256Of(body);
  if (found !== sha256 && found !== replaces)
    return failure(`its sha256 begins ${found.slice(0, 12)}, not ${sha256.slice(0, 12)} as in the manifest`);
  const series = await codec.decode(body);
  if (!series.ok) return series;
  const read = { series: series.value, sha256: found };
  const described = describePartition(month, read);
  const isInMonth = monthOf(described.firstMs) === month && monthOf(described.lastMs) === month;
  const isAsListed = described.rows === rows && described.firstMs === firstMs && described.lastMs === lastMs;
  if (!isInMonth || (found === sha256 && !isAsListed))
    return failure('its rows are not those in the manifest');
  return success(read);
}

const describePartition = (month: string, { series, sha256 }: StoredPartition): Partition => ({
  month,
  rows: series.length,
  firstMs: series.openTimeMs[0]!,
  lastMs: series.openTimeMs.at(-1)!,
  sha256,
});

function parseManifest(symbol: string, body: Uint8Array): Result<Manifest, string> {
  if (body.length > MANIFEST_BYTES_MAX)
    return failure(`the manifest has ${body.length} bytes, too many to be one`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return failure('the manifest is not JSON');
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return failure(`the manifest is malformed: ${path.join('.')} ${message}`);
  }
  const { partitions } = parsed.data;
  const isOrdered = partitions.every(
    ({ month }, index) => index === 0 || partitions[index - 1]!.month < month,
  );
  if (parsed.data.symbol !== symbol || !isOrdered)
    return failure('the manifest describes another symbol, or its months are out of order');
  return success(parsed.data);
}

/** Months follow each other: every file holds bars of its own month alone. */
function concatenate(parts: readonly CandleSeries[]): CandleSeries {
  const all = allocateSeries(parts.reduce((sum, { length }) => sum + length, 0));
  const { length: _, ...columns } = all;
  let offset = 0;
  for (const part of parts) {
    for (const name of Object.keys(columns) as (keyof typeof columns)[])
      columns[name].set(part[name], offset);
    offset += part.length;
  }
  return all;
}
