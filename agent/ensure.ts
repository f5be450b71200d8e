/**
 * Brings about what is not so yet, where another process may do the same at this moment: the agent and `network-up` (at boot, and
 * whenever a server key was replaced) look after the same devices and rules, and the second one is told that it is too late.
 *
 * @throws what `make` threw, when it is not so afterwards either.
 */
export async function ensure(isSo: () => Promise<boolean>, make: () => Promise<unknown>): Promise<void> {
  if (await isSo()) return;
  try {
    await make();
  } catch (error) {
    if (!(await isSo())) throw error;
  }
}
