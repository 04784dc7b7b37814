/** The programs that a client runs on its server: one session channel each, for a command, a shell or a subsystem. */

import { type ProcessRequest, startProcess } from '@hawser/client'
import { ChannelRequestError, channelRequests, channelTypes } from '@hawser/connection'
import type { OpenChannelOptions, Channel as SessionChannel } from '@hawser/session'
import { sftpWindow } from '@hawser/sftp'
import { Channel } from './channel.ts'
import type { Forwards } from './client-forwards.ts'
import { debugTrace } from './debug.ts'
import { requestError } from './errors.ts'
import { Link } from './link.ts'
import { type Program, type ProgramWish, programRequest } from './program-options.ts'
import type { SftpClient } from './sftp-client.ts'
import { openSftpClient } from './sftp-open.ts'
import type { SFTPWrapper } from './sftp-wrapper.ts'
import type { ClientCallback, ClientSFTPCallback, DebugFunction } from './types.ts'

/** Starts the programs of one connection. */
export class Programs {
  readonly #link: Link
  readonly #forwards: Forwards
  readonly #agentForward: boolean

  /** `agentForward`: whether programs may use the agent when they say nothing of it. */
  constructor(link: Link, forwards: Forwards, agentForward: boolean) {
    this.#link = link
    this.#forwards = forwards
    this.#agentForward = agentForward
  }

  /** Gives `callback` the program's channel. False when the socket asks to wait. */
  run(program: Program, wish: ProgramWish, callback: ClientCallback): boolean {
    const { allowHalfOpen = true } = wish
    const subtype = 'command' in program ? 'exec' : 'shell' in program ? 'shell' : 'subsystem'
    void this.start(program, wish).then(
      (core) =>
        Link.run(() =>
          callback(
            undefined,
            new Channel({ core, owner: this.#link, server: false, subtype, allowHalfOpen }),
          ),
        ),
      (error: Error) => {
        if (typeof callback === 'function') Link.run(() => callback(error, undefined as never))
      },
    )
    return this.#link.writable
  }

  /** Gives `callback` an SFTP client over the subsystem `sftp`. */
  sftp(wish: ProgramWish, debug: DebugFunction | null | undefined, callback: ClientSFTPCallback): void {
    const done = (error: Error | undefined, sftp?: SftpClient): void =>
      Link.run(() => callback(error, sftp as unknown as SFTPWrapper))
    const software = this.#link.session.remoteIdent?.software ?? ''
    void this.start({ subsystem: 'sftp' }, wish, { firstWindow: sftpWindow }).then(
      (core) => openSftpClient(core, software, debugTrace(debug), done),
      (error: Error) => done(error),
    )
  }

  /** The channel underneath, once the program has started; rejects with the error that programs of ssh2 know. */
  start(program: Program, wish: ProgramWish, opening: OpenChannelOptions = {}): Promise<SessionChannel> {
    const wanted = wish.agentForward ?? this.#agentForward
    const request = programRequest(program, wish, wanted === true && this.#forwards.expectAgent())
    if (request.x11 !== undefined) this.#forwards.expectX11(request.x11.singleConnection === true)
    return this.#open(request, opening).catch((error: unknown) => {
      if (request.x11 !== undefined) this.#forwards.forgetX11()
      if (error instanceof ChannelRequestError && error.request === channelRequests.authAgentReq.name)
        this.#forwards.forgetAgent()
      throw requestError(error, refusal(error, program))
    })
  }

  async #open(request: ProcessRequest, opening: OpenChannelOptions): Promise<SessionChannel> {
    const core = await this.#link.session.openChannel(channelTypes.session.name, undefined, opening)
    await startProcess(core, request)
    return core
  }
}

/** What ssh2 says when a request of a program's start is refused. */
function refusal(error: unknown, program: Program): string {
  const request = error instanceof ChannelRequestError ? error.request : ''
  if (request === channelRequests.ptyReq.name) return 'Unable to request a pseudo-terminal'
  if (request === channelRequests.x11Req.name) return 'Unable to request X11'
  if (request === channelRequests.authAgentReq.name) return 'Unable to request agent forwarding'
  if ('subsystem' in program) return `Unable to start subsystem: ${program.subsystem}`
  return 'shell' in program ? 'Unable to open shell' : 'Unable to exec'
}
