import { awsTargets } from '../../support/aws-target.ts';
import { describeDynamoDbConformance } from './dynamodb.ts';

for (const { name, open } of awsTargets()) describeDynamoDbConformance(name, open);
