/**
 * Serves a folder by SFTP: `sftp-directory.ts HOSTKEY FOLDER BYTES`. Prints its port, and kills itself, as `kill -9` does, in the middle of
 * the request by which it has read and written more than BYTES. Ends when its standard input does.
 */

import { readFileSync } from 'node:fs'
import { parsePrivateKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'
import { directory } from '@hawser/sftp/node'
import type { SftpHandlers } from '@hawser/sftp/server'

const [key, folder, most] = process.argv.slice(2) as [string, string, string]
let left = Number(most)
const moved = (bytes: number): void => {
  left -= bytes
  if (left < 0) process.kill(process.pid, 'SIGKILL')
}
const files = directory(folder) as SftpHandlers
const { read, write } = files
const handlers: SftpHandlers = {
  ...files,
  async read(file, offset, length) {
    const bytes = await read?.(file, offset, length)
    moved(bytes?.length ?? 0)
    return bytes
  },
  async write(file, offset, data) {
    await write?.(file, offset, data)
    moved(data.length)
  },
}
const server = await listen({
  port: 0,
  hostKeys: [parsePrivateKey(readFileSync(key))],
  auth: { publickey: () => true },
  onSession: (session) => void session.onSftp(handlers),
})
process.stdin.on('end', () => void server.close()).resume()
console.log(server.port)
