/** Prints what ssh-audit says of our servers with their defaults: `node scripts/run.mjs --source scripts/audit.ts`. */

import { parsePrivateKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'
import { Server } from '@hawser/ssh2-compat'
import { findPeer, run, sharedKeyFile, whyMissing } from '@hawser/test-kit'

const hostKeys = (['ed25519', 'rsa-3072'] as const).map((type) => sharedKeyFile(type, 'host').privateText)

const missing = whyMissing('ssh-audit')
if (missing === undefined) {
  const server = await listen({
    port: 0,
    hostKeys: hostKeys.map((text) => parsePrivateKey(text)),
    auth: { publickey: () => true },
  })
  await audit('@hawser/server', server.port)
  await server.close()

  const compat = new Server({ hostKeys })
  // The audit leaves in the middle of each login.
  compat.on('connection', (client) => client.on('error', () => undefined))
  await new Promise<void>((resolve) => compat.listen(0, '127.0.0.1', resolve))
  await audit('@hawser/ssh2-compat', (compat.address() as { port: number }).port)
  await new Promise<void>((resolve) => compat.close(() => resolve()))
} else {
  console.error(missing)
  process.exitCode = 1
}

async function audit(name: string, port: number): Promise<void> {
  const { path, version } = findPeer('ssh-audit') as { path: string; version?: string }
  const { stdout } = await run(path, ['-n', '-p', String(port), '127.0.0.1'])
  const text = stdout.toString()
  const count = (level: string): number =>
    text.split('\n').filter((line) => line.includes(`[${level}]`)).length
  console.log(`${name}, by ssh-audit ${version ?? ''}\n\n${text}`)
  console.log(`${name}: ${count('fail')} fail, ${count('warn')} warn\n`)
}
