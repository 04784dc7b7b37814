/** The pump between a byte pipe and the engine: back-pressure, the three timers, and an orderly end. */

import { DisconnectError } from '@hawser/transport'
import { DisconnectReason, ProtocolError, SshError, type Trace } from '@hawser/wire'
import { type Clock, idle, systemClock } from './clock.ts'
import type { Engine, EngineEvent } from './engine.ts'
import { ConnectionError, type Phase, phaseWords, withPhase } from './errors.ts'
import { asError, type BytePipe } from './pipe.ts'
import type { Turns } from './turns.ts'

/** Milliseconds, but for the counts. */
export interface Timing {
  /** From the start to authenticated, less the time that people and callbacks take; 0 is no limit. Default 20,000. */
  readonly readyTimeoutMs?: number
  /** What of it was gone before the session began, on connecting. Default 0. */
  readonly readySpentMs?: number
  /** Between keepalive requests; 0 (the default) sends none. */
  readonly keepaliveIntervalMs?: number
  /** Unanswered keepalives before the connection counts as lost. Default 3. */
  readonly keepaliveMaxMissed?: number
  /** Age of keys before new ones are made; 0 is no limit. Default one hour (RFC 4253 §9). */
  readonly rekeyAfterMs?: number
  /** What time goes by. Default: the system's; tests have one that they move by hand. */
  readonly clock?: Clock
}

export interface DriveHandlers {
  /** Every event of the engine, in order. What it throws becomes an uncaught exception and disturbs nothing else. */
  event(event: EngineEvent): void
  /** The pipe takes more again, and what waited has left. */
  drain(): void
  /** The connection has failed; called at most once, before `closed`. */
  failed(error: Error): void
  /** The pipe is closed and nothing more will happen; called exactly once. */
  closed(): void
}

/** How long the peer may keep its side open after our last word, and how long unsent data may hold that word back. */
const lingerMs = { afterDisconnect: 1_000, unsentData: 10_000 } as const

/** Bytes that may arrive while an answer of ours is pending, or wait for a peer that does not read, before the pipe is asked to pause. */
const mostHeld = 256 * 1024

/** Moves bytes and events until the end. One instance serves one connection. */
export class Drive {
  readonly engine: Engine
  readonly #pipe: BytePipe
  readonly #handlers: DriveHandlers
  readonly #timing: Required<Omit<Timing, 'clock'>>
  readonly #clock: Clock
  readonly #trace: Trace | undefined
  readonly #turns: Turns | undefined
  /** What came and has to wait for its turn, the end of the pipe behind it. */
  #waiting: Uint8Array[] = []
  #endWaiting: { readonly error: Error | undefined } | undefined
  #phase: Phase = 'identification'
  #pumping = false
  #pumpAgain = false
  #flushScheduled = false
  #congested = false
  #flushed: (() => void)[] = []
  #holding = 0
  #heldBytes = 0
  #paused = false
  #received = 0
  #heard = false
  #missed = 0
  #failed = false
  #ended = false
  #closed = false
  #readyTimer: unknown
  #readyLeft = 0
  #readySince = 0
  #keepaliveTimer: unknown
  #rekeyTimer: unknown
  #lingerTimer: unknown

  constructor(o: {
    readonly pipe: BytePipe
    readonly engine: Engine
    readonly handlers: DriveHandlers
    readonly timing: Timing
    readonly trace?: Trace
    readonly turns?: Turns
  }) {
    this.#pipe = o.pipe
    this.engine = o.engine
    this.#handlers = o.handlers
    this.#trace = o.trace
    this.#turns = o.turns
    this.#clock = o.timing.clock ?? systemClock
    this.#timing = {
      readyTimeoutMs: o.timing.readyTimeoutMs ?? 20_000,
      readySpentMs: o.timing.readySpentMs ?? 0,
      keepaliveIntervalMs: o.timing.keepaliveIntervalMs ?? 0,
      keepaliveMaxMissed: o.timing.keepaliveMaxMissed ?? 3,
      rekeyAfterMs: o.timing.rekeyAfterMs ?? 3_600_000,
    }
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Bytes received so far. */
  get received(): number {
    return this.#received
  }

  /** Whether the pipe takes more at the moment. */
  get writable(): boolean {
    return !this.#congested && !this.#failed && !this.#ended
  }

  /** Whether nothing that is answered now reaches the peer any more. A close that waits for data to leave is not the end yet. */
  get over(): boolean {
    return this.#failed || this.#closed || this.engine.transport.ended
  }

  /** Takes the pipe over and sends what the engine has to say first. */
  start(): void {
    this.#pipe.onData = (bytes) => this.#onData(bytes)
    this.#pipe.onDrain = () => this.#onDrain()
    this.#pipe.onClose = (error) => {
      if (this.#waiting.length === 0) this.#onClose(error)
      else this.#endWaiting = { error }
    }
    this.#readyLeft = Math.max(1, this.#timing.readyTimeoutMs - this.#timing.readySpentMs)
    this.#startReadyClock()
    this.flush()
    this.#pipe.resume()
  }

  /** Handles every event that is due, then sends what came of it. Call it after each verb on the engine. */
  kick(): void {
    this.#pump()
    this.scheduleFlush()
  }

  /** Sends at the end of this turn, together with whatever else is written until then. */
  scheduleFlush(): void {
    if (this.#flushScheduled || this.#closed) return
    this.#flushScheduled = true
    queueMicrotask(() => {
      this.#flushScheduled = false
      this.flush()
    })
  }

  /** Calls `done` once everything that the engine has to send now has been handed to the pipe, or the connection is over. */
  whenFlushed(done: () => void): void {
    this.#flushed.push(done)
    this.scheduleFlush()
  }

  /** While a person or a callback is asked: the ready clock stands still. Returns the function that lets it go on. */
  hold(): () => void {
    this.#holding++
    this.#stopReadyClock()
    let released = false
    return () => {
      if (released) return
      released = true
      this.#holding--
      if (this.#holding > 0 || this.#closed) return
      this.#heldBytes = 0
      this.#startReadyClock()
      this.#resume()
    }
  }

  /** Sends everything that is due while the pipe takes it. */
  flush(): void {
    if (this.#congested || this.#closed) return
    const wrote = this.#write(false)
    // What a key exchange holds back is not on its way yet, and its memory is still in use.
    if (!this.#congested && this.#flushed.length > 0 && this.engine.mux.idle) {
      const done = this.#flushed
      this.#flushed = []
      for (const each of done) this.#guarded(each)
    }
    // Room in the output may have made events: channels that can be written again.
    if (wrote) this.#pump()
  }

  /** Ends the connection in order: what was written leaves first, then DISCONNECT; the pipe is closed within a bounded time. */
  close(description = 'closed by the application'): void {
    if (this.#ended || this.#failed || this.#closed) return
    this.#ended = true
    this.#stopTimers()
    const finish = (): void => {
      if (this.#closed) return
      this.engine.transport.disconnect(DisconnectReason.byApplication, description)
      // Few bytes, so they go even into a full pipe.
      this.#write(true)
      this.#end()
    }
    this.#phase = 'closing'
    this.flush()
    if (!this.#congested && this.engine.mux.idle) return finish()
    this.#lingerTimer = this.#clock.setTimeout(() => this.#pipe.destroy(), lingerMs.unsentData)
    this.whenFlushed(finish)
  }

  /** Ends the connection because of `error`; a DISCONNECT goes out if the protocol is still alive. */
  fail(error: Error, reason?: number): void {
    if (this.#failed || this.#closed) return
    this.#failed = true
    this.#stopTimers()
    withPhase(error, this.#phase)
    this.#phase = 'closing'
    if (reason !== undefined)
      this.engine.transport.disconnect(reason as DisconnectReason, error.message.slice(0, 255))
    this.#write(true)
    this.#guarded(() => this.#handlers.failed(error))
    this.#end()
  }

  /** Closes at once, without a word to the peer; without `error` it is an end that was wanted, and nothing has failed. */
  destroy(error?: Error): void {
    if (this.#closed) return
    if (error !== undefined) this.fail(error)
    this.#ended = true
    this.#pipe.destroy()
    this.#onClose()
  }

  #onData(bytes: Uint8Array): void {
    if (this.#turns === undefined || (this.#phase === 'ready' && this.#waiting.length === 0))
      return this.#take(bytes)
    this.#waiting.push(this.#pipe.lends === true ? new Uint8Array(bytes) : bytes)
    if (this.#waiting.length > 1) return
    this.#turns.take(() => this.#takeWaiting())
    if (this.#waiting.length > 0) this.#pipe.pause()
  }

  #takeWaiting(): void {
    for (const bytes of this.#waiting.splice(0)) this.#take(bytes)
    const end = this.#endWaiting
    if (end !== undefined) this.#onClose(end.error)
    else if (!this.#paused && !this.#closed) this.#pipe.resume()
  }

  #take(bytes: Uint8Array): void {
    if (this.#closed || this.#failed) return
    this.#received += bytes.length
    this.#heard = true
    this.engine.receive(bytes)
    this.#pump()
    if (this.#pipe.lends === true) this.engine.keepInput()
    this.scheduleFlush()
    if (this.#holding > 0) this.#heldBytes += bytes.length
    if (!this.#paused && (this.#heldBytes > mostHeld || this.#overdue)) {
      this.#paused = true
      this.#pipe.pause()
    }
  }

  /** The peer asks for answers (pongs, say) and does not read them: then we do not read it either. */
  get #overdue(): boolean {
    return this.#congested && this.engine.transport.queued > mostHeld
  }

  #resume(): void {
    if (!this.#paused || this.#heldBytes > mostHeld || this.#overdue) return
    this.#paused = false
    this.#pipe.resume()
  }

  #onDrain(): void {
    this.#congested = false
    this.flush()
    this.#resume()
    if (this.writable) this.#guarded(() => this.#handlers.drain())
  }

  #onClose(error?: Error): void {
    if (this.#closed) return
    if (!this.#failed && !this.#ended) {
      const phase = this.#phase
      this.fail(
        new ConnectionError(
          'SSH_CONNECTION_LOST',
          phase,
          error === undefined
            ? `the peer closed the connection ${phaseWords(phase)}${this.#received === 0 ? ', without sending a byte' : ''}`
            : `the connection was lost ${phaseWords(phase)}: ${error.message}`,
          { cause: error },
        ),
      )
    }
    this.#closed = true
    this.#phase = 'closed'
    this.#stopTimers()
    this.#pipe.destroy()
    const done = this.#flushed
    this.#flushed = []
    for (const each of done) this.#guarded(each)
    this.#guarded(() => this.#handlers.closed())
  }

  #pump(): void {
    if (this.#pumping) {
      this.#pumpAgain = true
      return
    }
    this.#pumping = true
    let handled = 0
    do {
      this.#pumpAgain = false
      for (;;) {
        if (this.#failed || this.#closed) break
        const event = this.#poll()
        if (event === undefined) break
        handled++
        this.#before(event)
        this.#guarded(() => this.#handlers.event(event))
        if (event.type === 'disconnect') this.#disconnected(event)
      }
    } while (this.#pumpAgain)
    this.#pumping = false
    if (handled > 0) this.scheduleFlush()
  }

  /** A peer that is done says so with this reason: an end in order. Our own DISCONNECT is news only when the transport itself decided it. */
  #disconnected(event: Extract<EngineEvent, { type: 'disconnect' }>): void {
    if (this.#ended) return
    if (event.by === 'local' || event.reason !== DisconnectReason.byApplication || this.#phase !== 'ready')
      return this.fail(new DisconnectError(event.reason, event.description, event.by))
    this.#ended = true
    this.#phase = 'closing'
    this.#stopTimers()
    this.#end()
  }

  #poll(): EngineEvent | undefined {
    try {
      return this.engine.poll()
    } catch (error) {
      this.#traceLimit(error)
      this.fail(asError(error), error instanceof ProtocolError ? error.disconnectReason : undefined)
      return undefined
    }
  }

  /** A limit that ends the connection, of whichever layer, is told here and nowhere else; codes are `SSH_LIMIT_` and its name. */
  #traceLimit(error: unknown): void {
    if (!SshError.is(error) || !error.code.startsWith('SSH_LIMIT_')) return
    const limit = error.code.slice('SSH_LIMIT_'.length).toLowerCase().replaceAll('_', '-')
    this.#trace?.({ layer: 'session', type: 'limit', limit, detail: error.message })
  }

  /** The drive's own part in an event. */
  #before(event: EngineEvent): void {
    if (event.type === 'ident') this.#enter('key-exchange')
    else if (event.type === 'keys') {
      this.#restartRekeyTimer()
      if (event.first) this.#enter('authentication')
    } else if (event.type === 'authenticated') {
      this.#enter('ready')
      this.#stopReadyClock()
      this.#startKeepalive()
    } else if (event.type === 'global-reply' || event.type === 'reply') this.#missed = 0
  }

  #enter(phase: Phase): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return
    this.#phase = phase
    this.#trace?.({ layer: 'session', type: 'phase', phase })
  }

  /** Writes what there is; stops at congestion unless `force`. Whether anything was written. */
  #write(force: boolean): boolean {
    let wrote = false
    this.#pipe.cork?.()
    try {
      for (;;) {
        const chunk = this.engine.takeOutput()
        if (chunk === undefined) break
        wrote = true
        // What the engine puts out is nobody else's.
        if (!(this.#pipe.give?.(chunk) ?? this.#pipe.write(chunk))) {
          this.#congested = true
          if (!force) break
        }
      }
    } catch (error) {
      this.#pipe.uncork?.()
      this.fail(asError(error))
      return wrote
    }
    this.#pipe.uncork?.()
    return wrote
  }

  /** Ends our side of the pipe and sees to it that the other ends too. */
  #end(): void {
    if (this.#closed) return
    this.#clock.clearTimeout(this.#lingerTimer)
    this.#lingerTimer = this.#clock.setTimeout(() => {
      this.#pipe.destroy()
      this.#onClose()
    }, lingerMs.afterDisconnect)
    this.#pipe.resume()
    this.#pipe.end()
  }

  /** An application's exception is the application's: it surfaces as uncaught and the connection goes on. */
  #guarded(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #startReadyClock(): void {
    if (this.#timing.readyTimeoutMs === 0 || this.engine.authenticated || this.#readyTimer !== undefined)
      return
    this.#readySince = this.#clock.now()
    this.#readyTimer = this.#clock.setTimeout(() => {
      const phase = this.#phase
      const heard =
        this.#received === 0
          ? 'the peer has not sent a byte'
          : `the peer has sent ${this.#received} bytes${this.engine.transport.remoteIdent === undefined ? '' : ` and calls itself ${this.engine.transport.remoteIdent.raw}`}`
      this.fail(
        new ConnectionError(
          'SSH_TIMEOUT',
          phase,
          `timed out after ${this.#timing.readyTimeoutMs} ms ${phaseWords(phase)}; ${heard}`,
        ),
        DisconnectReason.byApplication,
      )
    }, this.#readyLeft)
  }

  #stopReadyClock(): void {
    if (this.#readyTimer === undefined) return
    this.#clock.clearTimeout(this.#readyTimer)
    this.#readyTimer = undefined
    this.#readyLeft = Math.max(1, this.#readyLeft - (this.#clock.now() - this.#readySince))
  }

  #startKeepalive(): void {
    const { keepaliveIntervalMs, keepaliveMaxMissed } = this.#timing
    if (keepaliveIntervalMs === 0) return
    const beat = (): void => {
      this.#missed = this.#heard ? 0 : this.#missed + 1
      this.#heard = false
      if (this.#missed > keepaliveMaxMissed)
        return this.fail(
          new ConnectionError(
            'SSH_KEEPALIVE_TIMEOUT',
            this.#phase,
            `no answer to ${keepaliveMaxMissed} keepalives, ${keepaliveIntervalMs} ms apart`,
          ),
          DisconnectReason.connectionLost,
        )
      this.engine.mux.globalRequest('keepalive@openssh.com', new Uint8Array(0), true)
      this.scheduleFlush()
      this.#keepaliveTimer = this.#clock.setTimeout(beat, keepaliveIntervalMs)
      idle(this.#keepaliveTimer)
    }
    this.#heard = true
    this.#keepaliveTimer = this.#clock.setTimeout(beat, keepaliveIntervalMs)
    idle(this.#keepaliveTimer)
  }

  #restartRekeyTimer(): void {
    this.#clock.clearTimeout(this.#rekeyTimer)
    if (this.#timing.rekeyAfterMs === 0) return
    this.#rekeyTimer = this.#clock.setTimeout(() => {
      this.engine.transport.rekey('the keys are old')
      this.kick()
    }, this.#timing.rekeyAfterMs)
    idle(this.#rekeyTimer)
  }

  #stopTimers(): void {
    this.#clock.clearTimeout(this.#readyTimer)
    this.#clock.clearTimeout(this.#keepaliveTimer)
    this.#clock.clearTimeout(this.#rekeyTimer)
    if (this.#closed) this.#clock.clearTimeout(this.#lingerTimer)
  }
}
