/** First in, first out, in constant time on the average. */

/** What a queue holds that was never used: connections have many of them, and idle ones need none. Nothing is ever put into it. */
const none: never[] = []

export class Fifo<T> {
  #items: (T | undefined)[] = none
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  push(item: T): void {
    if (this.#items === none) this.#items = [item]
    else this.#items.push(item)
  }

  peek(): T | undefined {
    return this.#items[this.#first]
  }

  shift(): T | undefined {
    const at = this.#first
    if (at === this.#items.length) return undefined
    const item = this.#items[at]
    this.#items[at] = undefined
    this.#first = at + 1
    if (this.#first === this.#items.length) {
      this.#items.length = 0
      this.#first = 0
    } else if (this.#first > 64 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }

  clear(): void {
    this.#items = none
    this.#first = 0
  }
}
