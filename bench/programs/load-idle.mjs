// Cheap clients: `node load-idle.mjs '{"port","count"}'` logs in that many times, prints `{"connected"}`, and holds on until its input ends.
import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)
const { beginClient } = load('@hawser/session')
const { connectSocket, fromNodeSocket } = load('@hawser/session/node')
const o = JSON.parse(process.argv[2])
const together = 32

function connect() {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host: '127.0.0.1', port: o.port })
    socket.once('error', reject)
    socket.once('connect', () => {
      const session = beginClient(fromNodeSocket(socket), {
        user: 'load',
        auth: ({ attempts }) => (attempts.length === 0 ? { method: 'none' } : undefined),
        verifyHostKey: () => true, // the server of the same bench
        readyTimeoutMs: 0,
        algorithms: {
          kex: ['curve25519-sha256'],
          cipher: [o.cipher ?? 'aes128-gcm@openssh.com'],
          compression: ['none'],
        },
      })
      session.ready.then(() => resolve(session), reject)
    })
  })
}

const sessions = []
let failures = 0
let left = o.count
let reason
await Promise.all(
  Array.from({ length: together }, async () => {
    while (left > 0 && failures < 100) {
      left--
      try {
        sessions.push(await connect())
      } catch (error) {
        failures++
        reason ??= error.message
      }
    }
  }),
)
process.stdout.write(`${JSON.stringify({ connected: sessions.length, failures, reason })}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
