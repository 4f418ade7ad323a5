// Reads a whole file, if it is one and not larger than it may be: a named pipe would never end, and a device would fill the memory.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Waiting for a pipe's writer would be for ever. Absent where there are no such pipes. */
const NO_WAITING = constants.O_NONBLOCK ?? 0;

/** Throws as `readFile` does, and for what is no file or too large. */
export async function readBoundedFile(path: string, bytesMax: number): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | NO_WAITING);
  try {
    const found = await handle.stat();
    if (found.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
    if (!found.isFile()) throw new Error('it is not a regular file');
    if (found.size > bytesMax)
      throw new Error(`its ${found.size} bytes are more than the ${bytesMax} allowed`);
    const bytes = await handle.readFile();
    if (bytes.length > bytesMax) throw new Error(`it has grown beyond the ${bytesMax} bytes allowed`);
    return bytes;
  } finally {
    await handle.close();
  }
}
