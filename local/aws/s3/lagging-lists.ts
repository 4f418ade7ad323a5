// Lists that lag what was written, as those of a store may.
import type { FaultPlan } from '../host/fault-plan.ts';

/** New keys that lists do not show yet, when the fault plan says so. S3's do at once; other stores of its kind do not. */
export class LaggingLists {
  readonly #faults: FaultPlan;
  readonly #hiddenMs = new Map<string, number>();

  constructor(faults: FaultPlan) {
    this.#faults = faults;
  }

  hide(bucket: string, key: string): void {
    const hiddenMs = this.#faults.hide('list');
    if (hiddenMs !== undefined) this.#hiddenMs.set(`${bucket}/${key}`, hiddenMs);
  }

  shows(bucket: string, key: string): boolean {
    const hiddenMs = this.#hiddenMs.get(`${bucket}/${key}`);
    if (hiddenMs === undefined) return true;
    if (!this.#faults.isOver('list', hiddenMs)) return false;
    this.#hiddenMs.delete(`${bucket}/${key}`);
    return true;
  }
}
