// What `cdk` runs: the stage that the context names, `npx cdk deploy --all -c stage=NAME`.

import { App } from 'aws-cdk-lib';
import { messageOf } from '../lib/core/message-of.ts';
import { deployTarget } from '../lib/runtime/config/process-environment.ts';
import { readStageSettings } from './catalog/stage-settings.ts';
import { createStage } from './create-stage.ts';

const app = new App();
try {
  createStage(
    app,
    readStageSettings((key) => app.node.tryGetContext(key)),
    deployTarget(),
  );
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}
