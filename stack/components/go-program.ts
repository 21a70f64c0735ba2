import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { stackError } from '../errors.ts';
import { withLock } from '../processes/lock.ts';
import { cacheDir, type Report } from './cache.ts';
import { findExecutables, isCompatible, isExecutable, programVersion, type Version } from './executables.ts';
import { type Release, unpackRelease } from './release.ts';

/** A program that its vendor releases as a binary and that can also be built from its Go module. */
export interface GoProgram {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly modulePath: string;
  /** What a program found on PATH must say of itself. */
  readonly installed: { readonly args: readonly string[]; readonly pattern: RegExp; readonly atLeast: Version };
  readonly release: Release | undefined;
}

/**
 * The program's path: from PATH, else from the cache, else from its vendor's release, else built from source.
 * @throws MR5101 when none of them is possible.
 */
export async function provideGoProgram(program: GoProgram, report: Report): Promise<string> {
  for (const candidate of findExecutables(program.name)) {
    const { args, pattern, atLeast } = program.installed;
    const version = await programVersion(candidate, args, pattern);
    if (version !== undefined && isCompatible(version, atLeast)) return candidate;
  }
  const bin = join(cacheDir(), 'bin');
  const cached = () => (isCached(program, bin) ? join(bin, program.name) : undefined);
  return (
    cached() ??
    (await withLock(
      join(bin, `.${program.name}.lock`),
      async () => cached() ?? (await install(program, bin, report)),
      (holder) => report(`waiting for process ${holder.pid}, which is installing ${program.title}`),
    ))
  );
}

async function install(program: GoProgram, bin: string, report: Report): Promise<string> {
  mkdirSync(bin, { recursive: true });
  if (program.release !== undefined) {
    report(`${program.title}: looking for the release ${program.version}`);
    const unpacked = await unpackRelease(program.release, program.name, bin);
    if (unpacked !== undefined) return remember(program, bin);
  }
  const go = findExecutables('go', ['/usr/local/go/bin'])[0];
  if (go === undefined) {
    throw stackError({
      code: 'MR5101',
      message: `${program.title} ${program.version} is not on PATH and its release could not be downloaded.`,
      subject: program.name,
      hint: `Put ${program.name} on PATH, or install Go 1.24 or newer so that it can be built from source.`,
      facts: { program: program.name, version: program.version, release: program.release?.archive },
    });
  }
  const source = `${program.modulePath}@v${program.version}`;
  report(`${program.title}: release not reachable, building ${source} (this takes minutes, once)`);
  const built = await execa(go, ['install', source], {
    env: { GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '' },
    all: true,
    reject: false,
  });
  if (built.failed) {
    throw stackError({
      code: 'MR5101',
      message: `${program.title} could not be built from ${source}: ${built.all.split('\n').slice(-5).join('\n')}`,
      subject: program.name,
      hint: `Put ${program.name} ${program.version} on PATH, or mend what the build complains of.`,
      facts: { program: program.name, version: program.version, output: built.all.slice(-4000) },
      cause: built.cause,
    });
  }
  return remember(program, bin);
}

function remember(program: GoProgram, bin: string): string {
  writeFileSync(versionFile(program, bin), program.version);
  return join(bin, program.name);
}

/** A program that somebody put into the cache by hand has no version file and is taken as it is. */
function isCached(program: GoProgram, bin: string): boolean {
  if (!isExecutable(join(bin, program.name))) return false;
  try {
    return readFileSync(versionFile(program, bin), 'utf8').trim() === program.version;
  } catch {
    return true;
  }
}

function versionFile(program: GoProgram, bin: string): string {
  return join(bin, `.${program.name}.version`);
}
