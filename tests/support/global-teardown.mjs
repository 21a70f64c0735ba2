export default async function globalTeardown() {
  const { stack, home, removeHome } = globalThis.millraceTestStack ?? {};
  await stack?.stop();
  await removeHome?.(home, () => undefined);
}
