import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { stackError } from '../errors.ts';

const extensions = ['httpfs', 'delta', 'tpcds', 'postgres_scanner'];

/** Asks DuckDB itself where it will look: `<folder>/<version>/<platform>/<name>.duckdb_extension`. */
const where = `
import duckdb, json, sysconfig
platform, version = duckdb.connect().execute("select (select platform from pragma_platform()), library_version from pragma_version()").fetchone()
print(json.dumps({"platform": platform, "version": version, "packages": sysconfig.get_paths()["purelib"]}))
`;

const answer = z.object({ platform: z.string(), version: z.string(), packages: z.string() });

/**
 * Lays the extensions that came as Python packages out as DuckDB's `extension_directory`, so that nothing is downloaded
 * from DuckDB's own host.
 * @throws MR5103 when a package does not hold its extension.
 */
export async function linkExtensions(python: string, folder: string): Promise<void> {
  const { stdout } = await execa(python, ['-c', where]);
  const { platform, version, packages } = answer.parse(JSON.parse(stdout));
  const target = join(folder, version, platform);
  mkdirSync(target, { recursive: true });
  for (const name of extensions) {
    const file = join(packages, `duckdb_extension_${name}`, 'extensions', version, `${name}.duckdb_extension`);
    if (!existsSync(file)) {
      throw stackError({
        code: 'MR5103',
        message: `The Python package duckdb-extension-${name} holds no extension for DuckDB ${version}.`,
        subject: file,
        hint: 'Give duckdb and its extension packages the same version in python/requirements.txt.',
        facts: { extension: name, version, platform },
      });
    }
    const link = join(target, `${name}.duckdb_extension`);
    rmSync(link, { force: true });
    symlinkSync(file, link);
  }
}
