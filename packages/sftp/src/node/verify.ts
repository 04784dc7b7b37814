/** Whether two files are the same, one here and one at the server. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { SshError, utf8Decode } from '@hawser/wire'
import type { SftpClient } from '../client/client.ts'
import type { LocalPath } from './local-path.ts'
import { SftpReadStream } from './read-stream.ts'

/** Throws an error with the code `SSH_SFTP_NOT_THE_SAME` unless both have the same size or content. */
export async function verifySame(
  sftp: SftpClient,
  remote: Uint8Array,
  local: LocalPath,
  how: 'size' | 'content',
  signal: AbortSignal | undefined,
): Promise<void> {
  const o = signal === undefined ? {} : { signal }
  const [here, there] =
    how === 'size'
      ? [(await stat(local)).size, (await sftp.stat(remote, o)).size]
      : await Promise.all([
          digest(createReadStream(local, o)),
          digest(new SftpReadStream(sftp.connection, { path: remote }, o)),
        ])
  if (here === there) return
  throw new SshError(
    'SSH_SFTP_NOT_THE_SAME',
    `${JSON.stringify(utf8Decode(remote))} at the server and ${JSON.stringify(local.toString())} here differ after the transfer: ` +
      `${how === 'size' ? 'their sizes are' : 'their SHA-256 is'} ${there} and ${here}`,
  )
}

async function digest(stream: NodeJS.ReadableStream): Promise<string> {
  const hash = createHash('sha256')
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (bytes: Buffer) => void hash.update(bytes))
    stream.on('end', resolve)
    stream.on('error', reject)
  })
  return hash.digest('hex')
}
