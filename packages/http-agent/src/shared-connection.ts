/** One SSH connection for many sockets: made at the first use, closed when nobody has used it for a while. */

import { type Address, type Channel, type ConnectOptions, connect } from '@hawser/client'

/** Whatever opens connections from the other side, such as a client of `@hawser/client`. */
export interface Forwarder {
  forwardOut(to: Address, from?: Address): Promise<Channel>
}

/** A {@link Forwarder} that was made for us, and that we close. */
export interface OwnedForwarder extends Forwarder {
  close(): unknown
  /** Settles when it is over, however; the next socket then makes another. */
  readonly closed?: Promise<unknown>
}

/**
 * Through what: a connected client, which stays its owner's; options of `connect`; or a function that connects.
 * With options or a function the connection is made at the first use and closed when it is idle.
 */
export type Via = Forwarder | ConnectOptions | (() => Promise<OwnedForwarder>)

/** How sockets share a connection. */
export interface SharingOptions {
  /** A connection that was made here is closed after so many milliseconds without a socket in use; default 1,000. */
  readonly idleMs?: number
  /** What the SSH server is told as the origin of connections; default 127.0.0.1 port 0. */
  readonly origin?: Address
}

/** The use that a socket makes of the connection. */
export interface Lease {
  readonly channel: Channel
  /** In use again. */
  hold(): void
  /** Open but not in use: as far as this socket goes, the connection may be closed. */
  rest(): void
  /** Over. */
  end(): void
}

const defaultIdleMs = 1000
const noOrigin: Address = { host: '127.0.0.1', port: 0 }

export class SharedConnection {
  readonly #given: Forwarder | undefined
  readonly #make: (() => Promise<OwnedForwarder>) | undefined
  readonly #idleMs: number
  readonly #origin: Address
  #current: Promise<OwnedForwarder> | undefined
  #users = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(via: Via, { idleMs = defaultIdleMs, origin = noOrigin }: SharingOptions = {}) {
    if (!Number.isInteger(idleMs) || idleMs < 0 || idleMs > 0x7fffffff)
      throw new RangeError(
        `the option idleMs is ${idleMs}; it must be a whole number of milliseconds from 0 to 2147483647`,
      )
    if (typeof via === 'function') this.#make = via
    else if (typeof via === 'object' && via !== null && 'forwardOut' in via) this.#given = via
    else if (typeof via === 'object' && via !== null) this.#make = () => connect(via)
    else
      throw new TypeError(
        'an SSH agent needs a connected client, options of connect, or a function that connects',
      )
    this.#idleMs = idleMs
    this.#origin = origin
  }

  /** A channel to `to`. Rejects with what connecting or opening the channel rejects with. */
  async open(to: Address, origin: Partial<Address> = {}): Promise<Lease> {
    const from = { host: origin.host ?? this.#origin.host, port: origin.port ?? this.#origin.port }
    this.#enter()
    try {
      return this.#lease(await this.#channel(to, from))
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  /** Closes a connection that was made here; the next socket makes another. */
  close(): void {
    clearTimeout(this.#timer)
    const current = this.#current
    this.#current = undefined
    // Who waits for a connection that cannot be made is told by `open`.
    current?.then(
      (connection) => connection.close(),
      () => undefined,
    )
  }

  async #channel(to: Address, from: Address): Promise<Channel> {
    if (this.#given !== undefined) return this.#given.forwardOut(to, from)
    const pending = this.#connection()
    const connection = await pending
    try {
      return await connection.forwardOut(to, from)
    } catch (error) {
      // A target that cannot be reached says nothing about the connection; everything else does.
      if ((error as { code?: unknown }).code !== 'SSH_CHANNEL_OPEN_FAILED' && this.#current === pending)
        this.close()
      throw error
    }
  }

  #connection(): Promise<OwnedForwarder> {
    if (this.#current !== undefined || this.#make === undefined)
      return this.#current as Promise<OwnedForwarder>
    const pending = this.#make()
    this.#current = pending
    const forget = (): void => {
      if (this.#current === pending) this.#current = undefined
    }
    pending.then(({ closed }) => closed?.then(forget, forget), forget)
    return pending
  }

  #lease(channel: Channel): Lease {
    let held = true
    let over = false
    return {
      channel,
      hold: () => {
        if (held || over) return
        held = true
        this.#enter()
      },
      rest: () => {
        if (!held) return
        held = false
        this.#leave()
      },
      end: () => {
        over = true
        if (!held) return
        held = false
        this.#leave()
      },
    }
  }

  #enter(): void {
    this.#users++
    clearTimeout(this.#timer)
  }

  #leave(): void {
    this.#users--
    if (this.#users > 0 || this.#current === undefined) return
    this.#timer = setTimeout(() => this.close(), this.#idleMs)
  }
}
