// Scripts for shells that complete `qtrader`, made from its tree of commands. They hold all they need: the Tab key starts no process.
// Where a value is neither a command nor a choice, the shell completes file names, as it would without them.
import type { Command, Option } from 'commander';

interface CompletedCommand {
  /** As it is typed: `flags set`; empty of the program. */
  readonly path: string;
  readonly children: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly {
    readonly name: string;
    readonly description: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
  /** What the first argument may be. */
  readonly choices: readonly string[];
}

/** The program and all commands below it. */
export function treeOf(command: Command, path = ''): CompletedCommand[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  return [
    {
      path,
      children: children.map((child) => ({ name: child.name(), description: child.description() })),
      options: help.visibleOptions(command).map((option: Option) => ({
        name: option.long!,
        description: option.description,
        takesValue: option.required || option.optional,
        choices: option.argChoices ?? [],
      })),
      choices: command.registeredArguments[0]?.argChoices ?? [],
    },
    ...children.flatMap((child) => treeOf(child, `${path} ${child.name()}`.trim())),
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const wordsOf = ({ children, choices, options }: CompletedCommand): string =>
  [...children.map(({ name }) => name), ...choices, ...options.map(({ name }) => name)].join(' ');

export function formatBash(tree: readonly CompletedCommand[]): string {
  const values = tree.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ name, choices }) => `    ${quote(`${path}:${name}`)}) words=${quote(choices.join(' '))} ;;`),
  );
  const paths = tree.map(({ path }) => path).filter((path) => path !== '');
  return `_qtrader() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[$((COMP_CWORD - 1))]}" path='' word words=''
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
    word="\${path:+$path }$word"
    case "$word" in
    ${paths.map(quote).join('|')}) path="$word" ;;
    esac
  done
  case "$path:$previous" in
${values.join('\n')}
    *)
      case "$path" in
${tree.map((command) => `        ${quote(command.path)}) words=${quote(wordsOf(command))} ;;`).join('\n')}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _qtrader qtrader`;
}

/** By zsh's own stand-in for bash's completion. */
export const formatZsh = (tree: readonly CompletedCommand[]): string =>
  `autoload -Uz compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
${formatBash(tree)}`;

export function formatFish(tree: readonly CompletedCommand[]): string {
  const paths = tree.map(({ path }) => path).filter((path) => path !== '');
  const lines = tree.flatMap(({ path, children, options, choices }) => {
    const complete = `complete -c qtrader -n ${quote(`test (__qtrader_path) = ${quote(path)}`)}`;
    return [
      ...children.map(({ name, description }) => `${complete} -f -a ${name} -d ${quote(description)}`),
      ...choices.map((choice) => `${complete} -f -a ${choice}`),
      ...options.map(({ name, description, takesValue, choices }) => {
        const value = choices.length > 0 ? ` -x -a ${quote(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `${complete} -l ${name.slice(2)}${value} -d ${quote(description)}`;
      }),
    ];
  });
  return `function __qtrader_path
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim "$path $word")
    contains -- $next ${paths.map(quote).join(' ')}; and set path $next
  end
  echo "$path"
end
${lines.join('\n')}`;
}
