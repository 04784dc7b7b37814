/** The demo with Hawser on both ends. */

import { connect } from '@hawser/client'
import { fingerprint, generateKey } from '@hawser/keys'
import { bulk, command, startServer } from './server.ts'
import { fact, heading } from './ui.ts'
import { tour } from './work.ts'

export async function run(): Promise<void> {
  heading('Hawser to Hawser, on loopback')
  const userKey = await generateKey('ed25519')
  const { listener, hostKey } = await startServer(userKey)
  fact('server listens', `127.0.0.1:${listener.port}, with a fresh host key`)
  try {
    const before = performance.now()
    const client = await connect({
      host: '127.0.0.1',
      port: listener.port,
      user: 'demo',
      auth: [{ method: 'publickey', signer: userKey }],
      hostKey: { fingerprints: [fingerprint(hostKey.publicKey)] },
    })
    fact('connected and logged in', `${(performance.now() - before).toFixed(1)} ms`)
    await tour(client, command, bulk)
    await client.close()
  } finally {
    await listener.close()
  }
}
