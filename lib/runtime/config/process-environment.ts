// What the environment says of the process itself, beside the settings of its function.

/** What traces are searched by; `undefined` as text outside Lambda. */
export const traceIdentity = (): { stage: string; function: string } => ({
  stage: String(process.env.QT_STAGE),
  function: String(process.env.AWS_LAMBDA_FUNCTION_NAME),
});

/** QT_DEBUG=1 shows the stack of an unexpected error. */
export const isDebugging = (): boolean => process.env.QT_DEBUG === '1';

/** Where `cdk` deploys to, by the credentials and the region it found; undefined without them. */
export const deployTarget = (): { account: string | undefined; region: string | undefined } => ({
  account: process.env.CDK_DEFAULT_ACCOUNT,
  region: process.env.CDK_DEFAULT_REGION,
});
