// A button that acts, after a dialog that says what it does and asks why. Its answer tells done, refused and unknown apart. Shown only
// to those whose token allows it.
import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { type ActionRequest, act, type Me, Refusal } from './api.ts';

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
}

/** Whose token it is, which says what it allows; and what opens the dialog. */
export const Operator = createContext<{ me: Me | undefined; ask: (asked: Asked) => void }>({
  me: undefined,
  ask: () => undefined,
});

interface Outcome {
  readonly kind: 'done' | 'refused' | 'unknown';
  readonly lines: readonly string[];
}

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
  onActed,
}: {
  token: string;
  me: Me | undefined;
  /** Another one opens the dialog. */
  asked: Asked | undefined;
  onActed: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | undefined>();
  useEffect(() => {
    if (asked === undefined) return;
    setOutcome(undefined);
    setReason('');
    dialog.current!.showModal();
  }, [asked]);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setOutcome(undefined);
    setOutcome(await perform(token, { ...asked!.request, reason: reason.trim() } as ActionRequest));
    setBusy(false);
    onActed();
  };
  const isDone = outcome?.kind === 'done';
  return (
    <dialog ref={dialog} aria-label={asked?.title ?? 'Action'} class="act">
      <form onSubmit={submit}>
        <h2>{asked?.title}</h2>
        <p>{asked?.meaning}</p>
        <label>
          Reason
          <input
            required
            maxLength={500}
            pattern=".*\S.*"
            value={reason}
            disabled={isDone}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        <p class="soft">Recorded in the audit trail as {me?.name}.</p>
        <div role="alert" class={`outcome ${outcome?.kind ?? ''}`}>
          {outcome?.lines.map((line) => (
            <p key={line}>{line}</p>
          ))}
        </div>
        <div class="buttons">
          <button type="button" onClick={() => dialog.current!.close()}>
            {isDone ? 'Close' : 'Cancel'}
          </button>
          {!isDone && (
            <button type="submit" class={asked?.isRisky ? 'risky' : 'primary'} disabled={busy}>
              {busy ? 'Working …' : 'Confirm'}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

async function perform(token: string, request: ActionRequest): Promise<Outcome> {
  try {
    const { outcome, done, refused, failures } = await act(token, request);
    if (outcome === 'done') return { kind: 'done', lines: ['Done.', ...done] };
    if (outcome === 'refused')
      return { kind: 'refused', lines: [`Refused, nothing was changed: ${refused}`] };
    return {
      kind: 'unknown',
      lines: ['Not known to be complete. Look before you repeat it:', ...failures, ...done],
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof Refusal && error.status < 500
      ? { kind: 'refused', lines: [`Refused, nothing was changed: ${message}`] }
      : {
          kind: 'unknown',
          lines: [`No answer: ${message}`, 'It may have been done. Look before you repeat it.'],
        };
  }
}
