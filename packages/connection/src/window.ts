/** Credit arithmetic of RFC 4254 §5.2: what the peer may still send, and what we may. */

import { ProtocolError, UsageError } from '@hawser/wire'

/** RFC 4254 §5.2: "The window MUST NOT be increased above 2^32 - 1 bytes." */
export const largestWindow = 0xffffffff

/** Least credit that is worth a message of its own, in bytes, where the window is large enough. */
const leastAdjust = 65_536

/**
 * Our receive window on one channel. Every byte of it is at all times in one of four places: available to the peer,
 * delivered to the application, consumed and waiting to be given back, or on its way back in an adjust.
 */
export class ReceiveWindow {
  #size: number
  #available: number
  #delivered = 0
  #returning = 0
  readonly #maxPacket: number
  /** How many bytes had come when the peer's credit would have ended without each adjust that it may not have had yet. */
  readonly #ends: number[] = []
  #received = 0
  #ranDry = false

  constructor(size: number, maxPacket: number) {
    this.#size = size
    this.#available = size
    this.#maxPacket = maxPacket
  }

  get size(): number {
    return this.#size
  }

  /** Whether the last data used up what the peer knew of its credit, but for adjusts that may still be on their way to it. */
  get ranDry(): boolean {
    return this.#ranDry
  }

  /** What the peer may still send. */
  get available(): number {
    return this.#available
  }

  /** Delivered to the application and not consumed yet. */
  get delivered(): number {
    return this.#delivered
  }

  get maxPacket(): number {
    return this.#maxPacket
  }

  /** Data of `bytes` came for the application. Throws ProtocolError when the peer was not allowed to send it. */
  receive(bytes: number, channel: number): void {
    this.#spend(bytes, channel)
    this.#delivered += bytes
  }

  /** Data came that nobody will see; its credit is given back like consumed data's. */
  discard(bytes: number, channel: number): void {
    this.#spend(bytes, channel)
    this.#returning += bytes
  }

  /** Data came that nobody will see on a channel that we have closed: its credit is gone. */
  waste(bytes: number, channel: number): void {
    this.#spend(bytes, channel)
  }

  /** The application has used `bytes` up. Throws UsageError for more than was delivered. */
  consume(bytes: number, channel: number): void {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > this.#delivered)
      throw new UsageError(
        `${bytes} bytes cannot be consumed on channel ${channel}: ${this.#delivered} are delivered and not consumed yet`,
      )
    this.#delivered -= bytes
    this.#returning += bytes
  }

  /** Makes the window larger; the peer learns of it by the next adjust. */
  grow(size: number): void {
    this.#returning += size - this.#size
    this.#size = size
  }

  /**
   * Whether credit should go back now: a quarter of the window (at least 64 KiB, at most half of it) is waiting,
   * or everything is consumed and the peer could not send a full packet.
   */
  get due(): boolean {
    if (this.#returning === 0) return false
    if (this.#returning >= Math.min(this.#size / 2, Math.max(leastAdjust, this.#size / 4))) return true
    return this.#delivered === 0 && this.#available < this.#maxPacket
  }

  /** Takes the credit to give back, for the adjust that is being sent. */
  takeAdjust(): number {
    const bytes = this.#returning
    this.#returning = 0
    this.#ends.push(this.#received + this.#available)
    this.#available += bytes
    return bytes
  }

  #spend(bytes: number, channel: number): void {
    if (bytes > this.#maxPacket)
      throw new ProtocolError(
        `${bytes} bytes of data in one message on channel ${channel}, whose maximum packet size is ${this.#maxPacket}`,
        { code: 'SSH_LIMIT_MAX_PACKET' },
      )
    if (bytes > this.#available)
      throw new ProtocolError(
        `${bytes} bytes of data on channel ${channel}, whose window has ${this.#available} bytes left`,
        { code: 'SSH_LIMIT_WINDOW' },
      )
    this.#available -= bytes
    this.#received += bytes
    this.#ranDry = this.#available === 0
    while (this.#ends.length > 0 && (this.#ends[0] as number) <= this.#received)
      this.#ranDry = this.#ends.shift() === this.#received
  }
}

/** The peer's window on one channel. */
export class SendWindow {
  #available: number

  constructor(size: number) {
    this.#available = size
  }

  get available(): number {
    return this.#available
  }

  /** A WINDOW_ADJUST came. */
  add(bytes: number, channel: number): void {
    if (bytes > largestWindow - this.#available)
      throw new ProtocolError(
        `a window adjust of ${bytes} bytes on channel ${channel} takes its window of ${this.#available} over 2^32-1`,
        { code: 'SSH_LIMIT_WINDOW' },
      )
    this.#available += bytes
  }

  /** `bytes`, at most what is available, are going to be sent. */
  spend(bytes: number): void {
    this.#available -= bytes
  }
}
