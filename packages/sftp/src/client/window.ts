/** Many small jobs, some of them at a time. */

/** Starts jobs while fewer than `most` run. After the first failure none is started, and everybody who waits gets that error. */
export class JobWindow {
  readonly #most: number
  readonly #running = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** Starts `job` as soon as there is room; resolves then, not when it is done. Rejects with the error of an earlier one. */
  async start(job: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#most) await Promise.race(this.#running)
    if (this.#failure !== undefined) throw this.#failure.error
    const running = job()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Resolves when all that were started are done; rejects with the first error. */
  async idle(): Promise<void> {
    await Promise.all(this.#running)
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
