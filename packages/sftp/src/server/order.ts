/** Which request may start when: side by side where nobody can tell the difference, else in the order in which they came. */

/** Does a piece of work and calls `done` once, at once or later. */
type Work = (done: () => void) => void

/** What is done with one open file or directory, one after the other. */
export class Lane {
  readonly jobs: Job[] = []
}

interface Job {
  readonly work: Work
  readonly lanes: readonly Lane[]
  /** In how many lanes another is in front of it. */
  blocked: number
  started: boolean
  /** The place in the order of arrival, for what changes a file by its handle. */
  readonly change: number | undefined
}

interface PathJob {
  readonly work: Work
  readonly exclusive: boolean
  readonly arrival: number
}

/**
 * Work on one handle is done one after the other, work on different handles side by side. Work on paths waits for every change by a
 * handle that came before it; changes by path wait for all other work on paths before them, and hold up what comes after them.
 * So everything happens as if it was done in the order of arrival, but for this: work on a handle does not wait for changes by path.
 */
export class Order {
  readonly #paths: PathJob[] = []
  /** Arrivals of the changes by handle that are not done; ascending, because a Set keeps the order of insertion. */
  readonly #changes = new Set<number>()
  readonly #startable: (() => void)[] = []
  #arrivals = 0
  #pathsRunning = 0
  #exclusiveRunning = false
  #starting = false

  /** Does `work` after everything before it in `lanes`. */
  onHandles(lanes: readonly Lane[], changes: boolean, work: Work): void {
    const arrival = this.#arrivals++
    const job: Job = {
      work,
      lanes: lanes.length === 2 && lanes[0] === lanes[1] ? lanes.slice(1) : lanes,
      blocked: 0,
      started: false,
      change: changes ? arrival : undefined,
    }
    if (changes) this.#changes.add(arrival)
    for (const { jobs } of job.lanes) {
      if (jobs.length > 0) job.blocked++
      jobs.push(job)
    }
    if (job.blocked === 0) this.#startJob(job)
  }

  /** Does `work`, which names files by path; `exclusive` when it changes the tree. */
  onPaths(exclusive: boolean, work: Work): void {
    this.#paths.push({ work, exclusive, arrival: this.#arrivals++ })
    this.#startPaths()
  }

  /** Forgets all work that has not started. */
  drop(lanes: Iterable<Lane>): void {
    this.#paths.length = 0
    for (const { jobs } of lanes) {
      const dropped = jobs[0]?.started === true ? jobs.splice(1) : jobs.splice(0)
      for (const { change } of dropped) if (change !== undefined) this.#changes.delete(change)
    }
  }

  #startJob(job: Job): void {
    job.started = true
    this.#start(job.work, () => {
      if (job.change !== undefined) this.#changes.delete(job.change)
      for (const { jobs } of job.lanes) {
        jobs.shift()
        const next = jobs[0]
        if (next !== undefined && --next.blocked === 0) this.#startJob(next)
      }
      this.#startPaths()
    })
  }

  #startPaths(): void {
    for (let next = this.#paths[0]; next !== undefined; next = this.#paths[0]) {
      if (this.#exclusiveRunning || (next.exclusive && this.#pathsRunning > 0)) return
      const [earliest] = this.#changes
      if (earliest !== undefined && earliest < next.arrival) return
      this.#paths.shift()
      const { exclusive } = next
      this.#pathsRunning++
      this.#exclusiveRunning = exclusive
      this.#start(next.work, () => {
        this.#pathsRunning--
        if (exclusive) this.#exclusiveRunning = false
        this.#startPaths()
      })
    }
  }

  /** Work that is done at once must not start the next from within itself: a thousand would fill the stack. */
  #start(work: Work, done: () => void): void {
    this.#startable.push(() => work(done))
    if (this.#starting) return
    this.#starting = true
    for (let next = this.#startable.shift(); next !== undefined; next = this.#startable.shift()) next()
    this.#starting = false
  }
}
