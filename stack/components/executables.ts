import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';

/** Every executable file of this name on PATH and then in the other folders, in that order. */
export function findExecutables(name: string, otherFolders: readonly string[] = []): readonly string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...otherFolders];
  return [...new Set(folders.filter((folder) => folder !== '').map((folder) => join(folder, name)))].filter(
    isExecutable,
  );
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export type Version = readonly [major: number, minor: number, patch: number];

/** The version that a program prints, read with a pattern of three groups (the last may be missing). */
export async function programVersion(
  program: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<Version | undefined> {
  const { stdout, stderr } = await execa(program, [...args], { reject: false, timeout: 30_000 });
  const match = pattern.exec(`${stdout}\n${stderr}`);
  return match === null ? undefined : [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)];
}

/** The same version or a newer one of the same major. */
export function isCompatible(found: Version, wanted: Version): boolean {
  return found[0] === wanted[0] && compareVersions(found, wanted) >= 0;
}

export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** Folders below a parent, newest version first: `/usr/lib/postgresql/*` and the like. */
export function versionedFolders(parent: string): readonly string[] {
  try {
    return readdirSync(parent)
      .sort((a, b) => Number.parseFloat(b) - Number.parseFloat(a))
      .map((entry) => join(parent, entry));
  } catch {
    return [];
  }
}
