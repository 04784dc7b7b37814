/** Counts the round trips until a publickey login is ready, ours beside npm ssh2 and ssh, through a line of 100 ms. `node scripts/run.mjs --source scripts/round-trips.ts` */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'
import { connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { runSsh, sharedKeyFile, startSshd } from '@hawser/testing'
import { Client as Ssh2 } from 'ssh2'

/** Milliseconds there and back. */
const roundTrip = 100
const runs = 3

/** Each way takes half of it; timers of one length fire in the order in which they were set. */
function carry(from: Socket, to: Socket): void {
  from.on('data', (bytes) => setTimeout(() => to.write(bytes), roundTrip / 2))
  from.on('end', () => setTimeout(() => to.end(), roundTrip / 2))
  from.on('error', () => to.destroy())
}

const identity = sharedKeyFile('ed25519', 'user')
await using sshd = await startSshd()
const relay = createServer({ noDelay: true }, (client) => {
  const there = dial({ port: sshd.port, host: sshd.host, noDelay: true })
  carry(client, there)
  carry(there, client)
}).listen(0, '127.0.0.1')
await once(relay, 'listening')
const far = (relay.address() as AddressInfo).port

const signer = parsePrivateKey(identity.privateText)
const keys = [...sshd.hostKeys.values()].map((key) => parsePublicKey(key.publicLine))
const kex = ['curve25519-sha256']

const logins: Readonly<Record<string, (port: number) => Promise<void>>> = {
  '@hawser/client': async (port) => {
    await using client = await connect({
      host: '127.0.0.1',
      port,
      user: sshd.user,
      auth: [{ method: 'publickey', signer }],
      hostKey: { keys },
      algorithms: { kex },
    })
    clock(client)
  },
  '@hawser/client, known to be let in by this key': async (port) => {
    await using client = await connect({
      host: '127.0.0.1',
      port,
      user: sshd.user,
      auth: ({ attempts }) =>
        attempts.length === 0 ? { method: 'publickey', signer, probe: false } : undefined,
      hostKey: { keys },
      algorithms: { kex },
    })
    clock(client)
  },
  'npm ssh2': async (port) => {
    const client = new Ssh2()
    client.connect({
      host: '127.0.0.1',
      port,
      username: sshd.user,
      privateKey: readFileSync(identity.path),
      algorithms: { kex: ['curve25519-sha256'] },
    })
    await once(client, 'ready')
    clock(client)
    client.end()
  },
  'ssh (with a command, which takes one more for its channel and its end)': async (port) => {
    const { code } = await runSsh({ port, identities: [identity.path], kex, command: 'true' })
    clock(code)
  },
}

let ready = 0
function clock(_seen: unknown): void {
  ready = performance.now()
}

async function fastest(login: (port: number) => Promise<void>, port: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run++) {
    const begun = performance.now()
    await login(port)
    best = Math.min(best, ready - begun)
  }
  return best
}

for (const [name, login] of Object.entries(logins)) {
  await login(sshd.port)
  const near = await fastest(login, sshd.port)
  const through = await fastest(login, far)
  console.log(`${((through - near) / roundTrip).toFixed(1).padStart(5)} round trips  ${name}`)
}
relay.close()
