// The version of the running code. infra/constructs/bundle-function.ts stamps it into every bundle, as part of the code rather than as
// a setting, so that version and code always change together.

declare const QT_CODE_VERSION: string | undefined;

/** `local` where all functions run in one process, and so at one version. */
export const CODE_VERSION = typeof QT_CODE_VERSION === 'string' ? QT_CODE_VERSION : 'local';
