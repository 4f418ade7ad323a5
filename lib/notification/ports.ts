// What notifying needs from outside.
import type { Notifier } from '../risk/ports.ts';
import type { ReceiverKind, ReceiverSettings } from './receiver-settings.ts';

/** The settings of receivers, encrypted, as text. Throws StoreError. */
export interface ReceiverStore {
  /** Those that are set. */
  read(): Promise<ReadonlyMap<ReceiverKind, string>>;
  write(kind: ReceiverKind, text: string): Promise<void>;
  /** With every earlier version. A receiver that is not set is none. */
  remove(kind: ReceiverKind): Promise<void>;
}

/** Opens a receiver. Its notifier is bounded in time, and throws DeliveryError. */
export type OpenReceiver = (settings: ReceiverSettings) => Notifier;
