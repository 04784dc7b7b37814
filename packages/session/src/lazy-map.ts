/** A map that costs nothing while it is empty: most connections at most times have no channel and nothing to wait for. */

export class LazyMap<K, V> {
  #map: Map<K, V> | undefined

  get(key: K): V | undefined {
    return this.#map?.get(key)
  }

  set(key: K, value: V): void {
    this.#map ??= new Map()
    this.#map.set(key, value)
  }

  delete(key: K): void {
    this.#map?.delete(key)
    if (this.#map?.size === 0) this.#map = undefined
  }

  /** What is in it now; it may change while the caller goes through. */
  all(): readonly V[] {
    return this.#map === undefined ? [] : [...this.#map.values()]
  }

  clear(): void {
    this.#map = undefined
  }
}
