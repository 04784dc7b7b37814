/** Our channel numbers: the lowest free one is given out, and none is given out again before both sides are done with it. */

import { UsageError } from '@hawser/wire'
import { ChannelEntry } from './channel-state.ts'
import type { ChannelId } from './events.ts'
import type { ReceiveWindow } from './window.ts'

export class ChannelTable {
  readonly #owner: object
  readonly #entries: (ChannelEntry | undefined)[] = []
  #lowestFree = 0
  #count = 0

  /** `owner` is the mux, for its reply tokens. */
  constructor(owner: object) {
    this.#owner = owner
  }

  get count(): number {
    return this.#count
  }

  /** The number that `add` gives next. */
  get nextId(): ChannelId {
    return this.#lowestFree
  }

  get(id: ChannelId): ChannelEntry | undefined {
    return this.#entries[id]
  }

  add(type: string, state: 'opening' | 'asked', receive: ReceiveWindow): ChannelEntry {
    const entry = new ChannelEntry(this.#owner, this.#lowestFree, type, state, receive)
    this.#entries[entry.id] = entry
    this.#count++
    while (this.#entries[this.#lowestFree] !== undefined) this.#lowestFree++
    return entry
  }

  free(entry: ChannelEntry): void {
    entry.state = 'closed'
    this.#entries[entry.id] = undefined
    this.#count--
    this.#lowestFree = Math.min(this.#lowestFree, entry.id)
    while (this.#entries.length > 0 && this.#entries[this.#entries.length - 1] === undefined)
      this.#entries.pop()
  }

  /** For the answers to `open-request`; throws UsageError when none is awaited. */
  asked(id: ChannelId, verb: string): ChannelEntry {
    const entry = this.#entries[id]
    if (entry?.state !== 'asked')
      throw new UsageError(`${verb} on channel ${id}, where the peer does not wait for an answer to its open`)
    return entry
  }

  /** For the verbs of a channel; throws UsageError when it is not open yet, or known to be closed. */
  established(id: ChannelId, verb: string): ChannelEntry {
    const entry = this.#entries[id]
    if (entry === undefined || entry.reported)
      throw new UsageError(`${verb} on channel ${id}, which does not exist`)
    if (entry.state === 'opening' || entry.state === 'asked')
      throw new UsageError(`${verb} on channel ${id}, which is not open yet`)
    return entry
  }
}
