/** One side of a connection in a thread of its own: a client that echoes, or a server that does; the parent hears what came of it. */

import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'
import { Rng } from '@hawser/test-kit'

export interface WorkerSide {
  readonly role: 'client' | 'server'
  /** Of the server; for clients. */
  readonly port: number
  /** A private key: the client's, or the server's. */
  readonly key: string
  /** The server's, as a line; for clients. */
  readonly host: string
  /** Bytes that a client sends and reads again; without end where it is not finite. */
  readonly bytes: number
}

const { role, port, key, host, bytes } = workerData as WorkerSide

if (role === 'client') {
  const client = await connect({
    ...{ host: '127.0.0.1', port, user: 'somebody' },
    auth: [{ method: 'publickey', signer: parsePrivateKey(key) }],
    hostKey: { keys: [parsePublicKey(host)] },
  })
  const program = await client.exec('echo')
  const rng = new Rng('worker')
  const sent = createHash('sha256')
  const writing = (async () => {
    const writer = program.stdin.getWriter()
    for (let left = bytes; left > 0; left -= 65_536) {
      const block = rng.bytes(65_536)
      sent.update(block)
      await writer.write(block)
    }
    await writer.close()
  })()
  const got = createHash('sha256')
  let count = 0
  for await (const chunk of program.stdout) {
    if (count === 0) parentPort?.postMessage('data')
    count += chunk.length
    got.update(chunk)
  }
  await writing
  await client.close()
  parentPort?.postMessage({ count, same: sent.digest('hex') === got.digest('hex') })
} else {
  const server = await listen({
    port: 0,
    hostKeys: [parsePrivateKey(key)],
    auth: { publickey: () => true },
    onSession: (session) => {
      session.onExec(async (exec) => {
        const program = exec.accept()
        await program.stdin.pipeTo(program.stdout)
        await program.exit(0)
      })
    },
  })
  parentPort?.postMessage(server.port)
}
