import { describeS3Conformance } from './aws-s3.ts';
import { awsTargets } from './aws-target.ts';

for (const { name, open } of awsTargets()) describeS3Conformance(name, open);
