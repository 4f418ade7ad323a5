// Rounding to an exchange's grid of prices and quantities, exactly: in decimals, not in binary fractions, where 0.3 / 0.1 is
// 2.9999999999999996 and an order loses a step.

/** Decimals of up to 15 digits are told apart by the numbers nearest to them, and 22 is the largest power of ten that is a number. */
const UNITS_MAX = 1e15;
const DECIMALS_MAX = 22;

/**
 * The same as below, without text, for what has few enough digits: then a number that lies between two multiples, or is one, says
 * so of the decimal that it stands for. undefined for the rest.
 */
function roundedShortly(value: number, step: number, direction: 'down' | 'up'): number | undefined {
  let power = 1;
  let stepUnits = step;
  for (let decimals = 0; !Number.isInteger(stepUnits) || stepUnits / power !== step; decimals++) {
    if (decimals === DECIMALS_MAX) return undefined;
    power *= 10;
    stepUnits = Math.round(step * power);
  }
  const units = Math.floor(value / step) * stepUnits;
  if (units + 2 * stepUnits > UNITS_MAX) return undefined;
  // The quotient may be off by a rounding.
  let down = units;
  if (value < units / power) down -= stepUnits;
  else if (value >= (units + stepUnits) / power) down += stepUnits;
  const rounded = direction === 'down' || value === down / power ? down : down + stepUnits;
  // Never −0.
  return rounded / power + 0;
}

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
  const shortly = roundedShortly(value, step, direction);
  if (shortly !== undefined) return shortly;
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
