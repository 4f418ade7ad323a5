// `qtrader api-token`: who may call the HTTP API and use the dashboard. A token is printed once and stored nowhere; the system keeps
// its SHA-256.
import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { TOKEN_ROLES, type TokenRole, tokenNameSchema } from '../../../lib/api/api-token.ts';
import { CommandFailure } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

const TOKEN_BYTES = 32;

export function addApiTokenCommand(program: Command): void {
  const tokens = program
    .command('api-token')
    .description('who may call the HTTP API and use the dashboard: create, list, revoke');
  addSystemOptions(tokens.command('create'))
    .description('issue a token to a person and print it once; the one that the name has is replaced')
    .argument('<name>', 'whose it is: the name in the audit trail', parseName)
    .addOption(
      new Option(
        '--role <role>',
        'a reader sees, an operator acts, an approver approves what another asked for',
      )
        .choices(TOKEN_ROLES)
        .makeOptionMandatory(),
    )
    .action(createToken);
  addSystemOptions(tokens.command('list'))
    .description('names and roles; the tokens themselves are stored nowhere')
    .option('--json', 'print JSON', false)
    .action(listTokens);
  addSystemOptions(tokens.command('revoke'))
    .description('withdraw the token of a name; takes effect within a minute')
    .argument('<name>', 'whose it is', parseName)
    .action(revokeToken);
}

async function createToken(
  name: string,
  { role, ...options }: SystemOptions & { readonly role: TokenRole },
): Promise<void> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  await withSystem(options, ({ apiTokens }) => apiTokens.issue({ name, role, token }));
  print(token);
}

async function listTokens(options: SystemOptions & { readonly json: boolean }): Promise<void> {
  const tokens = await withSystem(options, ({ apiTokens }) => apiTokens.list());
  const holders = tokens.map(({ name, role }) => ({ name, role }));
  if (options.json) return printJson(holders);
  if (holders.length === 0) print('no token was issued yet: qtrader api-token create NAME --role ROLE');
  const width = Math.max(...holders.map(({ name }) => name.length));
  for (const { name, role } of holders) print(`${name.padEnd(width)}  ${role}`);
}

async function revokeToken(name: string, options: SystemOptions): Promise<void> {
  const revoked = await withSystem(options, ({ apiTokens }) => apiTokens.revoke(name));
  if (!revoked) throw new CommandFailure(`${name} has no token: qtrader api-token list shows who has`);
  print(`the token of ${name} is revoked`);
}

function parseName(text: string): string {
  const name = tokenNameSchema.safeParse(text);
  if (name.success) return name.data;
  throw new InvalidArgumentError(`It ${name.error.issues[0]!.message}.`);
}
