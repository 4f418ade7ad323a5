// Rounding to an exchange's grid of prices and quantities, exactly: in decimals, not in binary fractions, where 0.3 / 0.1 is
// 2.9999999999999996 and an order loses a step.

/** A decimal as digits × 10^-scale. */
interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** From JavaScript's shortest notation, exponent included. */
function decimalOf(value: number): Decimal {
  const [mantissa, exponent = '0'] = String(value).split('e') as [string, string?];
  const [whole, fraction = ''] = mantissa.split('.') as [string, string?];
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

const unitsAt = (decimal: Decimal, scale: number): bigint =>
  decimal.digits * 10n ** BigInt(scale - decimal.scale);

/**
 * The multiple of `step` nearest to `value` in the given direction; `value` itself when it is one.
 * @param value ≥ 0, finite
 * @param step > 0, finite: the exchange's tickSize or stepSize
 * @returns undefined when an argument is out of range, or when no number stands for the result exactly
 */
export function roundToStep(value: number, step: number, direction: 'down' | 'up'): number | undefined {
  if (!(Number.isFinite(value) && value >= 0 && Number.isFinite(step) && step > 0)) return undefined;
  const [a, b] = [decimalOf(value), decimalOf(step)];
  const scale = Math.max(a.scale, b.scale);
  const [valueUnits, stepUnits] = [unitsAt(a, scale), unitsAt(b, scale)];
  const remainder = valueUnits % stepUnits;
  const units = valueUnits - remainder + (direction === 'up' && remainder > 0n ? stepUnits : 0n);
  const rounded = Number(`${units}e-${scale}`);
  if (!Number.isFinite(rounded)) return undefined;
  const written = decimalOf(rounded);
  return written.digits * 10n ** BigInt(scale) === units * 10n ** BigInt(written.scale) ? rounded : undefined;
}
