// Figures as people read them. What is undefined says so: never a 0, a dash or a blank that could be taken for a value.

export const formatFigure = (value: number | undefined, decimals: number): string =>
  value === undefined ? 'undefined' : value.toFixed(decimals);

export const formatPercent = (value: number | undefined, decimals = 1): string =>
  value === undefined ? 'undefined' : `${(100 * value).toFixed(decimals)} %`;

/** `2024-08-05` */
export const formatDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** `2024-08-05 00:00` */
export const formatInstant = (ms: number): string =>
  new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
