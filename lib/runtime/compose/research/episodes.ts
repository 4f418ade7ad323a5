// Composes the export of episodes over folders: recorded candles and models in, Parquet out.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeEpisodes } from '../../../adapters/files/episodes-folder.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import {
  applySettings,
  type BacktestSettings,
  releasedSettings,
} from '../../../research/backtest-settings.ts';
import { collectEpisodes } from '../../../research/use-cases/collect-episodes.ts';
import { describeEpisodes, type EpisodesDescription } from '../../../research/use-cases/describe-episodes.ts';
import { type BacktestError, type PastQuery, type ReplayInput, withPast } from './past.ts';

interface EpisodesQuery extends PastQuery {
  readonly outFolder: string;
  /** Replace other episodes in `outFolder`. */
  readonly replace: boolean;
  /** As released where not given. */
  readonly settings: Partial<BacktestSettings>;
}

type EpisodesError =
  | BacktestError
  | { readonly code: 'no_episodes' | 'output_unusable'; readonly message: string };

export async function exportEpisodes(
  query: EpisodesQuery,
): Promise<Result<EpisodesDescription, EpisodesError>> {
  // The models are asked once; what they answered is read again, symbol by symbol.
  const answers = query.predictionsFile ?? join(tmpdir(), `qtrader-answers-${randomUUID()}`);
  try {
    const exported = await withPast({ ...query, predictionsFile: answers }, (input) =>
      writePast(query, input),
    );
    return exported.ok ? exported.value : exported;
  } finally {
    if (query.predictionsFile === undefined) await rm(answers, { force: true });
  }
}

async function writePast(
  { fromMs, toMs, outFolder, replace, settings: given }: EpisodesQuery,
  { past, ensemble: released, trainedToMs }: ReplayInput,
): Promise<Result<EpisodesDescription, EpisodesError>> {
  const settings = { ...releasedSettings(released), ...given };
  const { ensemble, costs, limits } = applySettings(settings, released);
  const predictions = await past.predictions();
  const symbols = [...past.series.values()].map((series, index) => ({
    ...{ series, decided: past.decided[index]!, predictions: predictions[index]! },
  }));
  const episodes = collectEpisodes(symbols, { fromMs, toMs, costs, limits, ensemble });
  if (episodes.rows.length === 0) {
    const dropped = Object.entries(episodes.dropped).map(([reason, count]) => `${reason} ${count}`);
    const why = dropped.length === 0 ? 'no signal acts' : dropped.join(', ');
    return failure({
      code: 'no_episodes',
      message: `no entry in the range (${why}): choose a longer range, or a lower --edge-bps`,
    });
  }
  const { positionsMax, capitalFraction } = settings;
  const description = describeEpisodes(episodes, {
    ...{ ensemble, trainedToMs, fromMs, toMs, costs, limits, capitalFraction, positionsMax },
    symbols: [...past.series.keys()],
  });
  const written = await writeEpisodes(outFolder, { rows: episodes.rows, description }, { replace });
  return written.ok ? success(written.value) : failure({ code: 'output_unusable', message: written.error });
}
