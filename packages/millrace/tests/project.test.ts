import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type Environment, environmentSchema } from '../src/worker/environment.ts';
import { defineProject, loadProject } from '../src/worker/project.ts';
import { resolveSecrets, secretVariables } from '../src/worker/secrets.ts';

const dev: Environment = {
  name: 'dev',
  temporal: { address: '127.0.0.1:7233', namespace: 'default', taskQueue: 'shop' },
  worker: { maxConcurrentActivities: 4, maxConcurrentWorkflowTasks: 10, maxCachedWorkflows: 20, shutdownGrace: '10s' },
  retry: { attempts: 3, backoff: '1s' },
  secrets: ['LAKE_KEY', 'ORDERS_PASSWORD'],
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-project-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function projectFolder(name: string, manifest: unknown, files: Readonly<Record<string, string>> = {}) {
  const root = join(folder, name);
  await mkdir(join(root, 'deep', 'er'), { recursive: true });
  await writeFile(join(root, 'package.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  for (const [file, content] of Object.entries(files)) await writeFile(join(root, file), content);
  return root;
}

describe('environments', () => {
  it('gives the checked settings, of a value or of a function of the variables', () => {
    const project = defineProject({
      environments: {
        dev,
        qa: (variables) => ({ ...dev, name: 'qa', temporal: { ...dev.temporal, address: variables.QA_ADDRESS ?? '' } }),
      },
      dags: [],
    });
    expect(project.environmentNames).toEqual(['dev', 'qa']);
    expect(project.environment('dev')).toEqual(dev);
    expect(project.environment('qa', { QA_ADDRESS: 'qa.example:7233' }).temporal.address).toBe('qa.example:7233');
  });

  it('names every wrong setting of an environment at once', () => {
    const wrong = {
      ...dev,
      temporal: { address: '', namespace: '', taskQueue: 'shop', apiKey: 'TEMPORAL_KEY' },
      worker: { ...dev.worker, maxConcurrentActivities: 0, shutdownGrace: '10 seconds' },
    } as unknown as Environment;
    const project = defineProject({ environments: { dev: wrong }, dags: [] });
    expect(() => project.environment('dev')).toThrow(
      expect.objectContaining({
        code: 'MR5001',
        retryable: false,
        message: expect.stringContaining('Environment dev'),
        facts: expect.objectContaining({
          faults: expect.arrayContaining([
            expect.objectContaining({ setting: 'temporal.address', problem: 'must not be empty' }),
            expect.objectContaining({ setting: 'temporal.namespace' }),
            expect.objectContaining({ setting: 'worker.maxConcurrentActivities' }),
            expect.objectContaining({ setting: 'worker.shutdownGrace', problem: expect.stringContaining('30s') }),
          ]),
        }),
      }),
    );
  });

  it('refuses an API key that is not among the secrets, a wrong name and a secret named twice', () => {
    const wrong = {
      ...dev,
      name: 'prod',
      temporal: { ...dev.temporal, apiKey: 'CLOUD' },
      secrets: ['A', 'B', 'A', 'A'],
    };
    const project = defineProject({ environments: { dev: wrong }, dags: [] });
    expect(() => project.environment('dev')).toThrow(
      /3 wrong settings: name: is "prod".*temporal\.apiKey: names "CLOUD".*secrets: "A" is named twice/,
    );
  });

  it("checks the project's own settings by its schema, and refuses unknown ones", () => {
    const schema = environmentSchema.extend({ bucket: z.string().min(3) });
    const environments = {
      dev: { ...dev, bucket: 'shop' },
      short: { ...dev, name: 'short', bucket: 'x' },
      typo: { ...dev, name: 'typo', bucket: 'shop', buckett: 'shop' },
    };
    const project = defineProject({ environments, schema, dags: [] });
    expect(project.environment('dev')).toMatchObject({ bucket: 'shop' });
    expect(() => project.environment('short')).toThrow(/Environment short has a wrong setting: bucket:/);
    expect(() => project.environment('typo')).toThrow(/buckett: there is no such setting/);
  });

  it('names the environments that there are', () => {
    const project = defineProject({ environments: { dev }, dags: [] });
    for (const name of ['prod', 'toString']) {
      expect(() => project.environment(name)).toThrow(
        expect.objectContaining({
          code: 'MR5002',
          subject: name,
          hint: expect.stringContaining('The project has dev'),
        }),
      );
    }
  });

  it('hands the checked environment and the secrets to the services', async () => {
    const project = defineProject({
      environments: { dev },
      dags: [],
      services: async (environment, secrets) => ({
        services: { greeting: `${environment.name} ${secrets.get('LAKE_KEY')}` },
        close: async () => undefined,
      }),
    });
    const secrets = await resolveSecrets('dev', ['LAKE_KEY'], { LAKE_KEY: 'k' });
    const running = await project.services(project.environment('dev'), secrets);
    expect(running.services).toEqual({ greeting: 'dev k' });
  });
});

describe('secrets', () => {
  it('looks in its own variable, in that of its name, and in files, in this order', async () => {
    expect(secretVariables('orders-password')).toEqual([
      'MILLRACE_SECRET_ORDERS_PASSWORD',
      'orders-password',
      'ORDERS_PASSWORD',
      'MILLRACE_SECRET_ORDERS_PASSWORD_FILE',
      'orders-password_FILE',
      'ORDERS_PASSWORD_FILE',
    ]);
    const file = join(folder, 'secret');
    await writeFile(file, ' from file \n');
    const from = async (variables: Record<string, string>) =>
      (await resolveSecrets('dev', ['KEY'], variables)).get('KEY');
    expect(await from({ MILLRACE_SECRET_KEY: 'own', KEY: 'plain', KEY_FILE: file })).toBe('own');
    expect(await from({ MILLRACE_SECRET_KEY: '', KEY: 'plain', KEY_FILE: file })).toBe('plain');
    expect(await from({ KEY_FILE: file })).toBe(' from file ');
  });

  it('names every missing secret before anything starts', async () => {
    const empty = join(folder, 'empty');
    await writeFile(empty, '\n');
    const variables = { PRESENT: 'x', EMPTY: '', GONE_FILE: join(folder, 'gone'), BLANK_FILE: empty };
    await expect(
      resolveSecrets('prod', ['PRESENT', 'MISSING', 'EMPTY', 'GONE', 'BLANK'], variables),
    ).rejects.toMatchObject({
      code: 'MR5003',
      subject: 'prod',
      message:
        'Environment prod lacks 4 secrets: MISSING, EMPTY, GONE (the file in GONE_FILE cannot be read: ENOENT), BLANK (the file in BLANK_FILE is empty).',
      hint: expect.stringContaining('MILLRACE_SECRET_MISSING'),
    });
  });

  it('refuses a secret that the environment does not name', async () => {
    const secrets = await resolveSecrets('dev', ['KEY'], { KEY: 'x', OTHER: 'y' });
    expect(() => secrets.get('OTHER')).toThrow(expect.objectContaining({ code: 'MR5004', subject: 'OTHER' }));
  });

  it('never shows a value when printed or serialised', async () => {
    const secrets = await resolveSecrets('dev', ['KEY'], { KEY: 'hunter2' });
    for (const text of [inspect(secrets), inspect({ a: [secrets] }), JSON.stringify(secrets), `${secrets}`]) {
      expect(text).toContain('KEY');
      expect(text).not.toContain('hunter2');
    }
  });
});

describe('loadProject', () => {
  const config = `export default ${JSON.stringify({ __millraceProject: true, dags: [], environmentNames: ['dev'] })};`;

  it('finds the project of the folder or of one above it', async () => {
    const root = await projectFolder('found', { millrace: { project: './config.mjs' } }, { 'config.mjs': config });
    await writeFile(join(root, 'deep', 'package.json'), '{ "name": "without-project" }');
    const loaded = await loadProject(join(root, 'deep', 'er'));
    expect(loaded).toMatchObject({ root, file: join(root, 'config.mjs'), project: { environmentNames: ['dev'] } });
  });

  it('says so when no package.json names a project, or when it is not JSON', async () => {
    await expect(loadProject(folder)).rejects.toMatchObject({ code: 'MR5005', subject: folder });
    const broken = await projectFolder('broken', '{ "millrace": ');
    await expect(loadProject(broken)).rejects.toMatchObject({ code: 'MR5005', subject: join(broken, 'package.json') });
  });

  it('tells a project that was not built from one that fails while loading', async () => {
    const manifest = { millrace: { project: './dist/config.mjs' } };
    const unbuilt = await projectFolder('unbuilt', manifest);
    await expect(loadProject(unbuilt)).rejects.toMatchObject({
      code: 'MR5006',
      hint: expect.stringContaining('build'),
    });
    const files = { 'config.mjs': "import './missing.mjs';" };
    const failing = await projectFolder('failing', { millrace: { project: './config.mjs' } }, files);
    await expect(loadProject(failing)).rejects.toMatchObject({ code: 'MR5007', subject: join(failing, 'config.mjs') });
  });

  it('lets the coded error of a DAG through as it is', async () => {
    const thrown = 'throw Object.assign(new Error("bad DAG"), { __millraceError: true, code: "MR1001" });';
    const root = await projectFolder('bad-dag', { millrace: { project: './config.mjs' } }, { 'config.mjs': thrown });
    await expect(loadProject(root)).rejects.toMatchObject({ code: 'MR1001', message: 'bad DAG' });
  });

  it('refuses a default export that is no project', async () => {
    const files = { 'config.mjs': 'export default { dags: [] };' };
    const root = await projectFolder('no-project', { millrace: { project: './config.mjs' } }, files);
    await expect(loadProject(root)).rejects.toMatchObject({ code: 'MR5008' });
  });
});
