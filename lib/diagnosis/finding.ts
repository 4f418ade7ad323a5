// What an examination has found: one line of fact, and where something is wrong, what to do.

export interface Finding {
  readonly check: string;
  /** A fault keeps something from working; a warning will, or only looks odd. */
  readonly verdict: 'ok' | 'warning' | 'fault';
  readonly message: string;
  /** How to put it right: a sentence or a command. */
  readonly fix?: string;
}

export const ok = (check: string, message: string): Finding => ({ check, verdict: 'ok', message });

export const warning = (check: string, message: string, fix: string): Finding => ({
  check,
  verdict: 'warning',
  message,
  fix,
});

export const fault = (check: string, message: string, fix: string): Finding => ({
  check,
  verdict: 'fault',
  message,
  fix,
});

export const hasFault = (findings: readonly Finding[]): boolean =>
  findings.some(({ verdict }) => verdict === 'fault');
