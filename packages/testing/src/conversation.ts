/** Records what one end of a connection wrote and got, as a text for a file, and plays the other end from it later. */

import { type BytePipe, type PipeAddresses } from '@hawser/session'
import { UsageError } from '@hawser/wire'

export interface ConversationEntry {
  /** From the recorded end's side. */
  readonly direction: 'in' | 'out'
  readonly bytes: Uint8Array
}

const firstLine = 'hawser conversation 1'

/** What one end wrote and got, in its order. */
export class Conversation {
  readonly entries: readonly ConversationEntry[]

  constructor(entries: readonly ConversationEntry[]) {
    this.entries = entries
  }

  /** Lines of base64 after `<` (in) and `>` (out), under a line that names the format. */
  toString(): string {
    const lines = this.entries.map(
      ({ direction, bytes }) =>
        `${direction === 'in' ? '<' : '>'} ${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}`,
    )
    return [firstLine, ...lines, ''].join('\n')
  }

  /** What `toString` gave. Throws {@link UsageError} that names the line for anything else. */
  static parse(text: string): Conversation {
    const [first, ...lines] = text.replace(/\r\n/g, '\n').split('\n')
    if (first !== firstLine)
      throw new UsageError(`this is no recorded conversation: its first line is not "${firstLine}"`)
    if (lines.at(-1) === '') lines.pop()
    return new Conversation(
      lines.map((line, index) => {
        const found = /^([<>]) ([A-Za-z0-9+/]+={0,2})$/.exec(line)
        const bytes = new Uint8Array(Buffer.from(found?.[2] ?? '', 'base64'))
        if (found === null || bytes.length === 0)
          throw new UsageError(`line ${index + 2} of the recorded conversation is not "<" or ">" and base64`)
        return { direction: found[1] === '<' ? 'in' : 'out', bytes }
      }),
    )
  }
}

/** `pipe`, with an ear on it: give it to a client or a server in place of `pipe`. */
export function recordPipe(pipe: BytePipe & PipeAddresses): {
  readonly pipe: BytePipe & PipeAddresses
  /** Everything so far. */
  conversation(): Conversation
} {
  const entries: ConversationEntry[] = []
  const note = (direction: 'in' | 'out', bytes: Uint8Array): void => {
    if (bytes.length > 0) entries.push({ direction, bytes: bytes.slice() })
  }
  const recorded: BytePipe & PipeAddresses = {
    onData: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
    write(bytes) {
      note('out', bytes)
      return pipe.write(bytes)
    },
    cork: () => pipe.cork?.(),
    uncork: () => pipe.uncork?.(),
    pause: () => pipe.pause(),
    resume: () => pipe.resume(),
    end: () => pipe.end(),
    destroy: (error) => pipe.destroy(error),
    ...(pipe.lends === undefined ? {} : { lends: pipe.lends }),
    ...(pipe.remoteAddress === undefined ? {} : { remoteAddress: pipe.remoteAddress }),
    ...(pipe.remotePort === undefined ? {} : { remotePort: pipe.remotePort }),
    ...(pipe.localAddress === undefined ? {} : { localAddress: pipe.localAddress }),
    ...(pipe.localPort === undefined ? {} : { localPort: pipe.localPort }),
  }
  pipe.onData = (bytes) => {
    note('in', bytes)
    recorded.onData(bytes)
  }
  pipe.onDrain = () => recorded.onDrain()
  pipe.onClose = (error) => recorded.onClose(error)
  return { pipe: recorded, conversation: () => new Conversation([...entries]) }
}

/** What was written is not what was recorded. Code `SSH_REPLAY`. */
export class ReplayError extends Error {
  readonly code = 'SSH_REPLAY'
  /** The first byte that differs, counted from 0 over everything written. */
  readonly offset: number

  constructor(offset: number, why: string) {
    super(`the replay does not fit: ${why}`)
    this.name = 'ReplayError'
    this.offset = offset
  }
}

/** The other end of a recorded conversation. */
export interface ReplayPipe extends BytePipe {
  /** Entries that have not been played; 0 when all was said. */
  readonly rest: number
  /** What did not fit. */
  readonly error: ReplayError | undefined
}

/**
 * Plays the other end of `conversation`: a pipe for an end with the same options, the same `seededCrypto` and the same calls as the one
 * that was recorded. What the other end said comes once everything has been written that was before it. A byte that was not recorded
 * closes the pipe with a {@link ReplayError}; after the last one the pipe ends when it is asked to.
 */
export function replayPipe(conversation: Conversation): ReplayPipe {
  const { entries } = conversation
  let next = 0
  /** Of the `out` entry at `next`, how much has been written. */
  let matched = 0
  let written = 0
  let paused = true
  let scheduled = false
  let closed = false
  let failure: ReplayError | undefined
  const close = (error?: Error): void => {
    if (closed) return
    closed = true
    pipe.onClose(error)
  }
  const play = (): void => {
    if (scheduled || paused || closed || entries[next]?.direction !== 'in') return
    scheduled = true
    // As memory pipes do it: later, in order.
    queueMicrotask(() => {
      scheduled = false
      const entry = entries[next]
      if (paused || closed || entry?.direction !== 'in') return
      next++
      pipe.onData(entry.bytes.slice())
      play()
    })
  }
  const matches = (bytes: Uint8Array): void => {
    let ahead = next
    for (const byte of bytes) {
      // What the other end says next may be on its way still.
      while (entries[ahead]?.direction === 'in') ahead++
      const expected = entries[ahead]?.bytes[matched]
      if (expected !== byte)
        throw new ReplayError(
          written,
          expected === undefined
            ? `byte ${written} is written after all that was recorded`
            : `byte ${written} written is ${byte}, and was ${expected}; give the end the same options, seed and calls`,
        )
      written++
      matched++
      if (matched === entries[ahead]?.bytes.length) {
        done.add(ahead)
        matched = 0
        ahead++
      }
    }
    skip()
  }
  const done = new Set<number>()
  const skip = (): void => {
    while (done.delete(next)) next++
  }
  const pipe: ReplayPipe = {
    onData: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
    write(bytes) {
      if (closed) return true
      try {
        matches(bytes)
      } catch (error) {
        failure = error as ReplayError
        queueMicrotask(() => close(failure))
        return true
      }
      play()
      return true
    },
    pause() {
      paused = true
    },
    resume() {
      paused = false
      play()
    },
    end: () => queueMicrotask(() => close()),
    destroy: close,
    get rest() {
      return entries.length - next
    },
    get error() {
      return failure
    },
  }
  return pipe
}
