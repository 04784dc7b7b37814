/** Starts SFTP over a channel of a client: the version exchange, and how the channel's end is told. */

import { channelRequests } from '@hawser/connection'
import { channelPipe, type Channel as SessionChannel } from '@hawser/session'
import { SftpLink } from '@hawser/sftp'
import type { Trace } from '@hawser/wire'
import { type Exit, readExit } from './channel.ts'
import { SftpClient } from './sftp-client.ts'
import { protocolCause, requestFailure } from './sftp-errors.ts'
import { SftpServer } from './sftp-server.ts'

/** `software` is the server's identification. `done` is called once. */
export function openSftpClient(
  core: SessionChannel,
  software: string,
  trace: Trace | undefined,
  done: (error: Error | undefined, sftp?: SftpClient) => void,
): void {
  let exit: Exit | undefined
  core.onRequest = (request) => {
    exit ??= readExit(request)
    if (exit === undefined) request.reject()
    else request.accept()
  }
  const close = (): void => void core.close()
  const closed = core.closed.then(() => exit ?? [])
  SftpLink.open(channelPipe(core), trace === undefined ? {} : { trace }, (error, link) => {
    if (link !== undefined)
      return done(undefined, new SftpClient({ link, close, closed, linkPathFirst: linkPathFirst(software) }))
    close()
    const failure = error as Error
    // A program that could not be started tells by its exit status, which may come last.
    if (protocolCause(failure) !== undefined) done(requestFailure(failure))
    else void closed.then(([code]) => done(notStarted(failure, code)))
  })
}

/** Serves SFTP on a channel of a server; `ident` is our own identification, if the program gave one. */
export function openSftpServer(
  core: SessionChannel,
  o: { readonly client: string; readonly ident: string | undefined; readonly trace: Trace | undefined },
): SftpServer {
  let closing = false
  const close = (): void => {
    if (closing) return
    closing = true
    // scp takes an SFTP server that ends without a status for one that failed.
    core.notify(channelRequests.exitStatus.name, channelRequests.exitStatus.encode({ exitStatus: 0 }))
    void core.close()
  }
  // Clients of ours go by our identification, as by everybody's.
  const ours = /hawser/i.test(o.client) && o.ident !== undefined && linkPathFirst(o.ident)
  return new SftpServer({
    channel: channelPipe(core),
    close,
    closed: core.closed,
    linkPathFirst: ours || linkPathFirst(o.client),
    trace: o.trace,
  })
}

/**
 * Who of both ends takes SSH_FXP_SYMLINK as the draft has it (draft-ietf-secsh-filexfer-02 §6.10): all but OpenSSH, which has it the
 * other way round, and ourselves, as ssh2 has it too.
 */
export function linkPathFirst(software: string): boolean {
  return !/openssh|hawser/i.test(software)
}

function notStarted(failure: Error, code: unknown): Error {
  if (typeof code !== 'number') return requestFailure(failure)
  return Object.assign(
    new Error(`Unable to start SFTP: the server's program ended with exit status ${code}`, {
      cause: failure,
    }),
    { code },
  )
}
