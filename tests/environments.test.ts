import { describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import project from '../millrace.config.ts';
import { projectRoot } from '../stack/project-root.ts';

const hosted = { MILLRACE_TEMPORAL_ADDRESS: 'temporal.example:7233', MILLRACE_SOURCE_HOST: 'orders.example' };

describe('environments', () => {
  it('dev needs nothing but its defaults', () => {
    expect(project.environment('dev', { MILLRACE_ENDPOINTS: '/nowhere' })).toMatchObject({
      name: 'dev',
      temporal: { address: '127.0.0.1:7233', namespace: 'default' },
    });
  });

  it.each(['qa', 'prod'])('%s names every setting that is missing', (name) => {
    let thrown: unknown;
    try {
      project.environment(name, {});
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'MR5001',
      retryable: false,
      message: expect.stringMatching(/temporal\.address.*sources\.postgres\.host/s),
    });
  });

  it.each(['qa', 'prod'])('the worker of %s refuses to start without its secrets and names them', async (name) => {
    const result = await execa(process.execPath, ['packages/millrace/bin/millrace.js', 'worker', '--env', name], {
      cwd: projectRoot(),
      env: { PATH: process.env.PATH ?? '', ...hosted, MILLRACE_SECRET_LAKE_ACCESS_KEY_ID: 'there' },
      extendEnv: false,
      reject: false,
    });
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toMatch(/MR5003/);
    for (const secret of ['TEMPORAL_API_KEY', 'LAKE_SECRET_ACCESS_KEY', 'SOURCE_POSTGRES_PASSWORD', 'ALERT_WEBHOOK']) {
      expect(result.stderr).toContain(secret);
    }
    expect(result.stderr).not.toMatch(/lacks[^.]*LAKE_ACCESS_KEY_ID/);
    expect(result.stderr).not.toContain('there,');
  });

  it('prod retries more patiently and works wider than dev', () => {
    const dev = project.environment('dev', {});
    const prod = project.environment('prod', hosted);
    expect(prod.retry.attempts).toBeGreaterThan(dev.retry.attempts);
    expect(prod.worker.maxConcurrentActivities).toBeGreaterThan(dev.worker.maxConcurrentActivities);
    expect(prod.temporal.taskQueue).not.toBe(dev.temporal.taskQueue);
  });
});
