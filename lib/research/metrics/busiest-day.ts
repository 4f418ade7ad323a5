// The day that one crash can make of many: figures are told with it and without.
/** Position of the day that has most of them, the first of equal ones; -1 where none has any. @param counts of the days in order */
export function busiestOf(counts: readonly number[]): number {
  const most = counts.reduce((high, count) => Math.max(high, count), 0);
  return most === 0 ? -1 : counts.indexOf(most);
}
