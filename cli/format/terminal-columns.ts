// How wide what is printed may be.

const COLUMNS_DEFAULT = 80;

/** Of the terminal on stdout; without limit in a pipe or a file, where a line cut in two could not be searched. */
export const terminalColumns = (): number =>
  process.stdout.isTTY ? process.stdout.columns || COLUMNS_DEFAULT : Number.POSITIVE_INFINITY;
