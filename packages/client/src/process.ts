/** Programs on the server: how a `session` channel is made to run one, and what is seen of it. */

import { channelRequests, encodeTerminalModes, type TerminalModes } from '@hawser/connection'
import { type Channel, ConnectionError, type IncomingRequest } from '@hawser/session'
import { ProtocolError, type Struct, UsageError, utf8Decode, utf8Encode } from '@hawser/wire'

const {
  authAgentReq,
  env,
  exec,
  exitSignal,
  exitStatus,
  ptyReq,
  shell,
  signal,
  subsystem,
  windowChange,
  x11Req,
  xonXoff,
} = channelRequests

/** Size of a terminal: characters, and pixels where anybody cares (0 is unknown). */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
  readonly widthPixels?: number
  readonly heightPixels?: number
}

/** A pseudo-terminal to ask for (RFC 4254 §6.2). */
export interface Pty extends Partial<TerminalSize> {
  /** Value of TERM; default `xterm-256color`. */
  readonly term?: string
  /** Terminal modes by their RFC 4254 §8 names, such as `{ ECHO: 0 }`; default none. */
  readonly modes?: TerminalModes
}

/** X11 forwarding to ask for (RFC 4254 §6.3.1). */
export interface X11Forwarding {
  readonly singleConnection?: boolean
  /** Default `MIT-MAGIC-COOKIE-1`. */
  readonly protocol?: string
  /** Hexadecimal. */
  readonly cookie: string
  readonly screen?: number
}

/** What surrounds a program. */
export interface ProcessSurroundings {
  /** Environment variables; a server takes only those that it is set to accept, and does not say so. */
  readonly env?: Readonly<Record<string, string>>
  /** A terminal; `true` is one of 80 × 24 characters. */
  readonly pty?: boolean | Pty
  readonly x11?: X11Forwarding
  /**
   * Lets programs over there use our agent, by channels that the server opens back. `again`: another program of this connection has it
   * already. No answer is waited for then, because OpenSSH refuses all but the first, and gives the agent to all.
   */
  readonly agentForward?: boolean | 'again'
}

/** One program: a command line for the login shell, the login shell itself, or a subsystem such as `sftp`. */
export type ProcessRequest = ProcessSurroundings &
  ({ readonly command: string } | { readonly shell: true } | { readonly subsystem: string })

/** How a program ended. All absent when the server closed the channel without a word about it. */
export interface ProcessExit {
  readonly code?: number
  /** Without `SIG`, such as `KILL` (RFC 4254 §6.10). */
  readonly signal?: string
  readonly coreDumped?: boolean
  readonly description?: string
}

/**
 * Sends environment, terminal and the rest, then the request for the program, without waiting in between.
 * Resolves when the server has agreed to all of it that wants an answer. Rejects with ChannelRequestError,
 * after it has closed the channel, when the server refuses.
 */
export async function startProcess(channel: Channel, request: ProcessRequest): Promise<void> {
  const answers = [...surroundings(channel, request), program(channel, request)]
  const outcomes = await Promise.allSettled(answers)
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')
  if (refused === undefined) return
  channel.abort()
  throw refused.reason
}

/** What the server says about a running program. */
export interface ProcessHooks {
  /** At most once, and possibly before the last of the output. */
  exit(exit: ProcessExit): void
  /** Whether the server's side does flow control by ^S and ^Q (RFC 4254 §6.8). */
  flowControl?(clientCanDo: boolean): void
  /** Any other request; unanswered ones are refused. */
  request?(request: IncomingRequest): void
}

/** Listens for the end of the program on `channel`. Takes the channel's requests over. */
export function watchProcess(channel: Channel, hooks: ProcessHooks): void {
  let exited = false
  const exit = (how: ProcessExit): void => {
    if (exited) return
    exited = true
    hooks.exit(how)
  }
  channel.onRequest = (request) => {
    switch (request.name) {
      case exitStatus.name:
        return told(request, exitStatus, (status) => exit({ code: status.exitStatus }))
      case exitSignal.name:
        return told(request, exitSignal, ({ signalName, coreDumped, errorMessage }) =>
          exit({ signal: signalName, coreDumped, description: errorMessage }),
        )
      case xonXoff.name:
        return told(request, xonXoff, ({ clientCanDo }) => hooks.flowControl?.(clientCanDo))
      default:
        hooks.request?.(request)
        if (!request.answered) request.reject()
    }
  }
}

/** Sends a signal (RFC 4254 §6.9), named with or without `SIG`; INFO goes by OpenSSH's name, INFO@openssh.com. False when the channel is closing. */
export function sendSignal(channel: Channel, name: string): boolean {
  const plain = name.replace(/^SIG/, '')
  const signalName = plain === 'INFO' ? 'INFO@openssh.com' : plain
  return channel.notify(signal.name, signal.encode({ signalName }))
}

/** Tells the size of our terminal (RFC 4254 §6.7). False when the channel is closing. */
export function resizeTerminal(channel: Channel, size: TerminalSize): boolean {
  return channel.notify(windowChange.name, windowChange.encode(sizeFields(size)))
}

/** Everything that a finished program left behind. */
export interface ProcessResult extends ProcessExit {
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs on the server. */
export class Process {
  /** The channel underneath. */
  readonly channel: Channel
  /** Settles when the server tells how it ended, or closes the channel without; rejects when the connection is lost before. */
  readonly exit: Promise<ProcessExit>
  readonly #forget: () => void

  /** Takes the channel of a program that was started. Aborting `signal` sends TERM and closes the channel. */
  constructor(channel: Channel, signal?: AbortSignal) {
    this.channel = channel
    let abort: (() => void) | undefined
    this.exit = new Promise((resolve, reject) => {
      watchProcess(channel, { exit: resolve })
      void channel.closed.then(() => {
        if (channel.error === undefined) resolve({})
        else reject(channel.error)
      })
      if (signal === undefined) return
      abort = () => {
        reject(
          new ConnectionError('SSH_ABORTED', 'ready', 'the program was aborted by the caller', {
            cause: signal.reason,
          }),
        )
        sendSignal(channel, 'TERM')
        channel.abort()
      }
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
    })
    this.#forget = () => {
      if (abort !== undefined) signal?.removeEventListener('abort', abort)
    }
    // To wait for the end is a choice; a lost connection is told to everybody who asked for anything.
    this.exit.catch(() => undefined)
    void channel.closed.then(this.#forget)
  }

  /** Standard input; closing it sends EOF. */
  get stdin(): WritableStream<Uint8Array> {
    return this.channel.writable
  }

  get stdout(): ReadableStream<Uint8Array> {
    return this.channel.readable
  }

  get stderr(): ReadableStream<Uint8Array> {
    return this.channel.stderr
  }

  /** Sends a signal, such as `TERM`. False when the channel is closing. */
  signal(name: string): boolean {
    return sendSignal(this.channel, name)
  }

  /** Tells the server the new size of the terminal. False when the channel is closing. */
  resize(size: TerminalSize): boolean {
    return resizeTerminal(this.channel, size)
  }

  /**
   * Sends `input` and EOF, and gives everything that comes back, once the program has ended. Without `input`
   * only EOF is sent, and nothing while somebody else writes to `stdin`. Rejects when the connection is lost or aborted.
   */
  async text(input?: string | Uint8Array): Promise<ProcessResult> {
    if (this.stdout.locked || this.stderr.locked)
      throw new UsageError('text: somebody else reads stdout or stderr already')
    if (input !== undefined && this.stdin.locked)
      throw new UsageError('text(input): somebody else writes to stdin already')
    if (!this.stdin.locked) this.#feed(input)
    const reading = Promise.all([readAll(this.stdout), readAll(this.stderr)])
    const [stdout, stderr] = await reading
    const exit = await this.exit
    await this.channel.closed
    return { stdout: utf8Decode(stdout), stderr: utf8Decode(stderr), ...exit }
  }

  /** Closes the channel; settles when both sides have. A program that still runs is the server's affair. */
  close(): Promise<void> {
    return this.channel.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** A program that ends before it has read its input is no failure: its exit says what it made of it. */
  #feed(input: string | Uint8Array | undefined): void {
    const bytes = typeof input === 'string' ? utf8Encode(input) : input
    if (bytes !== undefined && bytes.length > 0) this.channel.write(bytes)
    this.channel.eof()
  }
}

function program(channel: Channel, request: ProcessRequest): Promise<void> {
  if ('command' in request) return channel.request(exec.name, exec.encode({ command: request.command }))
  if ('subsystem' in request)
    return channel.request(subsystem.name, subsystem.encode({ subsystemName: request.subsystem }))
  return channel.request(shell.name)
}

function surroundings(channel: Channel, request: ProcessSurroundings): Promise<void>[] {
  const answers: Promise<void>[] = []
  const { agentForward = false, env: variables = {}, pty = false, x11 } = request
  if (agentForward === 'again') channel.notify(authAgentReq.name)
  else if (agentForward) answers.push(channel.request(authAgentReq.name))
  if (pty !== false) answers.push(channel.request(ptyReq.name, encodePty(pty === true ? {} : pty)))
  if (x11 !== undefined) answers.push(channel.request(x11Req.name, encodeX11(x11)))
  for (const [variableName, variableValue] of Object.entries(variables))
    channel.notify(env.name, env.encode({ variableName, variableValue }))
  return answers
}

function encodePty(pty: Pty): Uint8Array {
  const {
    term = 'xterm-256color',
    columns = 80,
    rows = 24,
    widthPixels = 0,
    heightPixels = 0,
    modes = {},
  } = pty
  const size = sizeFields({ columns, rows, widthPixels, heightPixels })
  return ptyReq.encode({ term, ...size, modes: encodeTerminalModes(modes) })
}

function encodeX11(x11: X11Forwarding): Uint8Array {
  return x11Req.encode({
    singleConnection: x11.singleConnection ?? false,
    authenticationProtocol: x11.protocol ?? 'MIT-MAGIC-COOKIE-1',
    authenticationCookie: x11.cookie,
    screenNumber: x11.screen ?? 0,
  })
}

function sizeFields({ columns, rows, widthPixels = 0, heightPixels = 0 }: TerminalSize) {
  return { widthColumns: columns, heightRows: rows, widthPixels, heightPixels }
}

/** Something that the server only tells; malformed, it is refused and otherwise ignored. */
function told<T>(request: IncomingRequest, declared: Struct<T>, use: (value: T) => void): void {
  let value: T
  try {
    value = declared.decode(request.data)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    request.reject()
    return
  }
  request.accept()
  use(value)
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    length += chunk.length
  }
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}
