import { join } from 'node:path';
import { projectRoot } from '../project-root.ts';
import type { Report } from './cache.ts';
import { provideGoProgram } from './go-program.ts';
import { temporalCli, versitygw } from './programs.ts';
import { type PythonEnvironment, providePython } from './python.ts';

export interface Components {
  readonly temporal: string;
  readonly versitygw: string;
  readonly python: string;
  readonly duckdbExtensions: string;
}

/** Provides all programs that the stack runs, side by side. Postgres is looked for when it is started. */
export async function provideComponents(report: Report): Promise<Components> {
  const [temporal, s3, python] = await Promise.all([
    provideGoProgram(temporalCli, report),
    provideGoProgram(versitygw, report),
    providePythonEnvironment(report),
  ]);
  return { temporal, versitygw: s3, ...python };
}

/** The Python environment of dbt and the Delta writer. Throws MR5102, MR5103. */
export function providePythonEnvironment(report: Report): Promise<PythonEnvironment> {
  return providePython(join(projectRoot(), 'python', 'requirements.txt'), report);
}
