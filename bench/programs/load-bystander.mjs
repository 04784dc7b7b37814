// A client that is logged in while others log in: one byte there and back each millisecond; each line of its input asks how long they took.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const o = JSON.parse(process.argv[2])
const { Client } = createRequire(import.meta.url)(o.module)
const client = new Client()
const byte = Buffer.of(1)
let took = []

client.on('ready', () =>
  client.exec('echo', (error, stream) => {
    if (error) throw error
    let sent
    const send = () => {
      sent = performance.now()
      stream.write(byte)
    }
    stream.on('data', () => {
      took.push(performance.now() - sent)
      setTimeout(send, 1)
    })
    send()
    process.stdout.write('{}\n')
  }),
)
client.on('error', (error) => {
  throw error
})
client.connect({ host: '127.0.0.1', port: o.port, username: 'load' })

createInterface(process.stdin)
  .on('line', () => {
    const sorted = took.sort((a, b) => a - b)
    took = []
    const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
    process.stdout.write(`${JSON.stringify({ p50: at(0.5), p99: at(0.99), max: at(1) })}\n`)
  })
  .on('close', () => process.exit(0))
