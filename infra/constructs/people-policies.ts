// The policies for the roles of people; the deployer attaches them. Which role has which decides who is an operator and who an
// approver: the functions behind them ask AWS, not the caller. docs/SECURITY.md says how the roles have to be made.
import type { Stack } from 'aws-cdk-lib';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { acknowledgeWildcards, PEOPLE_GRANTS, type PeoplePolicy, statementsOf } from '../catalog/grants.ts';
import { globalNameOf } from '../catalog/shared-resources.ts';

const DESCRIPTIONS: Readonly<Record<PeoplePolicy, string>> = {
  reader: 'Reads everything that the qtrader command shows; changes nothing',
  operator: 'The qtrader command: flags, releases, requests and the emergency stop; no approval',
  approver: 'Approves resets and signs off the rollout; reads what that takes',
  emergency: 'The emergency stop and nothing else',
  'token-issuer': 'Issues the tokens of the HTTP API, and so says who their holders are',
};

export function createPeoplePolicies(stack: Stack, stage: string): void {
  for (const name of Object.keys(PEOPLE_GRANTS) as PeoplePolicy[]) {
    const statements = statementsOf(PEOPLE_GRANTS[name], stack, stage);
    const policy = new ManagedPolicy(stack, name, {
      managedPolicyName: globalNameOf(stage, name),
      description: DESCRIPTIONS[name],
      statements,
    });
    acknowledgeWildcards(policy, statements, `The objects under the prefixes of the policy ${name}.`);
  }
}
