/** The client's side of the agent protocol as a machine: requests go out, replies come back in the same order. */

import { ProtocolError, UsageError } from '@hawser/wire'
import { Frames, framed } from './frames.ts'
import { agentLimits } from './limits.ts'
import { type AgentAnswer, type AgentAsk, answersTo, decodeAnswer, encodeAsk } from './messages.ts'

/** The reply to the request that {@link AgentClientMachine.request} gave this number to. */
export interface AgentReplied {
  readonly request: number
  readonly answer: AgentAnswer
}

/** `request`, then `takeOutput`; `receive`, then `poll`. */
export class AgentClientMachine {
  readonly #frames = new Frames()
  readonly #output: Uint8Array[] = []
  readonly #pending: { readonly request: number; readonly type: AgentAsk['type'] }[] = []
  #next = 0
  #dead: Error | undefined

  /** Requests without a reply yet. */
  get outstanding(): number {
    return this.#pending.length
  }

  /** Sends a request and gives its number. Throws UsageError for one that is too long, and when the agent broke the protocol. */
  request(ask: AgentAsk): number {
    if (this.#dead !== undefined)
      throw new UsageError('this agent broke the protocol before', { cause: this.#dead })
    const message = encodeAsk(ask)
    if (message.length > agentLimits.message)
      throw new UsageError(
        `the agent request ${ask.type} has ${message.length} bytes; agents take up to ${agentLimits.message}`,
      )
    const request = this.#next++
    this.#pending.push({ request, type: ask.type })
    this.#output.push(framed(message))
    return request
  }

  /** Stores bytes of the agent, which now belong to the machine. Never throws. */
  receive(bytes: Uint8Array): void {
    this.#frames.push(bytes)
  }

  /** The next reply. Throws ProtocolError when the agent broke the protocol, and the same again from then on. */
  poll(): AgentReplied | undefined {
    if (this.#dead !== undefined) throw this.#dead
    try {
      const message = this.#frames.next()
      return message === undefined ? undefined : this.#reply(message)
    } catch (error) {
      this.#dead = error as Error
      throw error
    }
  }

  /** The next bytes for the agent. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.shift()
  }

  #reply(message: Uint8Array): AgentReplied {
    const answer = decodeAnswer(message)
    const first = this.#pending.shift()
    if (first === undefined)
      throw new ProtocolError(`the agent sent ${answer.type} where nothing was asked of it`)
    if (!answersTo(first.type).includes(answer.type))
      throw new ProtocolError(`the agent answered ${first.type} with ${answer.type}`)
    return { request: first.request, answer }
  }
}
