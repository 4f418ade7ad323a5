// The machine that a command or a local system runs on, judged from what was measured.
import { MIB, SECOND_MS } from '../core/units.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

const GIB = 1024 * MIB;
const NODE_MIN = [20, 19] as const;
/** From 2027 on the AWS SDK supports no older one. */
const NODE_SDK_MAJOR = 22;
const FREE_BYTES_MIN = 200 * MIB;
const FREE_BYTES_LOW = 2 * GIB;
/** A signed request is refused at five seconds at the exchange and at five minutes at AWS; a decision must not be off by a second. */
const CLOCK_OFF_MS_MAX = SECOND_MS;
const CLOCK_REFUSED_MS = 5 * SECOND_MS;

/** @param version as `process.versions.node` has it */
export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor, minMinor] = NODE_MIN;
  const install = `install Node ${NODE_SDK_MAJOR} or 24`;
  if (major < minMajor || (major === minMajor && minor < minMinor))
    return fault('node', `Node ${version} is too old: ${minMajor}.${minMinor} is needed`, install);
  if (major < NODE_SDK_MAJOR)
    return warning('node', `Node ${version}: versions of the AWS SDK from 2027 on need a newer one`, install);
  return ok('node', `Node ${version}`);
}

/** @param freeBytes on the disk of the folder */
export function judgeDisk(folder: string, freeBytes: number): Finding {
  const free = `${(freeBytes / GIB).toFixed(1)} GiB free for ${folder}`;
  const fix = 'free some space: old runs are in its archive/';
  if (freeBytes < FREE_BYTES_MIN) return fault('disk', free, fix);
  return freeBytes < FREE_BYTES_LOW ? warning('disk', free, fix) : ok('disk', free);
}

/** @param offMs how far this machine's clock is ahead of theirs; half of the question's time is in doubt */
export function judgeClock(whose: string, offMs: number, doubtMs: number): Finding {
  const check = `clock (${whose})`;
  const said = `${(Math.abs(offMs) / SECOND_MS).toFixed(1)} s ${offMs < 0 ? 'behind' : 'ahead of'} ${whose}`;
  const beyondDoubtMs = Math.abs(offMs) - doubtMs;
  const fix = 'let the system set it: timedatectl set-ntp true';
  if (beyondDoubtMs > CLOCK_REFUSED_MS) return fault(check, said, fix);
  return beyondDoubtMs > CLOCK_OFF_MS_MAX ? warning(check, said, fix) : ok(check, said);
}
