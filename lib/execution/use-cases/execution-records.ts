// The risk table's records that execution works with: its own, and those of risk.
import type { RecordStore } from '../../risk/ports.ts';
import { riskRecords } from '../../risk/use-cases/risk-records.ts';
import { KeyedRecords, RecordSeries, SingleRecord } from '../../risk/use-cases/typed-records.ts';
import {
  BOOKED_LEDGER,
  EXECUTE_REPORTS,
  ORDERS,
  PAPER_ACCOUNT,
  PAPER_ORDERS,
  POSITIONS,
  TRANSFER_DECLARATIONS,
} from '../records.ts';

const openRecords = (store: RecordStore) => ({
  ...riskRecords(store),
  orders: new KeyedRecords(store, ORDERS),
  positions: new KeyedRecords(store, POSITIONS),
  bookedLedger: new SingleRecord(store, BOOKED_LEDGER),
  executeReports: new RecordSeries(store, EXECUTE_REPORTS),
  paperAccount: new SingleRecord(store, PAPER_ACCOUNT),
  transferDeclarations: new RecordSeries(store, TRANSFER_DECLARATIONS),
  paperOrders: new KeyedRecords(store, PAPER_ORDERS),
});
type ExecutionRecords = ReturnType<typeof openRecords>;

const opened = new WeakMap<RecordStore, ExecutionRecords>();

/** The same for the same store: use cases ask for them at every step. */
export function executionRecords(store: RecordStore): ExecutionRecords {
  const known = opened.get(store) ?? openRecords(store);
  opened.set(store, known);
  return known;
}
