// The object store in a plain folder: the starter models that come with a clone, and what training writes before it is
// published. No versions; conditional writes hold among the writers of one process.
import { createHash, randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import {
  OBJECT_BYTES_MAX,
  type ObjectInfo,
  type ObjectStore,
  type StoredObject,
  type WriteCondition,
} from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import { readBoundedFile } from './read-bounded-file.ts';

const TEMPORARY_PREFIX = '.writing-';
/** Codes with which a file system says that there is no such file. */
const MISSING_CODES = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);
const PERMISSION_CODES = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Writers of this process by path: one after the other, so that comparing and replacing are one step. */
const lastWrites = new Map<string, Promise<unknown>>();

/** ObjectStore over the files below `dir`; a key is a relative path with `/`. Throws StoreError; creates `dir` on writing. */
export function createFolderObjectStore(dir: string): ObjectStore {
  const root = resolve(dir);

  async function get(key: string, versionId?: string): Promise<StoredObject | undefined> {
    const path = pathOf(root, key);
    try {
      const body = new Uint8Array(await readBoundedFile(path, OBJECT_BYTES_MAX));
      return versionId === undefined ? { ...infoOf(key, body), body } : undefined;
    } catch (error) {
      if (!MISSING_CODES.has(codeOf(error))) throw folderError(`reading ${path}`, error);
      await assertFolderExists(root);
      return undefined;
    }
  }

  return {
    get,

    async head(key) {
      const found = await get(key);
      return found && infoOf(key, found.body);
    },

    async put(key, body, condition) {
      const path = pathOf(root, key);
      return oneAtATime(path, async () => {
        try {
          const isStored = await replace(path, body, condition);
          return isStored ? { outcome: 'stored', info: infoOf(key, body) } : { outcome: 'conflict' };
        } catch (error) {
          throw folderError(`writing ${path}`, error);
        }
      });
    },

    async list(prefix) {
      await assertFolderExists(root);
      const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(
        (error: unknown) => {
          throw folderError(`listing ${root}`, error);
        },
      );
      const keys = entries
        .filter((entry) => !entry.isDirectory() && !entry.name.startsWith(TEMPORARY_PREFIX))
        .map((entry) => keyOf(root, entry))
        .filter((key) => key.startsWith(prefix))
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const found: ObjectInfo[] = [];
      for (const key of keys) {
        // A file may be gone by now.
        const object = await get(key);
        if (object !== undefined) found.push(infoOf(key, object.body));
      }
      return found;
    },
  };
}

/** False when the condition does not hold. The file is the old or the new one at every moment. */
async function replace(
  path: string,
  body: Uint8Array,
  condition: WriteCondition | undefined,
): Promise<boolean> {
  if (condition !== undefined && 'ifMatch' in condition) {
    const current = await readBoundedFile(path, OBJECT_BYTES_MAX).catch((error: unknown) => {
      if (MISSING_CODES.has(codeOf(error))) return undefined;
      throw error;
    });
    if (current === undefined || etagOf(current) !== condition.ifMatch) return false;
  }
  await mkdir(dirname(path), { recursive: true });
  const temporaryPath = `${dirname(path)}/${TEMPORARY_PREFIX}${randomUUID()}`;
  try {
    await writeFile(temporaryPath, body, { flag: 'wx', flush: true });
    if (condition !== undefined && 'ifAbsent' in condition) {
      // Unlike rename, link refuses to replace: also against writers in other processes.
      await link(temporaryPath, path);
      return true;
    }
    await rename(temporaryPath, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/** Throws StoreError for a key that would leave the folder, or that names no file in it. */
function pathOf(root: string, key: string): string {
  const isInside = key.split('/').every((name) => !['', '.', '..'].includes(name) && !/[\\\0]/.test(name));
  if (!isInside || key.split('/').at(-1)!.startsWith(TEMPORARY_PREFIX))
    throw new StoreError(`${JSON.stringify(key)} is not the path of a file inside ${root}`, {
      retryable: false,
    });
  return `${root}/${key}`;
}

const keyOf = (root: string, entry: Dirent) =>
  relative(root, `${entry.parentPath}${sep}${entry.name}`).split(sep).join('/');

const etagOf = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');

const infoOf = (key: string, body: Uint8Array): ObjectInfo => ({
  key,
  bytes: body.length,
  etag: etagOf(body),
  versionId: undefined,
});

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function folderError(what: string, error: unknown): StoreError {
  const reason = PERMISSION_CODES.has(codeOf(error))
    ? 'the folder is read-only or not accessible for this user'
    : error instanceof Error
      ? error.message
      : String(error);
  return new StoreError(`${what} failed: ${reason}`, { cause: error, retryable: false });
}

async function assertFolderExists(root: string): Promise<void> {
  const found = await stat(root).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new StoreError(`folder ${root} does not exist`, { retryable: false });
}

function oneAtATime<T>(path: string, work: () => Promise<T>): Promise<T> {
  const result = (lastWrites.get(path) ?? Promise.resolve()).then(work);
  const settled = result.then(
    () => {},
    () => {},
  );
  lastWrites.set(path, settled);
  settled.then(() => {
    if (lastWrites.get(path) === settled) lastWrites.delete(path);
  });
  return result;
}
