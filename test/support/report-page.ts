// What a report page holds: the numbers of its plots, and what is read on it.
import type { Plot } from '../../dashboard/report/plots.ts';

export const plotsOf = (page: string): readonly Plot[] =>
  JSON.parse(/<script type="application\/json" id="plots">(.*?)<\/script>/s.exec(page)![1]!);

/** Without script and style. */
export const contentOf = (page: string): string => page.replaceAll(/<(script|style)[^>]*>.*?<\/\1>/gs, '');
