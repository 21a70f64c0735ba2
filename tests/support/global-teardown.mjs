import { rmSync } from 'node:fs';

export default async function globalTeardown() {
  const { stack, home } = globalThis.millraceTestStack ?? {};
  await stack?.stop();
  if (home !== undefined) rmSync(home, { recursive: true, force: true });
}
