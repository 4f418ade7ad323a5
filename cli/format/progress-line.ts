// Progress on stderr: one line that changes on a terminal, a line each otherwise.

export interface ProgressLine {
  /** @param keep true leaves the line on the screen */
  show(text: string, keep?: boolean): void;
  /** Removes the line, unless the last one was shown with `keep`. */
  end(): void;
}

export async function createProgressLine(): Promise<ProgressLine> {
  if (!process.stderr.isTTY) return { show: (text) => process.stderr.write(`${text}\n`), end: () => {} };
  const { createLogUpdate } = await import('log-update');
  const line = createLogUpdate(process.stderr);
  return {
    show(text, keep = false) {
      line(text);
      if (keep) line.done();
    },
    end: line.clear,
  };
}
