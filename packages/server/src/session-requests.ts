/** The requests on a `session` channel, decoded, each with its answer (RFC 4254 §6). */

import { channelRequests, decodeTerminalModes, type TerminalModes } from '@hawser/connection'
import { type Channel, handOver, type IncomingRequest } from '@hawser/session'
import { ProtocolError } from '@hawser/wire'

const { authAgentReq, env, exec, ptyReq, shell, signal, subsystem, windowChange, x11Req } = channelRequests

/** A request that may be answered once. When the client wants no answer, both do nothing. */
export interface Asked {
  readonly wantReply: boolean
  readonly answered: boolean
  accept(): void
  reject(): void
}

/** Size of the client's terminal: characters, and pixels (0 is unknown). */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
  readonly widthPixels: number
  readonly heightPixels: number
}

/** A terminal that the client wants the program to have (RFC 4254 §6.2). */
export interface Pty extends TerminalSize {
  readonly term: string
  readonly modes: TerminalModes
}

export interface X11Forwarding {
  readonly singleConnection: boolean
  readonly protocol: string
  readonly cookie: string
  readonly screen: number
}

/** One handler per request; a request without one is refused. A handler may answer later. */
export interface SessionRequestHandlers {
  pty?(request: Asked & { readonly pty: Pty }): void
  env?(request: Asked & { readonly name: string; readonly value: string }): void
  exec?(request: Asked & { readonly command: string }): void
  shell?(request: Asked): void
  subsystem?(request: Asked & { readonly subsystem: string }): void
  x11?(request: Asked & { readonly x11: X11Forwarding }): void
  agentForward?(request: Asked): void
  windowChange?(size: TerminalSize): void
  /** `name` without `SIG`. */
  signal?(name: string): void
  /** Everything else; what it leaves unanswered stays so. */
  other?(request: IncomingRequest): void
}

/** Takes the requests of `channel` over: those that came before are handled at once. Malformed ones are refused. */
export function sessionRequests(channel: Channel, handlers: SessionRequestHandlers): void {
  channel.onRequest = (request) => {
    try {
      if (!handle(request, handlers)) request.reject()
    } catch (error) {
      // Whatever a handler throws is the application's, but the client shall not wait for ever.
      if (!request.answered) request.reject()
      if (!(error instanceof ProtocolError)) throw error
    }
  }
}

/** False when there is no handler for it. Throws ProtocolError, before any handler is called, for malformed data. */
function handle(request: IncomingRequest, handlers: SessionRequestHandlers): boolean {
  const { data } = request
  switch (request.name) {
    case ptyReq.name: {
      const { modes, term, ...size } = ptyReq.decode(data)
      return given(handlers.pty, request, {
        pty: { term, modes: decodeTerminalModes(modes), ...sizeOf(size) },
      })
    }
    case env.name: {
      const { variableName: name, variableValue: value } = env.decode(data)
      return given(handlers.env, request, { name, value })
    }
    case exec.name:
      return given(handlers.exec, request, exec.decode(data))
    case shell.name:
      return given(handlers.shell, request, shell.decode(data))
    case subsystem.name:
      return given(handlers.subsystem, request, { subsystem: subsystem.decode(data).subsystemName })
    case x11Req.name: {
      const { singleConnection, authenticationProtocol, authenticationCookie, screenNumber } =
        x11Req.decode(data)
      return given(handlers.x11, request, {
        x11: {
          singleConnection,
          protocol: authenticationProtocol,
          cookie: authenticationCookie,
          screen: screenNumber,
        },
      })
    }
    case authAgentReq.name:
      return given(handlers.agentForward, request, {})
    case windowChange.name:
      return told(handlers.windowChange, request, sizeOf(windowChange.decode(data)))
    case signal.name:
      return told(handlers.signal, request, signal.decode(data).signalName)
    default:
      if (handlers.other === undefined) return false
      handlers.other(request)
      return true
  }
}

function given<T extends object>(
  handler: ((request: Asked & T) => void) | undefined,
  request: IncomingRequest,
  facts: T,
): boolean {
  if (handler === undefined) return false
  const asked = {
    ...facts,
    wantReply: request.wantReply,
    get answered() {
      return request.answered
    },
    accept: () => request.accept(),
    reject: () => request.reject(),
  }
  handOver(asked, () => handler(asked))
  return true
}

/** A request that only tells something: it is answered before it is handled. */
function told<T>(handler: ((value: T) => void) | undefined, request: IncomingRequest, value: T): boolean {
  if (handler === undefined) return false
  request.accept()
  handler(value)
  return true
}

function sizeOf(fields: {
  readonly widthColumns: number
  readonly heightRows: number
  readonly widthPixels: number
  readonly heightPixels: number
}): TerminalSize {
  const { widthColumns: columns, heightRows: rows, widthPixels, heightPixels } = fields
  return { columns, rows, widthPixels, heightPixels }
}
