// The stores of a stage, opened over its AWS clients.
import type { ItemClients } from '../../adapters/aws/create-dynamodb-client.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../adapters/aws/dynamodb/dynamo-signal-store.ts';
import type { Clock } from '../../core/ports.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { signalRetentionDays } from '../config/stage.ts';

interface StoreContext {
  readonly clients: ItemClients;
  readonly clock: Clock;
}

export const openSignalStore = (
  { clients, clock }: StoreContext,
  { stage, signalsTable }: { readonly stage: string; readonly signalsTable: string },
): SignalStore =>
  createDynamoSignalStore({
    client: clients.dynamodb,
    table: signalsTable,
    retentionDays: signalRetentionDays(stage),
    clock,
  });

export const openRiskStore = (
  { clients, clock }: StoreContext,
  { riskTable }: { readonly riskTable: string },
): RiskStore => createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock });
