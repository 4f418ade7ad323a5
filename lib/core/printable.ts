// Text for a terminal. Documents, an exchange's answers and whoever names a field may put into a message what moves its cursor.

/** Control characters but line breaks and tabs become "?". */
export const printable = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, '?');

/** The same in one line. */
export const printableLine = (text: string): string => printable(text.replace(/\s+/g, ' '));
