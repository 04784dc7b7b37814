/** Connects, runs a program and prints one line of JSON about how that went. Nothing in it ends the process: that happens by itself. */

import { readFileSync } from 'node:fs'
import { connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'

const [port, user, keyPath, hostKey, password] = process.argv.slice(2)
try {
  const client = await connect({
    host: '127.0.0.1',
    port: Number(port),
    user: user ?? '',
    auth: [
      password === undefined
        ? { method: 'publickey', probe: true, signer: parsePrivateKey(readFileSync(keyPath ?? '')) }
        : { method: 'password', password },
    ],
    hostKey: { keys: [parsePublicKey(hostKey ?? '')] },
    readyTimeoutMs: 4_000,
    // As in faults.ts, where the lengths of messages were measured.
    algorithms: { cipher: ['aes128-gcm@openssh.com'], kex: ['curve25519-sha256'] },
    keepalive: { intervalMs: 250, maxMissed: 2 },
  })
  const remote = await client.exec('echo ready; cat')
  console.log(JSON.stringify(await remote.exit))
} catch (error) {
  const { code, phase, message } = error as { code?: unknown; phase?: unknown; message?: unknown }
  console.log(JSON.stringify({ code, phase, message }))
}
