// How much a labelled row counts in training. Labels of neighbouring bars look at the same future and are not independent
// observations; each is weighted by the share of its span that it has to itself (López de Prado 2018, ch. 4.3–4.4).

/** Bars that decided each label, first and last included; one element per label, first bars ascending. */
interface LabelSpans {
  readonly firstBars: Int32Array;
  readonly lastBars: Int32Array;
}

/**
 * Weight of each label: the mean over its span of 1 / (labels whose span holds that bar), scaled so that the mean weight is 1.
 * Labels given together are of one symbol; those of other symbols do not count as concurrent.
 */
export function averageUniqueness(spans: LabelSpans): Float64Array {
  const count = spans.firstBars.length;
  const weights = new Float64Array(count);
  if (count === 0) return weights;

  const origin = spans.firstBars[0]!;
  const concurrency = countConcurrent(spans, origin);
  let total = 0;
  for (let label = 0; label < count; label++) {
    const first = spans.firstBars[label]!;
    const last = spans.lastBars[label]!;
    let uniqueness = 0;
    for (let bar = first; bar <= last; bar++) uniqueness += 1 / concurrency[bar - origin]!;
    weights[label] = uniqueness / (last - first + 1);
    total += weights[label]!;
  }
  const mean = total / count;
  return weights.map((weight) => weight / mean);
}

/** Number of spans over each bar from `origin` on. */
function countConcurrent(spans: LabelSpans, origin: number): Int32Array {
  const end = spans.lastBars.reduce((latest, bar) => Math.max(latest, bar), origin);
  const concurrency = new Int32Array(end - origin + 2);
  for (const bar of spans.firstBars) concurrency[bar - origin]!++;
  for (const bar of spans.lastBars) concurrency[bar - origin + 1]!--;
  for (let bar = 1; bar < concurrency.length; bar++) concurrency[bar]! += concurrency[bar - 1]!;
  return concurrency;
}
