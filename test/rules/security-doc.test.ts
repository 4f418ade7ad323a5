// docs/SECURITY.md names a test for every door; each must exist, and every function, policy and table must have its door.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { PEOPLE_GRANTS } from '../../infra/catalog/grants.ts';

const text = readFileSync('docs/SECURITY.md', 'utf8');
const rows = text.split('\n').filter((line) => /^\| (?!-)/.test(line) && !/^\| (asset|door) \|/.test(line));

it('names a test that exists on every row', () => {
  expect(rows.length).toBeGreaterThan(25);
  for (const row of rows) {
    const tests = row.match(/`test\/[^`]+`/g) ?? [];
    expect([row, tests.length]).not.toEqual([row, 0]);
    for (const test of tests) expect([test, existsSync(test.replaceAll('`', ''))]).toEqual([test, true]);
  }
});

it('has a door for every function and every policy of people', () => {
  for (const name of readdirSync('functions'))
    expect([name, text.includes(`\`${name}\``)]).toEqual([name, true]);
  for (const name of ['operator', 'approver', 'emergency'] satisfies (keyof typeof PEOPLE_GRANTS)[])
    expect([name, text.includes(`\`${name}\``)]).toEqual([name, true]);
});

it('has a CI that holds no credentials and deploys nothing', () => {
  expect(readFileSync('.ci/run', 'utf8')).not.toMatch(
    /AWS_(ACCESS|SECRET|SESSION)|AWS_PROFILE|cdk deploy|aws-actions/,
  );
});
