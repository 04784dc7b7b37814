/** Target: two muxes of the connection protocol that do everything they can, with whatever may happen between them. */

import { type ChannelId, Mux, type MuxEvent, type ReplyToken, type RequestId } from '@hawser/connection'
import { flatten, Rng } from '@hawser/test-kit'
import { blob, connectionGrammar, text } from './grammar.ts'
import { MessageMutator } from './mutate.ts'
import { bounded, demand, outOfTurn, protocolErrorOf, type Target } from './target.ts'

export const connectionTarget: Target = { name: 'connection', packages: ['connection', 'wire'], run }

const rounds = 60
const limits = {
  window: 5_000,
  maxPacket: 4_096,
  maxChannels: 6,
  maxPendingRequests: 8,
  maxQueued: 30_000,
} as const

function run(seed: number): void {
  const rng = new Rng(seed)
  const mutator = new MessageMutator(rng, connectionGrammar, rng.pick([0, 0.01, 0.05, 0.3]))
  const ends = [new End(rng, 'a'), new End(rng, 'b')] as const
  for (let round = 0; round < rounds; round++) {
    for (const end of ends) for (let verbs = rng.below(4); verbs > 0; verbs--) end.verb()
    for (const [from, to] of [ends, [ends[1], ends[0]]] as const) {
      // Sometimes the line is slow: nothing leaves, and what waits must stay bounded.
      if (rng.chance(0.3)) continue
      for (const output of bounded(() => from.mux.takeOutput(), 200_000, 'output'))
        for (const message of mutator.next(flatten(output))) to.mux.receive(message)
      to.settle()
    }
    if (ends.every(({ dead }) => dead !== undefined)) return
  }
}

interface Seen {
  state: 'opening' | 'asked' | 'open'
  eof: boolean
  /** Bytes that were delivered and not consumed. */
  unread: number
  window: number
}

/** A mux, and what may come out of it as the documents have it. */
class End {
  readonly mux = new Mux(limits)
  readonly #rng: Rng
  readonly #name: string
  readonly #channels = new Map<ChannelId, Seen>()
  readonly #requests = new Set<RequestId>()
  readonly #globals = new Set<RequestId>()
  #tokens: { readonly token: ReplyToken; readonly channel: ChannelId | undefined }[] = []
  dead: unknown

  constructor(rng: Rng, name: string) {
    this.#rng = rng
    this.#name = name
  }

  settle(): void {
    const error = protocolErrorOf(() => {
      for (const event of bounded(() => this.mux.poll(), 5_000, 'events')) this.#event(event)
    })
    demand(this.mux.channelCount <= limits.maxChannels, `${this.#name}: ${this.mux.channelCount} channels`)
    demand(
      this.mux.queued <= limits.maxQueued * limits.maxChannels,
      `${this.#name}: ${this.mux.queued} bytes wait`,
    )
    demand(
      // Four more for each channel beyond the first.
      this.#tokens.length <= limits.maxPendingRequests + 4 * (limits.maxChannels - 1),
      `${this.#name}: ${this.#tokens.length} requests wait`,
    )
    if (error === undefined) return
    if (this.dead !== undefined) demand(this.dead === error, 'another error than the first')
    this.dead = error
    demand(this.mux.takeOutput() === undefined, 'output after the end')
  }

  verb(): void {
    const rng = this.#rng
    const { mux } = this
    const known = [...this.#channels.keys()]
    const channel = known.length > 0 && rng.chance(0.95) ? rng.pick(known) : rng.below(8)
    const seen = this.#channels.get(channel)
    switch (rng.below(13)) {
      case 0:
      case 1: {
        const id = outOfTurn(() => mux.open(text(rng), blob(rng)))
        if (id === undefined) return
        demand(!this.#channels.has(id), `the number ${id} was given twice`)
        this.#channels.set(id, fresh('opening'))
        return
      }
      case 2: {
        outOfTurn(() => mux.write(channel, rng.bytes(rng.below(9_000)), rng.chance(0.7) ? 0 : 1))
        return
      }
      case 3:
      case 4:
      case 5: {
        if (seen === undefined || seen.unread === 0) return
        const bytes = rng.chance(0.5) ? seen.unread : rng.below(seen.unread)
        if (outOfTurn(() => mux.consumed(channel, bytes) ?? true) === true) seen.unread -= bytes
        return
      }
      case 6: {
        // Seldom: in a window that is never full nothing can be found.
        if (rng.chance(0.9)) return
        const window = (seen?.window ?? 0) + rng.below(2_000)
        if (outOfTurn(() => mux.growWindow(channel, window) ?? true) === true && seen !== undefined)
          seen.window = window
        return
      }
      case 7: {
        const id = outOfTurn(() => mux.request(channel, text(rng), blob(rng), rng.chance(0.7)))
        if (id !== undefined) this.#requests.add(id)
        return
      }
      case 8: {
        if (this.#globals.size > 50) return
        const id = outOfTurn(() => mux.globalRequest(text(rng), blob(rng), rng.chance(0.7)))
        if (id !== undefined) this.#globals.add(id)
        return
      }
      case 9:
      case 10: {
        const owed = this.#tokens.splice(rng.below(Math.max(1, this.#tokens.length)), 1)[0]
        if (owed !== undefined) mux.reply(owed.token, rng.chance(0.5))
        return
      }
      case 11:
        outOfTurn(() => mux.eof(channel))
        return
      default:
        if (rng.chance(0.4)) outOfTurn(() => mux.close(channel))
    }
  }

  #event(event: MuxEvent): void {
    const rng = this.#rng
    const { mux } = this
    if (event.type === 'global-request') {
      if (event.reply !== undefined) this.#tokens.push({ token: event.reply, channel: undefined })
      return
    }
    if (event.type === 'global-reply') {
      demand(this.#globals.delete(event.request), 'a global reply to nothing')
      return
    }
    const { channel } = event
    const seen = this.#channels.get(channel)
    if (event.type === 'open-request') {
      demand(seen === undefined, `open-request for the number ${channel}, which is in use`)
      if (rng.chance(0.1)) return mux.reject(channel, 1, 'no')
      this.#channels.set(channel, fresh('open'))
      return mux.accept(channel, blob(rng))
    }
    demand(seen !== undefined, `${event.type} on channel ${channel}, which there is not`)
    switch (event.type) {
      case 'opened':
        demand(seen.state === 'opening', `opened in the state ${seen.state}`)
        seen.state = 'open'
        return
      case 'open-failed':
        demand(seen.state === 'opening', `open-failed in the state ${seen.state}`)
        this.#channels.delete(channel)
        return
      case 'data':
        demand(seen.state === 'open' && !seen.eof, 'data on a channel that has none')
        demand(
          event.data.length > 0 && event.data.length <= limits.maxPacket,
          `data of ${event.data.length} bytes`,
        )
        seen.unread += event.data.length
        demand(seen.unread <= seen.window, `${seen.unread} bytes against a window of ${seen.window}`)
        return
      case 'eof':
        demand(seen.state === 'open' && !seen.eof, 'eof where none can be')
        seen.eof = true
        return
      case 'request':
        demand(seen.state === 'open', 'a request on a channel that is not open')
        if (event.reply !== undefined) this.#tokens.push({ token: event.reply, channel })
        return
      case 'reply':
        demand(this.#requests.delete(event.request), 'a reply to nothing, or a second one')
        return
      case 'writable':
        demand(seen.state === 'open', 'writable on a channel that is not open')
        return
      case 'closed':
        demand(seen.state === 'open', `closed in the state ${seen.state}`)
        this.#channels.delete(channel)
        // Nobody is owed an answer any more.
        this.#tokens = this.#tokens.filter((owed) => owed.channel !== channel)
    }
  }
}

function fresh(state: Seen['state']): Seen {
  return { state, eof: false, unread: 0, window: limits.window }
}
