// The risk table's records that risk declares, ready to read and write.
import type { RecordStore } from '../ports.ts';
import { AUDIT, DAYS, EQUITY, INCIDENTS, POSITION_MANAGER, REJECTIONS, ROLLOUT, TRADES } from '../records.ts';
import { NamedRecords, RecordSeries, SingleRecord } from './typed-records.ts';

export const riskRecords = (store: RecordStore) => ({
  equity: new RecordSeries(store, EQUITY),
  /** By `dayId`. */
  days: new NamedRecords(store, DAYS),
  trades: new RecordSeries(store, TRADES),
  incidents: new RecordSeries(store, INCIDENTS),
  rejections: new RecordSeries(store, REJECTIONS),
  positionManager: new SingleRecord(store, POSITION_MANAGER),
  audit: new NamedRecords(store, AUDIT),
  rollout: new SingleRecord(store, ROLLOUT),
});
