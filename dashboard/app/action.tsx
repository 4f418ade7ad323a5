// A button that acts, after a dialog. Shown only to those whose token allows it.
import { createContext } from 'preact';
import { useContext, useState } from 'preact/hooks';
import { type ActionRequest, act, type Me } from './api.ts';
import { type Outcome, outcomeOf, ReasonDialog } from './dialog.tsx';

type Act = ActionRequest['act'];
/** An action but for its reason, which the dialog asks for. */
type Unreasoned<Request> = Request extends unknown ? Omit<Request, 'reason'> : never;

export interface Asked {
  readonly title: string;
  /** What it does, in a sentence. */
  readonly meaning: string;
  readonly request: Unreasoned<ActionRequest>;
  /** It opens something. */
  readonly isRisky?: boolean;
  /** The dialog asks for the `value` of the request, which says what stands there now. */
  readonly value?: { readonly pattern: string; readonly allowed: string };
}

/** Whose token it is, which says what it allows; and what opens the dialog. */
export const Operator = createContext<{ me: Me | undefined; ask: (asked: Asked) => void }>({
  me: undefined,
  ask: () => undefined,
});

const APPROVALS: readonly Act[] = ['approve_reset', 'sign_off'];

const isAllowed = (me: Me | undefined, name: Act): boolean =>
  me !== undefined && me.role === (APPROVALS.includes(name) ? 'approver' : 'operator');

export function Action({ label, ...asked }: Asked & { label: string }) {
  const { me, ask } = useContext(Operator);
  if (!isAllowed(me, asked.request.act)) return null;
  return (
    <button
      type="button"
      class={asked.isRisky ? 'risky' : ''}
      // Whoever speaks to the page says what stands on the button.
      aria-label={asked.title.includes(label) ? asked.title : `${label}: ${asked.title}`}
      onClick={() => ask(asked)}
    >
      {label}
    </button>
  );
}

/** Apart from the buttons: one that goes away, because what it changes has changed, takes no answer with it. */
export function ActionDialog({
  token,
  me,
  asked,
  onClose,
  onActed,
}: {
  token: string;
  me: Me | undefined;
  /** undefined: nothing is asked. */
  asked: Asked | undefined;
  onClose: () => void;
  onActed: () => void;
}) {
  const [value, setValue] = useState<{ of: Asked; text: string } | undefined>();
  // What was asked last stays while the dialog closes.
  const [shown, setShown] = useState<Asked | undefined>();
  if (asked !== undefined && asked !== shown) setShown(asked);
  const text =
    value !== undefined && value.of === shown
      ? value.text
      : shown !== undefined && 'value' in shown.request
        ? shown.request.value
        : '';
  return (
    <ReasonDialog
      isOpen={asked !== undefined}
      title={shown?.title ?? 'Action'}
      meaning={shown?.meaning ?? ''}
      kind="act"
      submitLabel="Confirm"
      busyLabel="Working …"
      perform={(reason) =>
        perform(token, {
          ...{ ...shown!.request, reason },
          ...(shown!.value !== undefined && { value: text }),
        } as ActionRequest)
      }
      onClose={onClose}
      onPerformed={onActed}
    >
      {shown?.value !== undefined && (
        <label>
          Value: {shown.value.allowed}
          <input
            required
            inputMode="decimal"
            pattern={shown.value.pattern.slice(1, -1)}
            value={text}
            onInput={({ currentTarget }) => setValue({ of: shown, text: currentTarget.value })}
          />
        </label>
      )}
      <p class="soft">Recorded in the audit trail as {me?.name}.</p>
    </ReasonDialog>
  );
}

const perform = (token: string, request: ActionRequest): Promise<Outcome> =>
  outcomeOf(
    async () => {
      const { outcome, done, refused, failures } = await act(token, request);
      if (outcome === 'done') return { kind: 'done', lines: ['Done.', ...done] };
      if (outcome === 'refused')
        return { kind: 'refused', lines: [`Refused, nothing was changed: ${refused}`] };
      return {
        kind: 'unknown',
        lines: ['Not known to be complete. Look before you repeat it:', ...failures, ...done],
      };
    },
    { undone: 'nothing was changed', advice: 'It may have been done. Look before you repeat it.' },
  );
