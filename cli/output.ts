// What commands print on stdout: lines for people, one JSON object for programs.

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** One line. What is undefined is null, so that a reader cannot take it for forgotten. */
export const printJson = (value: unknown): void =>
  print(JSON.stringify(value, (_key, member: unknown) => (member === undefined ? null : member)));
