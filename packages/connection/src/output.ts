/** What a Mux has to send, and in which order it leaves: small messages first, then each channel with data in its turn. */

import { concat } from '@hawser/wire'
import type { ChannelEntry } from './channel-state.ts'
import type { Payload, StreamNumber } from './events.ts'
import { Fifo } from './fifo.ts'
import type { LaneMessage, Tag } from './lane.ts'
import { channelWindowAdjust, dataHead } from './messages.ts'

/** Told when something leaves. */
export interface OutputWatch {
  /** Data of the channel, or its CLOSE (`tag`), has left. `entry` is undefined for messages that are not a channel's. */
  taken(tag: Tag, entry: ChannelEntry | undefined): void
}

export class Output {
  readonly #watch: OutputWatch
  readonly #control = new Fifo<LaneMessage & { readonly closes?: ChannelEntry }>()
  readonly #adjusting = new Fifo<ChannelEntry>()
  readonly #active = new Fifo<ChannelEntry>()
  #queued = 0

  constructor(watch: OutputWatch) {
    this.#watch = watch
  }

  /** Bytes of data that wait. */
  get queued(): number {
    return this.#queued
  }

  /** Whether neither data nor a message waits; credit that could go back does not count. */
  get idle(): boolean {
    return this.#queued === 0 && this.#control.length === 0
  }

  /** A message that need not wait for any channel's data. */
  push(head: Uint8Array, tag: Tag = 'none'): void {
    this.#control.push({ head, tag })
  }

  /**
   * A message that must not overtake the channel's data. A CLOSE leaves as soon as it can: an open that is asked for afterwards
   * must not come first, or a peer that bounds its channels counts one too many.
   */
  pushOn(entry: ChannelEntry, head: Uint8Array, tag: Tag = 'none'): void {
    if (entry.lane.empty) {
      this.#control.push(tag === 'close' ? { head, tag, closes: entry } : { head, tag })
      return
    }
    entry.lane.pushMessage({ head, tag })
    this.#activate(entry)
  }

  pushData(entry: ChannelEntry, bytes: Uint8Array, stream: StreamNumber): void {
    entry.lane.pushData(bytes, stream)
    this.#queued += bytes.length
    this.#activate(entry)
  }

  /** The channel's credit goes back with the next output; how much is decided only then, so that waiting costs no memory. */
  pushAdjust(entry: ChannelEntry): void {
    if (entry.adjusting) return
    entry.adjusting = true
    this.#adjusting.push(entry)
  }

  take(): Payload | undefined {
    const message = this.#control.shift()
    if (message !== undefined) {
      this.#watch.taken(message.tag, message.closes)
      return { head: message.head }
    }
    for (let entry = this.#adjusting.shift(); entry !== undefined; entry = this.#adjusting.shift()) {
      entry.adjusting = false
      // After EOF the peer sends no data, after our CLOSE we take none: credit would be of no use.
      if (entry.state !== 'open') continue
      const bytesToAdd = entry.receive.takeAdjust()
      return { head: channelWindowAdjust.encode({ recipientChannel: entry.remoteId, bytesToAdd }) }
    }
    const entry = this.#active.shift()
    return entry === undefined ? undefined : this.#takeFrom(entry)
  }

  #activate(entry: ChannelEntry): void {
    if (entry.active) return
    entry.active = true
    this.#active.push(entry)
  }

  #takeFrom(entry: ChannelEntry): Payload | undefined {
    const item = entry.lane.take(entry.maxSend)
    if (entry.lane.empty) entry.active = false
    else this.#active.push(entry)
    if (item === undefined) return undefined
    if ('head' in item) {
      this.#watch.taken(item.tag, entry)
      return { head: item.head }
    }
    const { lead, body, stream } = item
    const bytes = (lead?.length ?? 0) + body.length
    this.#queued -= bytes
    this.#watch.taken('none', entry)
    const head = dataHead(entry.remoteId, stream, bytes)
    return { head: lead === undefined ? head : concat(head, lead), body }
  }
}
