/** From a stream of bytes to an SFTP client. */

import type { ByteChannel } from '@hawser/wire'
import type { SftpCallOptions } from './ask.ts'
import { SftpClient } from './client.ts'
import { type LinkOptions, SftpLink } from './link.ts'

/** `trace` sees every message, by name and size. `linkPathFirst` is for servers that take symlinks in the draft's order. */
export interface OpenSftpOptions extends SftpCallOptions, LinkOptions {}

/**
 * Takes over `channel`, which leads to an SFTP server, and exchanges versions with it. Rejects when the channel is lost, with
 * ProtocolError when something else than SFTP version 3 answers, and with the signal's reason when that aborts; the channel is
 * closed then.
 */
export function openSftp(channel: ByteChannel, o: OpenSftpOptions = {}): Promise<SftpClient> {
  const { signal, ...options } = o
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      channel.destroy()
      return reject(signal.reason)
    }
    const close = SftpLink.open(channel, options, (error, link) => {
      signal?.removeEventListener('abort', abort)
      if (link === undefined) reject(error)
      else resolve(new SftpClient(link))
    })
    const abort = (): void => {
      // First, so that the caller gets this and not what follows from it.
      reject(signal?.reason)
      close(signal?.reason instanceof Error ? signal.reason : new Error('aborted by the caller'))
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}
