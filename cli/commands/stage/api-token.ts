// `qtrader api-token`: sets a new token for the HTTP API of a stage. It is printed once and stored nowhere; the stage keeps its SHA-256.
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { messageOf } from '../../../lib/core/message-of.ts';
import { CommandFailure } from '../../command-error.ts';
import { print } from '../../output.ts';

const TOKEN_BYTES = 32;

export function addApiTokenCommand(program: Command): void {
  program
    .command('api-token')
    .description('set a new token for the HTTP API of a stage and print it once (local: .qt/api-token)')
    .requiredOption('--stage <name>', 'a stage deployed on AWS, with the credentials of the environment')
    .action(async ({ stage }: { readonly stage: string }) => {
      const { setApiToken } = await import('../../../lib/runtime/compose/api.ts');
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      await setApiToken(stage, token).catch((error: unknown) => {
        throw new CommandFailure(`stage ${stage}: ${messageOf(error)}`);
      });
      print(token);
    });
}
