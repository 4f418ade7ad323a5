import { awsTargets } from '../../support/aws-target.ts';
import { describeS3Conformance } from './s3.ts';

for (const { name, open } of awsTargets()) describeS3Conformance(name, open);
