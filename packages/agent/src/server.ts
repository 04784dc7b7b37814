/** The agent's side of the agent protocol as a machine: each request gets one reply, in the order of the requests. */

import { ProtocolError, UsageError } from '@hawser/wire'
import { Frames, framed } from './frames.ts'
import { agentLimits } from './limits.ts'
import { type AgentAnswer, type AgentAsk, decodeAsk, encodeAnswer } from './messages.ts'

/** Something that is asked of the agent; answer by {@link AgentServerMachine.reply}. */
export interface AgentAsked {
  readonly request: number
  readonly ask: AgentAsk
}

const failed = encodeAnswer({ type: 'failure' })

/** `receive`, then `poll` and `reply` in any order, then `takeOutput`. */
export class AgentServerMachine {
  readonly #frames = new Frames()
  readonly #output: Uint8Array[] = []
  /** Replies by request number, from the oldest that is not sent; undefined until it is given. */
  readonly #replies: (Uint8Array | undefined)[] = []
  #oldest = 0
  #dead: Error | undefined

  /** Requests without a reply yet, or with one that waits for those before it. */
  get outstanding(): number {
    return this.#replies.length
  }

  /** Stores bytes of the client, which now belong to the machine. Never throws. */
  receive(bytes: Uint8Array): void {
    this.#frames.push(bytes)
  }

  /**
   * The next request; none while as many as the limit allows are outstanding. What cannot be understood is answered with failure
   * and passed over (RFC 9987 §3). Throws ProtocolError when the stream cannot go on, and the same again from then on.
   */
  poll(): AgentAsked | undefined {
    if (this.#dead !== undefined) throw this.#dead
    while (this.#replies.length < agentLimits.outstanding) {
      const message = this.#message()
      if (message === undefined) return undefined
      const request = this.#oldest + this.#replies.push(undefined) - 1
      const ask = understood(message)
      if (ask !== undefined) return { request, ask }
      this.#give(request, failed)
    }
    return undefined
  }

  /** Answers a request, once. Throws UsageError for a number that is not open. A reply that is too long becomes failure. */
  reply(request: number, answer: AgentAnswer): void {
    const at = request - this.#oldest
    if (!Number.isInteger(at) || at < 0 || at >= this.#replies.length || this.#replies[at] !== undefined)
      throw new UsageError(`the agent request ${request} is answered already, or was never made`)
    const message = encodeAnswer(answer)
    this.#give(request, message.length > agentLimits.message ? failed : message)
  }

  /** The next bytes for the client. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.shift()
  }

  #message(): Uint8Array | undefined {
    try {
      return this.#frames.next()
    } catch (error) {
      this.#dead = error as Error
      throw error
    }
  }

  #give(request: number, message: Uint8Array): void {
    this.#replies[request - this.#oldest] = framed(message)
    for (let first = this.#replies[0]; first !== undefined; first = this.#replies[0]) {
      this.#output.push(first)
      this.#replies.shift()
      this.#oldest++
    }
  }
}

function understood(message: Uint8Array): AgentAsk | undefined {
  try {
    return decodeAsk(message)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
