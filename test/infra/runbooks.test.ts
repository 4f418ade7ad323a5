// Whoever an alarm wakes finds what to do under the heading that its description names.
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { BASE_IMAGES, synthesise } from '../support/infra/synthesised-stage.ts';

it('every alarm has its runbook in docs/OPERATIONS.md, and every runbook its alarm', async () => {
  const stage = await synthesise({ settings: { retraining: BASE_IMAGES }, bundle: false });
  await rm(stage.folder, { recursive: true });
  const runbooks = stage
    .ofType('AWS::CloudWatch::Alarm')
    .map(({ properties }) => /OPERATIONS\.md#([a-z-]+)$/.exec(properties.AlarmDescription)![1]!);
  expect(runbooks).toContain('retraining-failed');
  const sections = readFileSync('docs/OPERATIONS.md', 'utf8').split('\n### ').slice(1);
  const texts = new Map(sections.map((section) => [section.split('\n')[0]!, section.split('\n')[1] ?? '']));
  const missing = runbooks.filter((runbook) => (texts.get(runbook) ?? '').length < 40);
  expect(missing).toEqual([]);
  expect([...texts.keys()].sort()).toEqual([...new Set(runbooks)].sort());
}, 120_000);
