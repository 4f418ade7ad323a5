// Numbers as exchanges write them, and how finely: shared by what sends orders, what reads folders and what plays the exchange.

/** Decimal text that reads back as the same number; never in exponent notation, which exchanges do not send. */
export function plainDecimal(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : text;
}

/** Most decimals seen among the values; 0 when there are none. */
export const decimalPlaces = (values: Float64Array): number =>
  values.reduce((most, value) => Math.max(most, plainDecimal(value).split('.')[1]?.length ?? 0), 0);
