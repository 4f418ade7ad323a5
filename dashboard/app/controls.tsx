// What an operator controls: the flags, the circuit breaker's trip and reset. Who may not act sees the values alone.
import { FLAGS, type FlagName } from '../../lib/risk/flags.ts';
import { Action } from './action.tsx';
import type { Status } from './api.ts';
import { actor, instant } from './format.ts';

/** Of the flags that are true or false: the value that lowers the risk. */
const SAFE: Readonly<Record<string, boolean>> = {
  QT_ENABLE_EXECUTION: false,
  QT_ENABLE_AI_TRADING: false,
  QT_PAPER_TRADING: true,
  EMERGENCY_MODE: true,
  CIRCUIT_BREAKER_TRIGGERED: true,
};

/** Of the flags that are numbers: what may be typed. */
const LIMITS: Readonly<Record<string, { readonly pattern: string; readonly allowed: string }>> = {
  QT_MAX_CAPITAL_ALLOCATION: FLAGS.QT_MAX_CAPITAL_ALLOCATION,
  QT_MAX_POSITIONS: FLAGS.QT_MAX_POSITIONS,
};

const MEANING: Readonly<Record<string, string>> = {
  QT_ENABLE_EXECUTION: 'Whether entries may go to the real account.',
  QT_ENABLE_AI_TRADING: 'Whether signals may open positions at all.',
  QT_PAPER_TRADING: 'Whether trading is on paper.',
  EMERGENCY_MODE: 'While true nothing new is opened.',
  QT_MAX_CAPITAL_ALLOCATION:
    'The share of the equity that may be traded with; a capital level may allow less.',
  QT_MAX_POSITIONS: 'How many positions may be open at once; a capital level may allow less.',
  CIRCUIT_BREAKER_TRIGGERED: 'Mirror of the latch; it stays closed after a reset until an operator opens it.',
};

export function Flags({ flags }: { flags: Status['flags'] }) {
  return (
    <dl class="flags">
      {Object.entries(flags).map(([name, value]) => (
        <div key={name} class="flag">
          <dt>{name}</dt>
          <dd class={typeof value === 'string' ? 'loss' : ''}>{String(value)}</dd>
          {name in LIMITS && (
            <dd class="set">
              <Action
                label="Change"
                title={`Change ${name}`}
                meaning={`${MEANING[name]} It holds from the next decision on, and closes no position.`}
                request={{ act: 'set_flag', name: name as FlagName, value: String(value).slice(0, 20) }}
                value={LIMITS[name]!}
                isRisky
              />
            </dd>
          )}
          {name in SAFE &&
            [true, false]
              // A flag that says nothing usable can be set to either.
              .filter((each) => each !== value)
              .map((each) => (
                <dd key={String(each)} class="set">
                  <Action
                    label={`Set ${each}`}
                    title={`Set ${name} to ${each}`}
                    meaning={`${MEANING[name]} It holds from the next decision on.`}
                    request={{ act: 'set_flag', name: name as 'EMERGENCY_MODE', value: String(each) }}
                    isRisky={each !== SAFE[name]}
                  />
                </dd>
              ))}
        </div>
      ))}
    </dl>
  );
}

export function Breaker({ status }: { status: Status }) {
  const { breaker, scope } = status;
  if (breaker === null) return <p class="problem">The state of the circuit breaker could not be read.</p>;
  if (breaker.latch === 'ARMED')
    return (
      <div class="control">
        <p>Armed on the {scope} account.</p>
        <Action
          label="Trip"
          title="Trip the circuit breaker"
          meaning="Stops new exposure now; open positions keep their stops. Resuming takes two people."
          request={{ act: 'trip', scope }}
        />
      </div>
    );
  const { resetRequest } = breaker;
  return (
    <div class="control">
      <p>
        Tripped at {instant(breaker.trippedAtMs)} UTC on the {scope} account.{' '}
        {resetRequest === null
          ? 'No reset is requested.'
          : `${actor(resetRequest.operator)} requested a reset: ${resetRequest.reason}. Another person approves it within the hour.`}
      </p>
      <Action
        label="Request a reset"
        title="Request a reset of the circuit breaker"
        meaning="The first of two steps. Another person approves it; the flags stay closed until an operator opens them."
        request={{ act: 'request_reset', scope }}
        isRisky
      />
      {resetRequest !== null && (
        <Action
          label="Approve the reset"
          title="Approve the reset of the circuit breaker"
          meaning={`Arms it again, as ${actor(resetRequest.operator)} asked, if every cause is cleared.`}
          request={{ act: 'approve_reset', scope }}
          isRisky
        />
      )}
    </div>
  );
}

export function LevelActions() {
  return (
    <div class="control">
      <Action
        label="Sign off as technical lead"
        title="Sign off the next level as technical lead"
        meaning="One of the two signatures that the step to the next capital level needs."
        request={{ act: 'sign_off', role: 'technical_lead' }}
        isRisky
      />
      <Action
        label="Sign off as risk manager"
        title="Sign off the next level as risk manager"
        meaning="One of the two signatures that the step to the next capital level needs."
        request={{ act: 'sign_off', role: 'risk_manager' }}
        isRisky
      />
      <Action
        label="Advance"
        title="Advance one capital level"
        meaning="Needs its time at this level, a fresh GO and both signatures."
        request={{ act: 'advance' }}
        isRisky
      />
      <Action
        label="Step down"
        title="Step down one capital level"
        meaning="At once, and without any condition."
        request={{ act: 'step_down' }}
      />
    </div>
  );
}
