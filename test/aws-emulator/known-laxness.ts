// A test that asks for what the emulator is known to lack has to fail.
import { beforeEach } from 'vitest';
import { LAXNESS } from '../support/aws-emulator/laxness.ts';

beforeEach(({ task }) => {
  const name = task.fullTestName;
  if (name in LAXNESS) Object.assign(task, { fails: true });
});
