/** What waits under ids that count up: a table that allocates nothing while requests come and go. */

/** Ids that lie further apart than this while both wait are kept in a map. A power of two. */
const places = 256

/**
 * A Map for ids of 32 bits that are given out in order and mostly answered soon. A Map rebuilds itself every few dozen changes, and that of
 * a long-lived object does so in the old generation, which at some hundred MiB a second has the garbage collector look at the whole heap.
 */
export class IdTable<T> {
  readonly #ids = new Float64Array(places).fill(-1)
  readonly #values: (T | undefined)[] = Array.from({ length: places })
  /** Those whose place a later one has taken. */
  readonly #far = new Map<number, T>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(id: number): boolean {
    return this.#ids[id % places] === id || this.#far.has(id)
  }

  get(id: number): T | undefined {
    const place = id % places
    return this.#ids[place] === id ? this.#values[place] : this.#far.get(id)
  }

  /** Adds `value` under an id that nothing waits under. */
  add(id: number, value: T): void {
    const place = id % places
    const other = this.#ids[place] as number
    if (other >= 0) this.#far.set(other, this.#values[place] as T)
    this.#ids[place] = id
    this.#values[place] = value
    this.#size++
  }

  delete(id: number): void {
    const place = id % places
    if (this.#ids[place] === id) {
      this.#ids[place] = -1
      this.#values[place] = undefined
    } else if (!this.#far.delete(id)) return
    this.#size--
  }

  /** Everything that waits, removed; in the order of the ids, unless they have wrapped. */
  drain(): T[] {
    const all = [...this.#far]
    for (let place = 0; place < places; place++) {
      const id = this.#ids[place] as number
      if (id >= 0) all.push([id, this.#values[place] as T])
    }
    this.#far.clear()
    this.#ids.fill(-1)
    this.#values.fill(undefined)
    this.#size = 0
    return all.sort(([a], [b]) => a - b).map(([, value]) => value)
  }
}
