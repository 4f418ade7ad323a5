// Where the emulator is not AWS: what a test asks of AWS, and what the emulator does instead. Such a test must fail on it; once it
// passes, its entry is outdated and the run fails.

/** By the test's full name. */
export const LAXNESS: Readonly<Record<string, string>> = {
  'S3: moto > refuses a body that does not have the announced checksum or MD5, and stores nothing':
    'compares no checksum of a body',
  'S3: moto > keeps every version, and brings the one before back when the newest is deleted':
    'answers NoSuchVersion, not InvalidArgument, to what is no version id',
  'S3: moto > hides a deleted object behind a marker and keeps its versions':
    'answers NoSuchVersion, not MethodNotAllowed, to the version of a delete marker',
  'S3: moto > takes keys that no file system takes as paths': 'takes keys of more than 1024 bytes',
  'Parameter Store: moto > keeps the history, and serves a version by number':
    'names no selector in its answer',
  'Parameter Store: moto > checks values: pattern, length, emptiness': 'ignores AllowedPattern',
  'Parameter Store: moto > refuses the name "a b"': 'takes any character in a name',
  'Parameter Store: moto > refuses the name "ä"': 'takes any character in a name',
  'Parameter Store: moto > refuses the name "double//slash"': 'takes empty parts of a name',
  'Parameter Store: moto > refuses the name "deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/er"':
    'takes a name of any depth',
  'Parameter Store: moto > lists by path, one level or all, page by page': 'ignores MaxResults',
  'Parameter Store: moto > shows a SecureString only to those who ask for its plain text': 'encrypts nothing',
};

/** What no test shows, because the emulator knows nothing of it. */
export const UNKNOWN: readonly string[] = [
  'IAM: every call is allowed; the tests put the permissions of the templates in front of it',
  'bucket policies: it ignores their conditions, so that a denial of plain HTTP would deny everything; none is created',
  'encryption, lifecycle rules, deletion protection and time to live: stored at most, without effect',
  'conditional writes that arrive at the same time: it serves one request after the other here, and is no single step otherwise',
  'indexes, lists and reads that lag, throttling, lost answers: it is consistent at once (test/infra/lost-answers.test.ts has them)',
];
