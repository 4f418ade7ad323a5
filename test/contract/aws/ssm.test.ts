import { awsTargets } from '../../support/aws-target.ts';
import { describeSsmConformance } from './ssm.ts';

for (const { name, open } of awsTargets()) describeSsmConformance(name, open);
