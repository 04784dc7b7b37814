/** What a peer may make us do for nothing, counted: key exchanges, messages that lead nowhere, answers that it does not read. */

import { LimitError } from './errors.ts'
import { limits } from './limits.ts'

/** Throws LimitError when there is an end to it. */
export class Patience {
  #idle = 0
  #exchanges = 0

  /** A message without effect before authentication: it costs the peer nothing. */
  idle(): void {
    const most = limits.idleMessagesBeforeAuthentication
    if (++this.#idle > most)
      throw new LimitError('idle-messages', `more than ${most} messages without effect before authentication`)
  }

  /** A key exchange has begun before authentication. */
  exchange(): void {
    const most = limits.exchangesBeforeAuthentication
    if (++this.#exchanges > most)
      throw new LimitError('key-exchanges', `more than ${most} key exchanges before authentication`)
  }

  /** A ping has come, and `queued` bytes wait for the peer to read them: answers that it does not read would fill the memory. */
  ping(queued: number): void {
    if (queued > limits.queuedBehindPongs)
      throw new LimitError('pings', `a ping, while ${queued} bytes wait to be read by the peer`)
  }
}
