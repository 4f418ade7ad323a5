// When a conditional request of S3's goes through.
import { S3Error } from './s3-error.ts';
import type { DataVersion } from './s3-record.ts';

export interface WriteCondition {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** Does an If-Match or If-None-Match header name this MD5? */
export const matchesEtag = (header: string, md5: string): boolean => header.replace(/^"(.*)"$/, '$1') === md5;

/** Throws PreconditionFailed, and NoSuchKey where there is nothing that could match. */
export function checkCondition(
  { ifMatch, ifNoneMatch }: WriteCondition,
  current: DataVersion | undefined,
): void {
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error(
      'NotImplemented',
      'A header you provided implies functionality that is not implemented: If-None-Match',
    );
  }
  if (ifMatch !== undefined && current === undefined) throw notFound(undefined);
  const isMet =
    (ifNoneMatch === undefined || current === undefined) &&
    (ifMatch === undefined || (current !== undefined && matchesEtag(ifMatch, current.md5)));
  if (!isMet) {
    throw new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
}

export function notFound(versionId: string | undefined): S3Error {
  return versionId === undefined
    ? new S3Error('NoSuchKey', 'The specified key does not exist.')
    : new S3Error('NoSuchVersion', 'The specified version does not exist.');
}
