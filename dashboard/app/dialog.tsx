// A dialog that says what is about to be done and asks why. Its answer tells done, incomplete, refused and unknown apart.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Refusal } from './api.ts';

export interface Outcome {
  readonly kind: 'done' | 'incomplete' | 'refused' | 'unknown';
  readonly lines: readonly string[];
}

/** @param isOpen opens it, each time anew */
export function ReasonDialog({
  isOpen,
  title,
  meaning,
  kind,
  children,
  submitLabel,
  busyLabel,
  perform,
  onClose,
  onPerformed,
}: {
  isOpen: boolean;
  title: string;
  meaning: string;
  kind: 'act' | 'stop';
  /** What is asked for besides the reason. */
  children?: ComponentChildren;
  submitLabel: string;
  busyLabel: string;
  perform: (reason: string) => Promise<Outcome>;
  onClose: () => void;
  onPerformed: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | undefined>();
  useEffect(() => {
    if (!isOpen) return;
    setOutcome(undefined);
    setReason('');
    dialog.current!.showModal();
  }, [isOpen]);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    // What an earlier attempt was told is not about this one.
    setOutcome(undefined);
    setOutcome(await perform(reason.trim()));
    setBusy(false);
    onPerformed();
  };
  const isDone = outcome?.kind === 'done';
  return (
    <dialog ref={dialog} aria-label={title} class={kind} onClose={onClose}>
      <form onSubmit={submit}>
        <h2>{title}</h2>
        <p>{meaning}</p>
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
        {children}
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
            <button type="submit" class={kind === 'stop' ? 'stop' : 'primary'} disabled={busy}>
              {busy ? busyLabel : submitLabel}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

/**
 * What a request comes to when it is refused or has no answer: then it may have been carried out all the same.
 * @param undone e.g. `nothing was changed`
 * @param advice what to do while that is not known
 */
export async function outcomeOf(
  request: () => Promise<Outcome>,
  { undone, advice }: { undone: string; advice: string },
): Promise<Outcome> {
  try {
    return await request();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof Refusal && error.status < 500
      ? { kind: 'refused', lines: [`Refused, ${undone}: ${message}`] }
      : { kind: 'unknown', lines: [`No answer: ${message}`, advice] };
  }
}
