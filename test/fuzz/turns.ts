/** Waiting for what is due, without a clock. */

/** Lets `count` turns of the event loop go by; all microtasks run between them. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
