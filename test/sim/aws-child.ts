// The embedded endpoints in a process of their own, to be killed: node --import tsx aws-child.ts <state folder>
import { startEmbeddedAws } from '../../local/aws/embedded-aws.ts';

const [, , stateDir] = process.argv;
const { endpoints } = await startEmbeddedAws({ stateDir: stateDir! });
process.stdout.write(`${JSON.stringify({ endpoints })}\n`);
