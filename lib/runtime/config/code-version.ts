// Which code this is: stamped into every bundle by infra/constructs/bundle-function.ts, as part of the code and not as a setting, so that
// there is no moment at which the one is new and the other old.

declare const QT_CODE_VERSION: string | undefined;

/** On a machine where all functions are one process, they are one version. */
export const CODE_VERSION = typeof QT_CODE_VERSION === 'string' ? QT_CODE_VERSION : 'local';
