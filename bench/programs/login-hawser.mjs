// Logins of @hawser/client: `node login-hawser.mjs '{"port","user","key","count"}'` prints one JSON line, as `client.mjs` does for `logins`.
import { readFileSync } from 'node:fs'
import { acceptAnyHostKey, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'

const o = JSON.parse(process.argv[2])

async function login() {
  const start = performance.now()
  const client = await connect({
    host: '127.0.0.1',
    port: o.port,
    user: o.user,
    auth: [{ method: 'publickey', signer: parsePrivateKey(readFileSync(o.key)) }],
    hostKey: acceptAnyHostKey,
    algorithms: o.algorithms ?? {},
  })
  const took = performance.now() - start
  await client.close()
  return took
}

await login()
const cpu = process.cpuUsage()
const took = []
for (let i = 0; i < o.count; i++) took.push(await login())
const { user, system } = process.cpuUsage(cpu)
const sorted = took.toSorted((a, b) => a - b)
const seconds = took.reduce((sum, each) => sum + each, 0) / 1000
const p50 = sorted[sorted.length >> 1]
const p99 = sorted[Math.floor(sorted.length * 0.99)]
process.stdout.write(
  `${JSON.stringify({ amount: o.count, seconds, cpu: (user + system) / 1e6, p50, p99 })}\n`,
)
