// Runs the benchmarks named in the arguments; without arguments, all.
const benches: Readonly<Record<string, () => Promise<{ bench(): Promise<void> }>>> = {
  interpreter: () => import('./interpreter.ts'),
  dbt: () => import('./dbt.ts'),
  pipeline: () => import('./pipeline.ts'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  const module = await benches[name]?.();
  await module?.bench();
}
