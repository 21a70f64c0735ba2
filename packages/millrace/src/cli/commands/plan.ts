import type { Command } from 'commander';
import type { Plan, PlanBody, PlanCondition, PlanNode } from '../../dag/plan.ts';
import { loadProject } from '../../worker/project.ts';
import { Registry } from '../../worker/registry.ts';
import { resolveSecrets } from '../../worker/secrets.ts';
import { exitCodes, type Io } from '../io.ts';
import { printJson, printLine } from '../output.ts';
import { type CommonOptions, environmentName, findDag } from '../session.ts';

interface ValidateOptions extends CommonOptions {
  readonly secrets: boolean;
}

export function addPlan(program: Command, io: Io, done: (code: number) => void): void {
  program
    .command('plan')
    .description('show the plan of a DAG as a tree, or with --json as the data that a run records')
    .argument('<dag>')
    .action(async (id: string, { json }: CommonOptions) => {
      const { project } = await loadProject(io.cwd);
      const { plan } = findDag(project, id);
      if (json) printJson(io, plan);
      else for (const line of planTree(plan)) printLine(io, line);
      done(exitCodes.success);
    });
  program
    .command('validate')
    .description('compile all DAGs, check the settings and the secrets of the environment; nothing is started')
    .option('--no-secrets', 'let secrets be missing')
    .action(async (options: ValidateOptions) => {
      await validate(io, options);
      done(exitCodes.success);
    });
}

/** Loading the project compiles every DAG: what is wrong with one is thrown there, with its MR1 code. */
async function validate(io: Io, options: ValidateOptions): Promise<void> {
  const { project } = await loadProject(io.cwd);
  const { dags: valid } = new Registry(project.dags);
  const environment = project.environment(environmentName(io, options), io.variables);
  if (options.secrets) await resolveSecrets(environment.name, environment.secrets, io.variables);
  const dags = [...valid.values()].map(({ id, plan }) => ({ dag: id, nodes: countNodes(plan), hash: plan.hash }));
  if (options.json) printJson(io, { environment: environment.name, dags });
  else {
    printLine(io, `Environment ${environment.name}: settings${options.secrets ? ' and secrets' : ''} are in order.`);
    for (const { dag, nodes, hash } of dags) printLine(io, `${dag}: ${nodes} nodes, plan ${hash.slice(0, 12)}`);
  }
}

function countNodes({ nodes }: PlanBody): number {
  return nodes.reduce(
    (sum, node) => sum + 1 + bodiesOf(node).reduce((inner, { body }) => inner + countNodes(body), 0),
    0,
  );
}

function bodiesOf(node: PlanNode): readonly { readonly title?: string; readonly body: PlanBody }[] {
  if (node.kind === 'each') return [{ body: node.body }];
  if (node.kind === 'choose') return Object.entries(node.cases).map(([title, body]) => ({ title, body }));
  return [];
}

/** A plan as an indented tree: nodes in order, what each waits for, and the bodies of `each` and `choose` below them. */
export function planTree(plan: Plan): string[] {
  const { dag, hash, schedule, description } = plan;
  const head = [dag, `plan ${hash.slice(0, 12)}`];
  if (schedule !== undefined) head.push(`${schedule.cron} ${schedule.timezone}`);
  return [head.join('  '), ...(description === undefined ? [] : [description]), ...bodyLines(plan, '')];
}

function bodyLines({ nodes }: PlanBody, indent: string): string[] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1;
    const below = `${indent}${last ? '   ' : '│  '}`;
    return [
      `${indent}${last ? '└─ ' : '├─ '}${title(node)}`,
      ...bodiesOf(node).flatMap((each) => caseLines(each, below)),
    ];
  });
}

function caseLines(
  { title: name, body }: { readonly title?: string; readonly body: PlanBody },
  indent: string,
): string[] {
  if (name === undefined) return bodyLines(body, indent);
  return [`${indent}${name}:`, ...bodyLines(body, `${indent}   `)];
}

function title(node: PlanNode): string {
  const name =
    node.kind === 'task'
      ? node.task === node.id
        ? node.id
        : `${node.id} (${node.task})`
      : `${node.id} [${node.kind}]`;
  const needs = node.needs.map(condition).join(', ');
  return needs === '' ? name : `${name} ← ${needs}`;
}

function condition({ rule, of }: PlanCondition): string {
  return rule === 'allSuccess' ? of.join(', ') : `${rule}(${of.join(', ')})`;
}
