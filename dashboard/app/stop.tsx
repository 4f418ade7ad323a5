// The emergency stop: always in reach, asked for twice, and told whether it was refused, done, or is unknown.
import { useRef, useState } from 'preact/hooks';
import { Refusal, stopEverything } from './api.ts';

interface Outcome {
  readonly kind: 'done' | 'incomplete' | 'refused' | 'unknown';
  readonly lines: readonly string[];
}

const SAFE = 'Retry: it is safe to repeat. Or use: qtrader emergency-stop';

export function EmergencyStop({ token, onStopped }: { token: string; onStopped: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [keepPositions, setKeep] = useState(false);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setOutcome(undefined);
    setOutcome(await stop(token, { reason: reason.trim(), keepPositions }));
    setBusy(false);
    onStopped();
  };
  return (
    <>
      <button type="button" class="stop" onClick={() => dialog.current!.showModal()}>
        Emergency stop
      </button>
      <dialog ref={dialog} aria-labelledby="stop-title">
        <form onSubmit={submit}>
          <h2 id="stop-title">Emergency stop</h2>
          <p>
            Trips the circuit breaker, closes the flags, closes positions and cancels open orders, now.
            Resuming takes two operators.
          </p>
          <label>
            Reason
            <input
              required
              maxLength={500}
              pattern=".*\S.*"
              value={reason}
              onInput={({ currentTarget }) => setReason(currentTarget.value)}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={keepPositions}
              onInput={({ currentTarget }) => setKeep(currentTarget.checked)}
            />
            keep positions open, with their stops
          </label>
          <div class="buttons">
            <button type="button" onClick={() => dialog.current!.close()}>
              Cancel
            </button>
            <button type="submit" class="stop" disabled={busy}>
              {busy ? 'Stopping …' : keepPositions ? 'Stop, keep positions' : 'Stop and close all positions'}
            </button>
          </div>
          <div role="alert" class={`outcome ${outcome?.kind ?? ''}`}>
            {outcome?.lines.map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
        </form>
      </dialog>
    </>
  );
}

async function stop(token: string, request: Parameters<typeof stopEverything>[1]): Promise<Outcome> {
  try {
    const { complete, failures, steps } = await stopEverything(token, request);
    const done = steps.flatMap((each) =>
      each.done.map(
        (what) => `${each.step.replace('_', ' ')}${each.scope ? ` (${each.scope})` : ''}: ${what}`,
      ),
    );
    return complete
      ? { kind: 'done', lines: ['Everything is stopped.', ...done] }
      : { kind: 'incomplete', lines: ['INCOMPLETE. Do this manually:', ...failures, ...done] };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof Refusal && error.status < 500
      ? { kind: 'refused', lines: [`Refused, nothing was stopped: ${message}`] }
      : { kind: 'unknown', lines: [`No answer: ${message}`, `The stop may still be in progress. ${SAFE}`] };
  }
}
