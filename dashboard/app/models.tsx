// Which models decide and how sound they are, what is traded, how far live trading may go, and who changed what.

import { Action } from './action.tsx';
import { type Models, type Rollout, read, type Status, type Universe } from './api.ts';
import { Breaker, Flags, LevelActions } from './controls.tsx';
import { actor, instant, percent, words } from './format.ts';
import { Table } from './table.tsx';
import { usePolled } from './use-polled.ts';

const EVERY_MS = 60_000;
const ENTRIES = 100;
const DRIFTED_SHOWN = 8;

export function ModelsView({ token }: { token: string }) {
  const { data, problem } = usePolled('models', (cancelled) => read(token, '/api/models', {}, cancelled), {
    everyMs: EVERY_MS,
  });
  if (data === undefined) return <p class="empty">{problem ?? 'Reading …'}</p>;
  return (
    <>
      {data.problems.map((line) => (
        <p key={line} class="problem">
          {line}
        </p>
      ))}
      <Ensemble title="Active ensemble" ensemble={data.active} />
      {data.shadow !== null && <Ensemble title="Shadow ensemble (never counted)" ensemble={data.shadow} />}
      <Drift drift={data.drift} />
    </>
  );
}

const describeCalibration = (calibration: { readonly kind: string }): string => words(calibration.kind);

function describeSizing({ sizingPolicy }: NonNullable<Models['active']>): string {
  if (sizingPolicy === null) return 'Sizes: constant, every entry at its full size.';
  const { name, version, quarantine } = sizingPolicy;
  const state = quarantine === null ? 'in service' : `quarantined, so nothing is entered: ${quarantine}`;
  return `Sizes: policy ${name} ${version}, ${state}.`;
}

function Ensemble({ title, ensemble }: { title: string; ensemble: Models['active'] }) {
  return (
    <section>
      <h2>
        {title} <span class="soft">{ensemble?.id ?? 'none'}</span>
      </h2>
      {ensemble !== null && <p>{describeSizing(ensemble)}</p>}
      <Table
        label={title}
        rows={ensemble?.members ?? []}
        keyOf={({ name }) => name}
        empty="There is none: every signal is HOLD."
        columns={[
          { head: 'model', cell: ({ name }) => name },
          { head: 'version', cell: ({ version }) => version },
          { head: 'weight', numeric: true, cell: ({ weight }) => percent(weight, 1) },
          {
            head: 'trained on',
            cell: ({ training }) =>
              training === null ? 'unknown' : `${instant(training.fromMs)} to ${instant(training.toMs)}`,
          },
          {
            head: 'log-loss, out of fold',
            numeric: true,
            cell: ({ outOfFold }) => outOfFold?.logLoss.toFixed(4) ?? 'unknown',
          },
          {
            head: 'service',
            cell: ({ quarantine }) => (quarantine === null ? 'in service' : `quarantined: ${quarantine}`),
            classOf: ({ quarantine }) => (quarantine === null ? '' : 'loss'),
          },
          {
            head: 'calibration',
            cell: ({ calibration }) => (calibration === null ? 'unknown' : describeCalibration(calibration)),
          },
          {
            head: 'actions',
            cell: ({ name, version, quarantine }) => (
              <Action
                label={quarantine === null ? 'Quarantine' : 'Lift'}
                title={`${quarantine === null ? 'Quarantine' : 'Lift the quarantine of'} ${name} ${version}`}
                meaning={
                  quarantine === null
                    ? 'Takes this version out of every ensemble from the next bar on. With fewer than two models every signal is HOLD.'
                    : 'Lets this version serve again from the next bar on.'
                }
                request={{
                  act: quarantine === null ? 'quarantine' : 'lift_quarantine',
                  model: name,
                  version,
                }}
                isRisky={quarantine !== null}
              />
            ),
          },
        ]}
      />
    </section>
  );
}

function Drift({ drift }: { drift: Models['drift'] }) {
  return (
    <section>
      <h2>Drift of the features</h2>
      {drift === null ? (
        <p class="empty">Not measured yet.</p>
      ) : drift.outcome === 'unmeasured' ? (
        <p class="problem">
          Not measured at {instant(drift.atMs)} UTC: {drift.message}
        </p>
      ) : (
        <>
          <p>
            {drift.drifted === 0 ? 'No feature differs' : `${drift.drifted} features differ`} from training,
            over {drift.rows} rows of {drift.symbols.length} symbols up to {instant(drift.toMs)} UTC.
          </p>
          <Table
            label="Drift by feature"
            rows={drift.features.slice(0, DRIFTED_SHOWN)}
            keyOf={({ name }) => name}
            empty="No feature was compared."
            columns={[
              { head: 'feature', cell: ({ name }) => name },
              { head: 'PSI', numeric: true, cell: ({ psi }) => psi.toFixed(3) },
              { head: 'at least', numeric: true, cell: ({ low }) => low.toFixed(3) },
            ]}
          />
        </>
      )}
    </section>
  );
}

export function RolloutView({ token, status }: { token: string; status: Status }) {
  const { data, problem } = usePolled('rollout', (cancelled) => read(token, '/api/rollout', {}, cancelled), {
    everyMs: EVERY_MS,
  });
  return (
    <>
      {data === undefined ? <p class="empty">{problem ?? 'Reading …'}</p> : <Checklist rollout={data} />}
      <LevelActions />
      <h2>Circuit breaker</h2>
      <Breaker status={status} />
      <h2>Flags</h2>
      <Flags flags={status.flags} />
    </>
  );
}

const STATUS_CLASS = { met: 'gain', not_met: '', breach: 'loss', unknown: '' } as const;

function Checklist({ rollout }: { rollout: Rollout }) {
  const { state, limits, decision, criteria, denials, problems } = rollout;
  return (
    <>
      <h2>
        Level {state?.level ?? 'unknown'}
        {limits !== null && (
          <span class="soft">
            {' '}
            {percent(limits.capitalFraction, 0)} of the capital, {limits.positions} positions at most
          </span>
        )}
      </h2>
      {state !== null && (
        <p>
          Since {instant(state.enteredAtMs)} UTC. Sign-offs for the next level:{' '}
          {Object.entries(state.signOffs)
            .map(
              ([role, signed]) =>
                `${words(role)} ${signed === null ? 'missing' : `by ${actor(signed.operator)}`}`,
            )
            .join(', ')}
          .
        </p>
      )}
      <ul>
        {denials.map(({ code, message }) => (
          <li key={code}>
            <strong>{words(code)}</strong> {message}
          </li>
        ))}
      </ul>
      <h2>
        May it go live?{' '}
        <span class="soft">{decision === null ? 'not assessed yet' : words(decision.verdict)}</span>
      </h2>
      {decision !== null && <p class="soft">Assessed at {instant(decision.decidedAtMs)} UTC.</p>}
      {problems.map((line) => (
        <p key={line} class="problem">
          {line}
        </p>
      ))}
      <Table
        label="Criteria"
        rows={criteria}
        keyOf={({ criterion }) => criterion}
        empty="No criterion was assessed yet: it is done every hour."
        columns={[
          { head: 'criterion', cell: ({ criterion }) => words(criterion) },
          { head: 'required', cell: ({ meaning }) => meaning },
          {
            head: 'value',
            numeric: true,
            cell: ({ value }) => (value === null ? 'unknown' : `${Number(value.toPrecision(4))}`),
          },
          {
            head: 'status',
            cell: ({ status }) => words(status),
            classOf: ({ status }) => STATUS_CLASS[status],
          },
        ]}
      />
    </>
  );
}

function UniverseChange({ change }: { change: Universe['change'] }) {
  if (change === null) return <p class="soft">No refresh has changed it.</p>;
  const list = (symbols: readonly { readonly symbol: string; readonly reason: string }[]) =>
    symbols.length === 0
      ? 'none'
      : symbols.map(({ symbol, reason }) => `${symbol} (${words(reason)})`).join(', ');
  return (
    <p>
      Changed at {instant(change.atMs)} UTC. Entering: {list(change.entering)}. Leaving:{' '}
      {list(change.leaving)}.
    </p>
  );
}

/** What the newest bar took. */
function Performance({ lastBar }: { lastBar: Status['lastBar'] }) {
  if (lastBar === null) return null;
  const { timingsMs, residentBytes } = lastBar;
  const parts = Object.entries(timingsMs).map(([part, ms]) => ({ part, value: `${Math.round(ms)} ms` }));
  return (
    <>
      <h2>
        Latency and memory <span class="soft">of the newest bar</span>
      </h2>
      <dl class="facts panel">
        {[...parts, { part: 'memory', value: `${Math.round(residentBytes / 1e6)} MB` }].map(
          ({ part, value }) => (
            <div key={part} class="fact">
              <dt>{part}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </>
  );
}

export function LogView({ token, status }: { token: string; status: Status }) {
  const { scope } = status;
  const audit = usePolled(
    scope,
    (cancelled) => read(token, '/api/audit', { scope, count: ENTRIES }, cancelled),
    { everyMs: EVERY_MS },
  );
  const universe = usePolled('universe', (cancelled) => read(token, '/api/universe', {}, cancelled), {
    everyMs: EVERY_MS,
  });
  return (
    <>
      <Performance lastBar={status.lastBar} />
      <h2>Audit trail</h2>
      {audit.problem !== undefined && <p class="problem">{audit.problem}</p>}
      <Table
        label="Audit trail"
        rows={audit.data?.entries ?? []}
        keyOf={({ atMs, what, by }) => `${atMs} ${what} ${by.name}`}
        empty="Nobody has changed anything yet."
        columns={[
          { head: 'time, UTC', cell: ({ atMs }) => instant(atMs) },
          { head: 'what', cell: ({ what }) => words(what) },
          { head: 'by', cell: ({ by }) => actor(by) },
          { head: 'why', cell: ({ message }) => message },
        ]}
      />
      <h2>
        Universe <span class="soft">{universe.data?.universe?.symbols.length ?? 0} symbols</span>
      </h2>
      {universe.problem !== undefined && <p class="problem">{universe.problem}</p>}
      {universe.data !== undefined && <UniverseChange change={universe.data.change} />}
      <p>{universe.data?.universe?.symbols.join(', ') ?? 'None was chosen yet.'}</p>
    </>
  );
}
