// For output that depends on the terminal: as if stdout were one of so many columns.

export function onTerminal<T>(columns: number, work: () => T): T {
  const names = ['isTTY', 'columns'] as const;
  const before = names.map((name) => Object.getOwnPropertyDescriptor(process.stdout, name));
  Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true });
  try {
    return work();
  } finally {
    for (const [index, name] of names.entries()) {
      const descriptor = before[index];
      if (descriptor === undefined) delete (process.stdout as Partial<NodeJS.WriteStream>)[name];
      else Object.defineProperty(process.stdout, name, descriptor);
    }
  }
}
