// The risk table's records that the rollout works with: its own, and those of risk and execution.
import { executionRecords } from '../../execution/use-cases/execution-records.ts';
import type { RecordStore } from '../../risk/ports.ts';
import { RecordSeries, SingleRecord } from '../../risk/use-cases/typed-records.ts';
import { DRIFT, GO_NO_GO, PARITY } from '../records.ts';

export const rolloutRecords = (store: RecordStore) => ({
  ...executionRecords(store),
  goNoGo: new SingleRecord(store, GO_NO_GO),
  parity: new RecordSeries(store, PARITY),
  drift: new RecordSeries(store, DRIFT),
});
