import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { execaSync } from 'execa';
import { parse } from 'yaml';
import { projectRoot } from '../stack/project-root.ts';

const root = projectRoot();
const tracked = execaSync('git', ['ls-files'], { cwd: root }).stdout.split('\n');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;

describe('error codes', () => {
  const sources = tracked.filter(
    (path) => /\.(ts|py|mjs)$/.test(path) && !/(^|\/)(tests|bench)\/|\.test\.ts$/.test(path),
  );
  const quoted = sources.flatMap((path) =>
    [...read(path).matchAll(/['"](MR\d{4})['"]/g)].map((match) => match[1] ?? ''),
  );
  const codes = [...new Set(quoted)].sort();
  const pages = readdirSync(join(root, 'docs/errors')).filter((name) => /^MR\d{4}\.md$/.test(name));

  it('have a page each, and each page a code', () => {
    expect(codes.length).toBeGreaterThan(60);
    expect(pages.map((name) => name.slice(0, 6)).sort()).toEqual(codes);
  });

  it.each(pages)('%s says what happened, why, and what to do', (page) => {
    const text = read(`docs/errors/${page}`);
    expect(text).toMatch(new RegExp(`^# ${page.slice(0, 6)}\\b`));
    expect(text).toMatch(/What happened/);
    expect(text).toMatch(/Why/);
    expect(text).toMatch(/What to do/);
  });
});

describe('documentation', () => {
  const pages = tracked.filter((path) => path.endsWith('.md'));

  it.each(pages)('the links of %s lead somewhere', (page) => {
    const targets = [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) => match[1] ?? '');
    const known = new Set(tracked.flatMap((path) => [path, ...parents(path)]));
    const broken = targets.filter((target) => !known.has(normalize(join(dirname(page), target)).replace(/\/$/, '')));
    expect(broken).toEqual([]);
  });

  it('shows the examples as they are compiled', () => {
    const shown = pages.flatMap((page) =>
      [...read(page).matchAll(/<!-- example: (\S+) -->\n```ts\n([\s\S]*?)```/g)].map(([, path = '', code = '']) => ({
        path,
        code,
      })),
    );
    expect(shown.length).toBeGreaterThan(0);
    for (const { path, code } of shown) expect(code).toBe(read(path));
  });

  it('names only npm scripts that exist', () => {
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([a-z][a-z:-]*)/g)].map((match) => match[1] ?? ''),
    );
    expect([...new Set(named)].filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('continuous integration and containers', () => {
  const workflows = tracked.filter((path) => path.startsWith('.github/workflows/'));

  it('calls what a person calls', () => {
    expect(workflows.map((path) => path.split('/').at(-1)).sort()).toEqual([
      'ci.yml',
      'deploy-prod.yml',
      'deploy-qa.yml',
    ]);
    for (const path of workflows) {
      const { jobs } = parse(read(path)) as { jobs: Record<string, { steps: { run?: string }[] }> };
      const commands = Object.values(jobs).flatMap(({ steps }) => steps.flatMap((step) => step.run ?? []));
      expect(commands).toContain('bash .ci/run');
      for (const command of commands) {
        if (command === 'npm ci' || command === 'bash .ci/run') continue;
        const script = /^npm run ([a-z]+)( -- .*)?$/.exec(command)?.[1] ?? `not an npm script: ${command}`;
        expect(Object.keys(scripts)).toContain(script);
      }
    }
  });

  it.each([
    ['qa', 'staging'],
    ['prod', 'main'],
  ])('deploys to %s from %s after the tests, in the environment that asks for approval', (name, branch) => {
    const workflow = parse(read(`.github/workflows/deploy-${name}.yml`)) as {
      on: { push: { branches: string[] } };
      jobs: { deploy: { needs: string; environment: string } };
    };
    expect(workflow.on.push.branches).toEqual([branch]);
    expect(workflow.jobs.deploy).toMatchObject({ needs: 'test', environment: name });
  });

  it('says what a deploy would do, in order', () => {
    const { stdout } = execaSync(process.execPath, ['scripts/deploy.mjs', '--env', 'qa', '--dry-run'], {
      cwd: root,
      env: { MILLRACE_IMAGE: 'retail:1' },
    });
    const commands = stdout.split('\n').filter((line) => line.startsWith('  '));
    expect(commands.map((line) => /validate|docker \S+|schedule/.exec(line)?.[0])).toEqual([
      'validate',
      'docker build',
      'docker push',
      'docker compose',
      'schedule',
    ]);
  });

  it('has the whole stack in docker-compose, on loopback, without a known password', () => {
    const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
      services: Record<string, { ports?: string[]; environment?: Record<string, string> }>;
    };
    expect(Object.keys(services).sort()).toEqual(['kafka', 'postgres', 's3', 'sources', 'temporal', 'worker']);
    for (const { ports = [], environment = {} } of Object.values(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const [name, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|ACCESS_KEY/.test(name)) expect(value).toMatch(/^\$\{[A-Z_]+:\?\}$/);
      }
    }
  });
});

describe('source files', () => {
  it('hold one idea each: none is longer than 400 lines', () => {
    const long = tracked
      .filter((path) => /\.(ts|mjs|py)$/.test(path))
      .filter((path) => read(path).split('\n').length > 401);
    expect(long).toEqual([]);
  });
});

function parents(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [parent, ...parents(parent)];
}
