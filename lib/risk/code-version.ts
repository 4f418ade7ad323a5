// Whether the functions that decide, manage positions, watch and trade run the same code. While a deploy or a rollback is under way they do
// not, and one may mean by a record what another did not: until they agree, nothing is entered. Exits and stops ask nothing here.

/** What left a record, and the version it left with it; undefined for a record that says none. */
export type VersionsSeen = readonly (readonly [function_: string, version: string | undefined])[];

/** One line for each version that is not `own`; none when all agree. An unknown one agrees with nothing, not even itself. */
export function versionDifferences(own: string | undefined, seen: VersionsSeen): string[] {
  const lines = seen
    .filter(([, version]) => version === undefined || version !== own)
    .map(([name, version]) => `${name} runs ${version ?? 'an unknown version'}, not ${own ?? 'known'}`);
  return [...new Set(lines)];
}
