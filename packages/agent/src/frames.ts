/** Messages of the agent protocol cut out of a stream of bytes (RFC 9987 §3: uint32 length, then that many bytes). */

import { ByteQueue, ProtocolError } from '@hawser/wire'
import { agentLimits } from './limits.ts'

/** Bytes in, messages out. A length that is out of bounds ends it: nobody can tell where the next message begins. */
export class Frames {
  readonly #bytes = new ByteQueue()
  #dead: ProtocolError | undefined

  /** Adds `bytes`, which now belong to the frames. */
  push(bytes: Uint8Array): void {
    if (this.#dead === undefined) this.#bytes.push(bytes)
  }

  /** The next message, number included; undefined until it is complete. Throws {@link ProtocolError}, and the same again from then on. */
  next(): Uint8Array | undefined {
    if (this.#dead !== undefined) throw this.#dead
    const head = this.#bytes.peek(4)
    if (head === undefined) return undefined
    const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0)
    if (length === 0 || length > agentLimits.message) {
      this.#bytes.clear()
      this.#dead = new ProtocolError(
        `an agent message of ${length} bytes; 1 to ${agentLimits.message} are possible`,
        { code: 'SSH_LIMIT_AGENT_MESSAGE' },
      )
      throw this.#dead
    }
    if (this.#bytes.length < 4 + length) return undefined
    this.#bytes.take(4)
    return this.#bytes.take(length)
  }
}

/** `message` behind its length. */
export function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + message.length)
  new DataView(bytes.buffer).setUint32(0, message.length)
  bytes.set(message, 4)
  return bytes
}
