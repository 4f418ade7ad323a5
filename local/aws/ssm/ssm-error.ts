// The refusals of the embedded Parameter Store, as AWS names them.

export type SsmErrorCode =
  | 'AccessDeniedException'
  | 'HierarchyLevelLimitExceededException'
  | 'InternalServerError'
  | 'ParameterAlreadyExists'
  | 'ParameterNotFound'
  | 'ParameterPatternMismatchException'
  | 'ParameterVersionNotFound'
  | 'SerializationException'
  | 'ThrottlingException'
  | 'UnknownOperationException'
  | 'UnrecognizedClientException'
  | 'ValidationException';

export class SsmError extends Error {
  override readonly name = 'SsmError';
  readonly code: SsmErrorCode;
  constructor(code: SsmErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
