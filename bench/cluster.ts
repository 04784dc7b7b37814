/**
 * Logins per second at `examples/cluster.mjs` with one process and with two, by clients on the same machine: `npm run bench:cluster`.
 * The host key is RSA of 3072 bits, whose signatures keep the server busy, so that clients leave it most of the machine.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { acceptAnyHostKey, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'
import { freePort, sharedKeyFile } from '@hawser/test-kit'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    runs: { type: 'string', default: '3' },
    processes: { type: 'string', default: '1,2' },
  },
})
const example = join(dirname(fileURLToPath(import.meta.url)), '..', 'examples', 'cluster.mjs')
const hostKey = sharedKeyFile('rsa-3072', 'host')
const userKey = sharedKeyFile('ed25519', 'user')
const signer = parsePrivateKey(readFileSync(userKey.path))
/** Fewer than the example's servers begin to turn away. */
const atOnce = 4

const counts = values.processes.split(',').map(Number)
for (let run = 0; run < Number(values.runs); run++) for (const processes of counts) await measure(processes)

async function measure(processes: number): Promise<void> {
  const port = await freePort()
  const server = spawn(
    process.execPath,
    [example, String(port), hostKey.path, `${userKey.path}.pub`, String(processes)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const lines = createInterface(server.stdout)[Symbol.asyncIterator]()
    for (let started = 0; started < processes; started++) await lines.next()
    await login(port)
    const end = performance.now() + Number(values.seconds) * 1000
    const used = process.cpuUsage()
    let logins = 0
    const client = async (): Promise<void> => {
      while (performance.now() < end) {
        await login(port)
        logins++
      }
    }
    await Promise.all(Array.from({ length: atOnce }, client))
    const { user, system } = process.cpuUsage(used)
    const each = ((user + system) / 1000 / logins).toFixed(1)
    process.stdout.write(
      `${processes} process${processes === 1 ? '  ' : 'es'}  ${(logins / Number(values.seconds)).toFixed(0)} logins/s, the clients’ CPU ${each} ms each\n`,
    )
  } finally {
    server.kill('SIGTERM')
    await once(server, 'exit')
  }
}

async function login(port: number): Promise<void> {
  const client = await connect({
    host: '127.0.0.1',
    port,
    user: 'ada',
    auth: [{ method: 'publickey', signer }],
    hostKey: acceptAnyHostKey,
    algorithms: { kex: ['curve25519-sha256'] },
  })
  await client.close()
}
