// JSON documents: the bytes that are stored, and members of any name.

export const encodeJson = (document: object): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(document, null, 2)}\n`);

const PLAIN = { writable: true, enumerable: true, configurable: true };

/** Gives an object a member of any name. */
export function setMember(object: { [name: string]: unknown }, name: string, value: unknown): void {
  // To set this one would be to give the object another prototype.
  if (name === '__proto__') Object.defineProperty(object, name, { ...PLAIN, value });
  else object[name] = value;
}
