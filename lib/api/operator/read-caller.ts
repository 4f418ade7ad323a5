// Who called, by what AWS has verified. Lambda fills the principal in after it has checked the signature and the permission; nothing
// that the caller sends gets there.
import type { Actor } from '../../core/actor.ts';
import { failure, type Result, success } from '../../core/result.ts';

const USER = /^arn:aws[a-z-]*:iam::(\d{12}):user\/(?:[^/]+\/)*([^/]+)$/;
const SESSION = /^arn:aws[a-z-]*:sts::(\d{12}):assumed-role\/[^/]+\/([^/]+)$/;
/** Names that tools and services give to a session when nobody does: they name no person. */
const NOBODY = /^(i-[0-9a-f]{8,}|botocore-session-\d+|aws-(go-)?sdk.*|AWSCLI-Session|session|default)$/i;

/**
 * The person behind an IAM principal: the user, or the session name of an assumed role, which the roles' trust policies must tie to
 * the person (docs/SECURITY.md). The same name in two roles is one person.
 * @param account whose principals are believed: anybody can make a principal of any name in an account of his own
 */
export function readCaller(userArn: string, account: string): Result<Actor, string> {
  const [, ofAccount, name] = USER.exec(userArn) ?? SESSION.exec(userArn) ?? [];
  if (ofAccount === undefined || name === undefined)
    return failure(`${userArn} is neither a user nor the session of a role`);
  if (ofAccount !== account) return failure(`${userArn} is of another account`);
  if (NOBODY.test(name)) return failure(`the session name ${name} names no person: set it to your own name`);
  return success({ name, proven: true, via: userArn });
}
