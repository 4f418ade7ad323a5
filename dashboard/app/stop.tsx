// The emergency stop: always in reach, asked for twice, and told whether it was refused, done, or is unknown.
import { useState } from 'preact/hooks';
import { stopEverything } from './api.ts';
import { type Outcome, outcomeOf, ReasonDialog } from './dialog.tsx';

export function EmergencyStop({ token, onStopped }: { token: string; onStopped: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const [keepPositions, setKeep] = useState(false);
  return (
    <>
      <button type="button" class="stop" onClick={() => setOpen(true)}>
        Emergency stop
      </button>
      <ReasonDialog
        isOpen={isOpen}
        title="Emergency stop"
        meaning="Trips the circuit breaker, closes the flags, closes positions and cancels open orders, now. Resuming takes two operators."
        kind="stop"
        submitLabel={keepPositions ? 'Stop, keep positions' : 'Stop and close all positions'}
        busyLabel="Stopping …"
        perform={(reason) => stop(token, { reason, keepPositions })}
        onClose={() => setOpen(false)}
        onPerformed={onStopped}
      >
        <label class="check">
          <input
            type="checkbox"
            checked={keepPositions}
            onInput={({ currentTarget }) => setKeep(currentTarget.checked)}
          />
          keep positions open, with their stops
        </label>
      </ReasonDialog>
    </>
  );
}

const stop = (token: string, request: Parameters<typeof stopEverything>[1]): Promise<Outcome> =>
  outcomeOf(
    async () => {
      const { complete, failures, steps } = await stopEverything(token, request);
      const done = steps.flatMap((each) =>
        each.done.map(
          (what) => `${each.step.replace('_', ' ')}${each.scope ? ` (${each.scope})` : ''}: ${what}`,
        ),
      );
      return complete
        ? { kind: 'done', lines: ['Everything is stopped.', ...done] }
        : { kind: 'incomplete', lines: ['INCOMPLETE. Do this manually:', ...failures, ...done] };
    },
    {
      undone: 'nothing was stopped',
      advice:
        'The stop may still be in progress. Retry: it is safe to repeat. Or use: qtrader emergency-stop',
    },
  );
