/** Serves one connection and prints its port, then one line of JSON about how that went. Nothing in it ends the process: that happens by itself. */

import { readFileSync } from 'node:fs'
import { parsePrivateKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'

const server = await listen({
  port: 0,
  hostKeys: [parsePrivateKey(readFileSync(process.argv[2] ?? ''))],
  auth: { publickey: () => true },
  limits: { loginGraceMs: 4_000 },
  // As in faults.ts, where the lengths of messages were measured.
  algorithms: { cipher: ['aes128-gcm@openssh.com'], kex: ['curve25519-sha256'] },
  keepalive: { intervalMs: 250, maxMissed: 2 },
  onSession: (session) => {
    session.onExec((exec) => void exec.accept().write('ready\n'))
  },
  onConnection: (connection) => {
    void connection.closed.then(async () => {
      const { code, phase, message } = (connection.session.error ?? {}) as {
        code?: unknown
        phase?: unknown
        message?: unknown
      }
      console.log(JSON.stringify({ code, phase, message }))
      await server.close()
    })
  },
})
console.log(server.port)
