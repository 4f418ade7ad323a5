// File permissions do not hold for root, as whom tests often run in a container.

const NOBODY_UID = 65_534;

/** Gives up root's rights over files, if this is root. @returns takes them back */
export function becomeOrdinaryUser(): () => void {
  if (process.geteuid?.() !== 0) return () => {};
  process.seteuid?.(NOBODY_UID);
  return () => process.seteuid?.(0);
}
