import { execa } from 'execa';
import { stackError } from '../errors.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Postgres refuses to run as root: then it runs as `postgres`, or else `nobody`. Undefined when we are not root.
 * @throws MR5107 when there is no such account.
 */
export async function databaseAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => execa('id', [flag, name], { reject: false })));
    if (uid !== undefined && gid !== undefined && !uid.failed && !gid.failed) {
      return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
    }
  }
  throw stackError({
    code: 'MR5107',
    message: 'Postgres does not run as root, and there is neither an account `postgres` nor `nobody`.',
    subject: 'postgres',
    hint: 'Start as another user, or make an account named postgres.',
  });
}

/** Whether the account can enter every folder on the way and do to the path what `test` is asked (`-x`, `-w`, ...). */
export async function canReach(account: Account | undefined, path: string, how: '-x' | '-w'): Promise<boolean> {
  const { failed } = await execa('/bin/sh', ['-c', `test ${how} "$1"`, 'sh', path], {
    reject: false,
    cwd: '/',
    ...asAccount(account),
  });
  return !failed;
}

export function asAccount(account: Account | undefined): { readonly uid?: number; readonly gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}
