import { ambiguousTask } from '../dag/builder.ts';
import type { Dag } from '../dag/dag.ts';
import { MillraceError } from '../dag/errors.ts';
import { engineCodes } from '../dag/protocol.ts';
import type { AnyTask } from '../dag/task.ts';

/** The DAGs of a worker and all their tasks, by id. Throws MR2012 (two DAGs of one id), MR1022 (two tasks of one id). */
export class Registry {
  readonly dags: ReadonlyMap<string, Dag>;
  readonly tasks: ReadonlyMap<string, AnyTask>;

  constructor(dags: readonly Dag[]) {
    const byId = new Map<string, Dag>();
    const tasks = new Map<string, AnyTask>();
    for (const dag of dags) {
      if (byId.has(dag.id)) throw duplicateDag(dag.id);
      byId.set(dag.id, dag);
      for (const [id, task] of dag.tasks) {
        if ((tasks.get(id) ?? task) !== task) throw ambiguousTask(id, `one of them in '${dag.id}'`);
        tasks.set(id, task);
      }
    }
    this.dags = byId;
    this.tasks = tasks;
  }

  /** Throws MR2002, which lists the DAGs that there are. */
  dag(id: string): Dag {
    const dag = this.dags.get(id);
    if (dag !== undefined) return dag;
    const known = [...this.dags.keys()].sort();
    throw new MillraceError({
      code: engineCodes.unknownDag,
      message: `There is no DAG '${id}'. Known: ${known.join(', ') || 'none'}.`,
      subject: id,
      hint: 'Correct the name (the workflow type), or add the DAG to the project and restart its workers.',
      facts: { known },
      retryable: false,
    });
  }
}

function duplicateDag(id: string): MillraceError {
  return new MillraceError({
    code: 'MR2012',
    message: `Two DAGs of the project have the id '${id}'.`,
    subject: id,
    hint: 'Rename one of them; the id is the workflow type of its runs.',
    retryable: false,
  });
}
