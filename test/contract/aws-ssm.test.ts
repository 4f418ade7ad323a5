import { awsTargets } from '../support/aws-target.ts';
import { describeSsmConformance } from './aws-ssm.ts';

for (const { name, open } of awsTargets()) describeSsmConformance(name, open);
