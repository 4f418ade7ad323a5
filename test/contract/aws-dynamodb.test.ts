import { describeDynamoDbConformance } from './aws-dynamodb.ts';
import { awsTargets } from './aws-target.ts';

for (const { name, open } of awsTargets()) describeDynamoDbConformance(name, open);
