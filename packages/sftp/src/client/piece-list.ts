/** Pieces of data that wait, in order, without costing much more memory than they have bytes. */

/** Pieces below so many bytes are joined: a server that sends single bytes would make us hold a view for each. */
const small = 1024
/** Memory in which they are joined. */
const joinedSize = 4096

export class PieceList {
  #items: Uint8Array[] = []
  /** The last item, while more fits behind it. */
  #open: { readonly memory: Uint8Array; used: number } | undefined

  /** Adds `piece`, which the list now owns. */
  push(piece: Uint8Array): void {
    if (piece.length >= small) {
      this.#open = undefined
      this.#items.push(piece)
      return
    }
    let open = this.#open
    if (open === undefined || open.used + piece.length > joinedSize) {
      open = { memory: new Uint8Array(joinedSize), used: 0 }
      this.#open = open
      this.#items.push(open.memory)
    }
    open.memory.set(piece, open.used)
    open.used += piece.length
    this.#items[this.#items.length - 1] = open.memory.subarray(0, open.used)
  }

  shift(): Uint8Array | undefined {
    if (this.#items.length <= 1) this.#open = undefined
    return this.#items.shift()
  }

  get empty(): boolean {
    return this.#items.length === 0
  }
}
