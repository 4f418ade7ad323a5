// What people are told, before it takes the form of a receiver.

export interface Notification {
  readonly subject: string;
  /** Lines, the most important first: where there is no room for all, the last are left out. */
  readonly text: string;
  /** What it tells of, for programs. @default nothing that they could tell apart */
  readonly kinds?: readonly string[];
}
