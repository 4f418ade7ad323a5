// Text within the length that a receiver takes: whole lines, and how many are left out.

/** Cut between characters, so that none is broken in two. */
export function cutText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const cut = text.slice(0, charsMax - 1);
  // Half of a surrogate pair is no character.
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/**
 * The lines that fit, each escaped as a whole: what is cut afterwards could end within an escape.
 * @param charsMax of the result, in UTF-16 units
 */
export function fitLines(text: string, charsMax: number, escapeLine: (line: string) => string): string {
  const lines = text.split('\n');
  const more = (count: number) => `\n… and ${count} more`;
  const room = charsMax - more(lines.length).length;
  let fitted = '';
  for (const [index, line] of lines.entries()) {
    const next = index === 0 ? escapeLine(line) : `${fitted}\n${escapeLine(line)}`;
    const isLast = index === lines.length - 1;
    if (next.length > (isLast ? charsMax : room)) {
      if (index === 0) return cutEscaped(line, room, escapeLine) + (isLast ? '' : more(lines.length - 1));
      return fitted + more(lines.length - index);
    }
    fitted = next;
  }
  return fitted;
}

/** As much of a line as fits once it is escaped. */
function cutEscaped(line: string, charsMax: number, escapeLine: (line: string) => string): string {
  for (let chars = charsMax; chars > 1; ) {
    const escaped = escapeLine(cutText(line, chars));
    if (escaped.length <= charsMax) return escaped;
    // Every character is at least one when escaped.
    chars -= Math.max(1, Math.floor((escaped.length - charsMax) / LONGEST_ESCAPE));
  }
  return '';
}

/** `&quot;` for one character. */
const LONGEST_ESCAPE = 6;
