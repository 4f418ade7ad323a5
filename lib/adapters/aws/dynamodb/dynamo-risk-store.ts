// The risk table on DynamoDB: the gate items with their one conditional write, and the records around them.
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Clock } from '../../../core/ports.ts';
import type { RiskStore } from '../../../risk/ports.ts';
import { createDynamoGate } from './dynamo-gate.ts';
import { createDynamoRecords } from './dynamo-records.ts';

export function createDynamoRiskStore({
  clock,
  ...riskTable
}: {
  client: DynamoDBDocumentClient;
  table: string;
  /** From its time on a passing record is kept. */
  clock: Clock;
}): RiskStore {
  return { ...createDynamoGate(riskTable), ...createDynamoRecords(riskTable, clock) };
}
