/** The demo's own server: Hawser on loopback, with a fresh host key and one user key. */

import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { generateKey, type PrivateKey } from '@hawser/keys'
import type { ServerProcess } from '@hawser/server'
import { connectTcp, type Listener, listen, nodeStreams } from '@hawser/server/node'
import { equal } from '@hawser/wire'
import { type BulkCommands, bulkBytes, pattern } from './work.ts'

export const command = 'whereami'
export const bulk: BulkCommands = { download: 'download', upload: 'upload' }

export interface DemoServer {
  readonly listener: Listener
  readonly hostKey: PrivateKey
}

/** Serves whoever holds `userKey`. */
export async function startServer(userKey: PrivateKey): Promise<DemoServer> {
  const hostKey = await generateKey('ed25519')
  const listener = await listen({
    port: 0,
    hostKeys: [hostKey],
    auth: { publickey: ({ key }) => equal(key.blob, userKey.publicKey.blob) },
    onSession: (session) => void session.onExec((request) => run(request.command, request.accept())),
    onTcpip: (request) => void connectTcp(request),
  })
  return { listener, hostKey }
}

function run(name: string, process: ServerProcess): void {
  if (name === bulk.download) sendBulk(process)
  else if (name === bulk.upload) takeBulk(process)
  else if (name === command)
    void process.write(`a Hawser server on ${hostname()}\n`).then(() => process.exit(0))
  else void process.writeError(`no such command: ${name}\n`).then(() => process.exit(127))
}

function sendBulk(process: ServerProcess): void {
  const { stdout } = nodeStreams(process)
  const hash = createHash('sha256')
  let sent = 0
  const more = (): void => {
    while (sent < bulkBytes) {
      const chunk = pattern(sent / 65_536)
      hash.update(chunk)
      sent += chunk.length
      if (!stdout.write(chunk)) {
        stdout.once('drain', more)
        return
      }
    }
    stdout.end(() => void process.writeError(hash.digest('hex')).then(() => process.exit(0)))
  }
  more()
}

function takeBulk(process: ServerProcess): void {
  const { stdin } = nodeStreams(process)
  const hash = createHash('sha256')
  stdin.on('data', (chunk: Buffer) => hash.update(chunk))
  stdin.on('end', () => void process.write(`${hash.digest('hex')}\n`).then(() => process.exit(0)))
}
