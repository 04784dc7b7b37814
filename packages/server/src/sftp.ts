/** SFTP as a program of the server: its requests and answers on the channel, its end as clients want it. */

import { channelPipe } from '@hawser/session'
import { type ServeSftpOptions, type SftpHandlers, serveSftp } from '@hawser/sftp/server'
import type { ServerProcess } from './server-process.ts'

/**
 * Serves SFTP on an accepted program's channel until the client ends it, then exits: with 0, or with 1 when the client broke the protocol.
 * Settles when the channel is closed; never rejects.
 */
export async function serveSftpProgram<F, D>(
  program: ServerProcess,
  handlers: SftpHandlers<F, D>,
  options: ServeSftpOptions = {},
): Promise<void> {
  let broken = false
  await serveSftp(channelPipe(program.channel), handlers, {
    ...options,
    onError(error, facts) {
      if (facts.op === undefined) broken = true
      options.onError?.(error, facts)
    },
  })
  await program.exit(broken ? 1 : 0)
}

/** Clients that send a link before its target, as the draft has it, to every server that is not named OpenSSH or paramiko. */
const draftClients = /^AsyncSSH_/

/** In which order a client, named as in its identification, sends the paths of a symbolic link. */
export function sftpSymlinkOrder(software: string): 'target-first' | 'link-first' {
  return draftClients.test(software) ? 'link-first' : 'target-first'
}
