// The rows of income as the exchange lists them: some funding appears long after the wallet has moved, and some is listed twice.

export const INCOME_PATH = '/fapi/v1/income';

interface Row {
  readonly incomeType: string;
  readonly time: number;
}

/** How the funding of one time is listed until then. */
export interface OddFunding {
  readonly how: 'late' | 'twice';
  readonly atMs: number;
  readonly untilMs: number;
}

export class IncomeBook {
  #odd: OddFunding[] = [];

  list(funding: OddFunding): void {
    this.#odd.push(funding);
  }

  answer(text: string, nowMs: number): string {
    this.#odd = this.#odd.filter(({ untilMs }) => nowMs < untilMs);
    if (this.#odd.length === 0) return text;
    const rows = (JSON.parse(text) as Row[]).flatMap((row) => {
      const odd =
        row.incomeType === 'FUNDING_FEE' ? this.#odd.find(({ atMs }) => atMs === row.time) : undefined;
      if (odd === undefined) return [row];
      return odd.how === 'late' ? [] : [row, row];
    });
    return JSON.stringify(rows);
  }
}
