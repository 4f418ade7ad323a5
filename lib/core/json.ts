// JSON documents as the bytes that are stored.

export const encodeJson = (document: object): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(document, null, 2)}\n`);
