// The document client of a DynamoDB in this process. The SDK's own takes longer over a request than that DynamoDB over its answer:
// here the four operations that make up nearly all requests are handed over as they are, and what is not answered with success is
// sent again by the SDK, so that every error is in its words.
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { InProcessService } from '../host/in-process.ts';

type Attributes = Parameters<typeof unmarshall>[0];
type Fields = Record<string, unknown>;

const OPERATIONS = new Map<unknown, string>([
  [GetCommand, 'GetItem'],
  [PutCommand, 'PutItem'],
  [QueryCommand, 'Query'],
  [UpdateCommand, 'UpdateItem'],
]);
const ATTRIBUTES_SENT = ['Key', 'Item', 'ExpressionAttributeValues', 'ExclusiveStartKey'];
const ATTRIBUTES_RECEIVED = ['Item', 'Attributes', 'LastEvaluatedKey'];
const JSON_TYPE = 'application/x-amz-json-1.0';
const OK = 200;
const SERVER_FAULT = 500;

export function inProcessDocuments(
  client: DynamoDBDocumentClient,
  dynamodb: InProcessService,
): DynamoDBDocumentClient {
  const bySdk = client.send.bind(client) as (
    command: { readonly input: Fields },
    ...rest: unknown[]
  ) => Promise<unknown>;
  const send = async (command: { readonly input: Fields }, ...rest: unknown[]): Promise<unknown> => {
    const operation = OPERATIONS.get(command.constructor);
    if (operation === undefined || rest.some((option) => option !== undefined))
      return bySdk(command, ...rest);
    const { response } = await dynamodb({
      method: 'POST',
      path: '/',
      headers: { 'content-type': JSON_TYPE, 'x-amz-target': `DynamoDB_20120810.${operation}` },
      body: JSON.stringify(sent(command.input)),
    });
    const $metadata = { httpStatusCode: response.statusCode, attempts: 1 };
    // Refused, so nothing has been done.
    if (response.statusCode > OK && response.statusCode < SERVER_FAULT) return bySdk(command);
    const output = JSON.parse(String(response.body)) as Fields;
    if (response.statusCode !== OK) throw Object.assign(new Error(String(output.message)), { $metadata });
    return { ...received(output), $metadata };
  };
  // The paginators want an instance of the SDK's class.
  return Object.create(client, { send: { value: send } }) as DynamoDBDocumentClient;
}

function sent(input: Fields): Fields {
  const fields = { ...input };
  for (const name of ATTRIBUTES_SENT)
    if (fields[name] !== undefined) fields[name] = marshall(fields[name] as Fields);
  return fields;
}

function received(output: Fields): Fields {
  const fields = { ...output };
  for (const name of ATTRIBUTES_RECEIVED)
    if (fields[name] !== undefined) fields[name] = unmarshall(fields[name] as Attributes);
  if (fields.Items !== undefined)
    fields.Items = (fields.Items as Attributes[]).map((item) => unmarshall(item));
  return fields;
}
