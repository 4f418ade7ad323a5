// `qtrader completion`: a script for the shell, by which the Tab key completes commands, options and their values.
import { Argument, type Command } from 'commander';
import { print } from '../../output.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print what makes the Tab key complete commands and options; --help says how to load it')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .addHelpText(
      'after',
      `
  bash  eval "$(qtrader completion bash)"        in ~/.bashrc
  zsh   eval "$(qtrader completion zsh)"         in ~/.zshrc
  fish  qtrader completion fish | source         in ~/.config/fish/config.fish

The command has to be found by its name, for example by
  alias qtrader="node $PWD/bin/qtrader.mjs"`,
    )
    .action(async (shell: Shell) => {
      const { formatBash, formatFish, formatZsh, treeOf } = await import('../../format/completion-script.ts');
      const format = { bash: formatBash, zsh: formatZsh, fish: formatFish }[shell];
      print(format(treeOf(program)));
    });
}
