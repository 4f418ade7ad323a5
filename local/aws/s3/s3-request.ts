// One request to the embedded S3, and what it is served from.
import type { LocalRequest } from '../host/http-listener.ts';
import type { LaggingLists } from './lagging-lists.ts';
import type { S3Files } from './s3-files.ts';

export interface S3Request {
  readonly http: LocalRequest;
  readonly files: S3Files;
  readonly lists: LaggingLists;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
}
