import { describeSsmConformance } from './aws-ssm.ts';
import { awsTargets } from './aws-target.ts';

for (const { name, open } of awsTargets()) describeSsmConformance(name, open);
