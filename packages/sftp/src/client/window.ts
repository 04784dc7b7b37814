/** Many small jobs, some of them at a time. */

/** Starts jobs while fewer than `most` run, for one caller at a time. After the first failure none is started. */
export class JobWindow {
  readonly #most: number
  #running = 0
  #failure: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** Starts `job` as soon as there is room; resolves then, not when it is done. Rejects with the error of an earlier one. */
  async start(job: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#most) await this.#change()
    if (this.#failure !== undefined) throw this.#failure.error
    this.#running++
    void job().then(
      () => this.#done(),
      (error: unknown) => {
        this.#failure ??= { error }
        this.#done()
      },
    )
  }

  /** Resolves when all that were started are done; rejects with the first error. */
  async idle(): Promise<void> {
    while (this.#running > 0) await this.#change()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #done(): void {
    this.#running--
    this.#wake?.()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
