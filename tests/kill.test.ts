import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { ItemRecord } from 'millrace';
import type { NodeView } from 'millrace/control';
import { allSums, differences } from './support/checksums.ts';
import { Platform } from './support/platform.ts';

const lastDay = '2002-12-30';
const night = '2002-12-31';
const history = { interval: { start: '1998-01-01', end: night } };

/** Nodes of each layer; a kill counts when it made one of them start again. */
const layers: Readonly<Record<string, RegExp>> = {
  'bronze, files': /^land-[a-z_]+\[\d+\]$/,
  'bronze, orders': /^(snapshotOrders|drainOrders)$/,
  'bronze, inventory': /^extract-/,
  silver: /^silver-/,
  gold: /^gold-/,
  warehouse: /^load-/,
  dbt: /^dbtBuild$/,
};

describe('kill -9 of the worker in the middle of each layer', () => {
  const generated = mkdtempSync(join(tmpdir(), 'millrace-sources-'));
  const open: Platform[] = [];

  afterAll(async () => {
    for (const platform of open) await platform.close();
    rmSync(generated, { recursive: true, force: true });
  });

  async function platform(): Promise<Platform> {
    const made = await Platform.open(generated);
    open.push(made);
    await made.sources.loadHistory(lastDay);
    await made.startWorker();
    return made;
  }

  it('leaves every table as an undisturbed run leaves it', async () => {
    const undisturbed = await platform();
    await undisturbed.run(history);
    await undisturbed.sources.advanceTo(night);
    await undisturbed.run({ date: night });
    const wanted = await allSums(undisturbed);
    await undisturbed.stopWorker();

    const disturbed = await platform();
    const workflowId = await disturbed.start(history);
    for (const pattern of Object.values(layers)) {
      await killInside(disturbed, workflowId, pattern);
    }
    const { nodes } = await disturbed.finish(workflowId);
    const hitIn = (all: readonly NodeView[]) =>
      Object.keys(layers).filter((layer) => all.some((node) => layers[layer]?.test(node.id) && node.attempt > 1));

    await disturbed.sources.advanceTo(night);
    const nightRun = await disturbed.start({ date: night });
    // A layer whose tasks were over before one was seen running gets its kill here.
    for (const [layer, pattern] of Object.entries(layers)) {
      if (layer !== 'dbt' && !hitIn(nodes).includes(layer)) await killInside(disturbed, nightRun, pattern);
    }
    const done = await killInDbt(disturbed, nightRun);
    await disturbed.startWorker();
    const afterwards = await disturbed.finish(nightRun);
    expect(hitIn([...nodes, ...afterwards.nodes])).toEqual(Object.keys(layers));
    // What dbt had done before the kill was taken over, not done again.
    const items = new Map(itemsOf(afterwards.nodes).map((item) => [item.id, item]));
    expect(done.length).toBeGreaterThan(0);
    expect(done.map(({ id }) => items.get(id)?.startedAt)).toEqual(done.map(({ startedAt }) => startedAt));
    expect([...items.values()].filter((item) => item.state !== 'success')).toEqual([]);

    const found = await allSums(disturbed);
    expect(Object.keys(wanted).length).toBeGreaterThan(40);
    expect(differences(wanted, found)).toEqual([]);
  }, 900_000);
});

/**
 * Kills the worker while a node of the layer is being executed, starts another, and waits until it has finished what was
 * being executed, so that no node is hit until it has no attempt left. Nothing is done if an earlier kill hit the layer
 * already, or if the layer ended before it could be hit.
 */
async function killInside(platform: Platform, workflowId: string, layer: RegExp): Promise<void> {
  for (;;) {
    const { nodes, status } = await platform.control.getRun(workflowId);
    const own = nodes.filter((node) => layer.test(node.id));
    if (status !== 'running' || own.some((node) => node.attempt > 1)) return;
    if (own.some((node) => node.state === 'running')) {
      await platform.killWorker();
      await platform.startWorker();
      await finished(
        platform,
        workflowId,
        nodes.filter((node) => node.state === 'running'),
      );
      return;
    }
    if (own.length > 0 && own.every((node) => node.state === 'success' || node.state === 'skipped')) return;
    await sleep(5);
  }
}

async function finished(platform: Platform, workflowId: string, running: readonly NodeView[]): Promise<void> {
  for (;;) {
    const { nodes, status } = await platform.control.getRun(workflowId);
    const now = new Map(nodes.map((node) => [node.id, node.state]));
    // The node of a mapped body ends with its last instance.
    if (status !== 'running' || running.every(({ id, kind }) => kind !== 'task' || now.get(id) === 'success')) return;
    await sleep(50);
  }
}

/** Kills the worker when dbt has done some of its nodes and not all; gives those that the run has recorded as done. */
async function killInDbt(platform: Platform, workflowId: string): Promise<readonly ItemRecord[]> {
  for (;;) {
    const { nodes, status } = await platform.control.getRun(workflowId);
    if (status !== 'running') throw new Error(`The run was ${status} before dbt was in the middle.\n${platform.log()}`);
    const items = itemsOf(nodes);
    const done = items.filter((item) => item.state === 'success');
    if (done.length > 0 && done.length < items.length) {
      await platform.killWorker();
      return done;
    }
    await sleep(5);
  }
}

function itemsOf(nodes: readonly NodeView[]): readonly ItemRecord[] {
  return nodes.find((node) => node.id === 'dbtBuild')?.items ?? [];
}
