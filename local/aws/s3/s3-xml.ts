// XML as S3 writes it.

export const XML_HEADERS = { 'content-type': 'application/xml' } as const;

// Control characters cannot stand in XML 1.0 as such; S3 writes them as character references all the same.
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const ESCAPED = /[&<>"\u0000-\u001f\u007f]/g;

/** One element with text in it. */
export function element(name: string, text: string | number | boolean): string {
  return `<${name}>${String(text).replace(ESCAPED, (found) => `&#${found.charCodeAt(0)};`)}</${name}>`;
}

/** A whole document. @param content elements already written */
export function xmlDocument(root: string, content: string): string {
  const namespace = root === 'Error' ? '' : ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${namespace}>${content}</${root}>`;
}
