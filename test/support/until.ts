/**
 * Resolves when something has come to be, which is asked for again and again; that it never does is an error.
 *
 * @param withinMs generous: it is there to bound the wait, not to measure it
 */
export const until = async (isSo: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> => {
  const deadline = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${isSo}`)
    await Bun.sleep(10)
  }
}
