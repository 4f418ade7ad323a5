// The commands that a Markdown document tells its reader to type.

export interface DocumentedCommand {
  /** Without comment and without the prefix that finds `qtrader`. */
  readonly text: string;
  /** `README.md:41` */
  readonly place: string;
  /** Named within a sentence, perhaps without what it needs: not to be typed as it stands. */
  readonly isMention: boolean;
}

const PREFIX = /^(npx --no-install qtrader|npm run (--silent )?qtrader --) /;
const TYPED = /^(npx|npm|aws|curl|python|ruff|mypy|pytest|QT_\w+=\S+ \S|\.ci\/)/;
const MENTIONED = /^(qtrader|flags set) /;

export function documentedCommands(name: string, markdown: string): DocumentedCommand[] {
  const found: DocumentedCommand[] = [];
  let fence: string | undefined;
  let begun = '';
  for (const [index, line] of markdown.split('\n').entries()) {
    const place = `${name}:${index + 1}`;
    if (line.startsWith('```')) fence = fence === undefined ? line : undefined;
    else if (fence === '```') {
      const whole = begun + line.replace(/\s+#\s.*$/, '').trim();
      begun = whole.endsWith('\\') ? whole.slice(0, -1) : '';
      if (begun === '' && whole !== '') found.push({ text: nameOf(whole), place, isMention: false });
    } else if (fence === undefined) found.push(...inlineCommands(line, place));
  }
  return found;
}

const nameOf = (text: string): string => text.replace(PREFIX, 'qtrader ');

/** In a table of commands each stands as it is typed, with what may be left out in brackets; several in one are but named. */
function inlineCommands(line: string, place: string): DocumentedCommand[] {
  const isTable = line.startsWith('| `qtrader ');
  return [...line.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => {
    if (TYPED.test(code!)) return [{ text: nameOf(code!), place, isMention: false }];
    if (!MENTIONED.test(code!)) return [];
    const text = code!.replace(/^flags/, 'qtrader flags').replaceAll(/[[\]]/g, '');
    const isMention = !isTable || /\\\||…/.test(text);
    return alternatives(text).map((each) => ({ text: each, place, isMention }));
  });
}

/** `qtrader universe show\|refresh` is two. */
function alternatives(text: string): string[] {
  const choice = /\S*\\\|\S*/.exec(text)?.[0];
  return choice === undefined ? [text] : choice.split('\\|').map((word) => text.replace(choice, word));
}
