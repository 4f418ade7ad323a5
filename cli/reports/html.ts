// The parts of a report page. All text is escaped here, and nowhere else.

/** Safe inside an element and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
  /** Coloured by its sign. */
  readonly signed?: boolean;
}

/** Figures to be seen first. */
export const formatFacts = (facts: readonly Fact[]): string =>
  `<dl class="facts-grid">${facts
    .map(({ name, value, note, signed }) => {
      const tone = signed ? toneOf(value) : '';
      return `<div><dt>${escapeHtml(name)}</dt><dd class="${tone}">${escapeHtml(value)}${note === undefined ? '' : `<small>${escapeHtml(note)}</small>`}</dd></div>`;
    })
    .join('')}</dl>`;

export interface HtmlTable {
  /** What it lists, for who cannot see the heading. */
  readonly label: string;
  /** Empty for a table of names and values. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Heads of columns coloured by their sign. */
  readonly signed?: readonly string[];
  /** Classes of cells, where a column needs its own. */
  readonly classOf?: (cell: string, column: number) => string;
  /** Shown whole, however long. */
  readonly whole?: boolean;
}

/** Scrolls within itself where it must, and can be reached by keyboard to do so. */
export function formatHtmlTable({ label, head, rows, signed = [], classOf, whole }: HtmlTable): string {
  if (rows.length === 0) return '<p class="empty">none</p>';
  const isNumeric = (column: number) => column > 0 && rows.every((row) => NUMERIC.test(String(row[column])));
  const numeric = rows[0]!.map((_, column) => isNumeric(column));
  const cellOf = (cell: string | number, column: number) => {
    const text = String(cell);
    const tone = signed.includes(head[column] ?? '') ? toneOf(text) : '';
    const own = classOf?.(text, column) ?? '';
    const classes = [numeric[column] ? 'number' : '', tone, own].filter((name) => name !== '').join(' ');
    const tag = head.length === 0 && column === 0 ? 'th' : 'td';
    return `<${tag}${tag === 'th' ? ' scope="row"' : ''} class="${classes}">${escapeHtml(text)}</${tag}>`;
  };
  const heads = head
    .map(
      (name, column) => `<th scope="col" class="${numeric[column] ? 'number' : ''}">${escapeHtml(name)}</th>`,
    )
    .join('');
  return [
    `<section class="scroll${whole ? ' short' : ''}" aria-label="${escapeHtml(label)}" tabindex="0"><table>`,
    head.length > 0 ? `<thead><tr>${heads}</tr></thead>` : '',
    `<tbody>${rows.map((row) => `<tr>${row.map(cellOf).join('')}</tr>`).join('')}</tbody></table></section>`,
  ].join('');
}

const NUMERIC = /^([-+]?[\d.,]+( %)?|n\/a|)$/;

/** By the sign of the text; none for zero and for what is no number. */
function toneOf(text: string): string {
  const value = Number.parseFloat(text.replaceAll(',', ''));
  return value < 0 ? 'loss' : value > 0 ? 'gain' : '';
}

/** Months as a heat map: the deeper, the farther from zero. */
export function formatMonths(
  months: readonly { readonly startMs: number; readonly return: number }[],
): string {
  const cells = months.map(({ startMs, return: value }) => {
    const month = new Date(startMs).toISOString().slice(0, 7);
    return `<div class="${heatOf(value)}"><dt>${month}</dt><dd class="${value < 0 ? 'loss' : 'gain'}">${(100 * value).toFixed(2)} %</dd></div>`;
  });
  return cells.length === 0 ? '<p class="empty">none</p>' : `<dl class="months">${cells.join('')}</dl>`;
}

/** Returns from which a month is deep, and deeper still. */
const HEAT = [0.01, 0.05];

function heatOf(value: number): string {
  if (value === 0) return '';
  const depth = 1 + HEAT.filter((least) => Math.abs(value) >= least).length;
  return `heat-${value < 0 ? 'loss' : 'gain'}-${depth}`;
}

export const formatNote = (text: string): string => `<p class="note">${escapeHtml(text)}</p>`;

/** A heading and what is under it; nothing where there is nothing. */
export const formatSection = (title: string, ...parts: readonly string[]): string =>
  parts.every((part) => part === '') ? '' : `<h2>${escapeHtml(title)}</h2>${parts.join('')}`;
