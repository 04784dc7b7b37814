// A relay that adds time and takes none away: `node latency.mjs TARGET_PORT MILLISECONDS` prints `{"port"}`. Each way takes half of it.
import { connect, createServer } from 'node:net'

const [target, milliseconds] = JSON.parse(process.argv[2])

function carry(from, to) {
  // Timers of one length fire in the order in which they were set.
  from.on('data', (bytes) => setTimeout(() => to.write(bytes), milliseconds / 2))
  from.on('end', () => setTimeout(() => to.end(), milliseconds / 2))
  from.on('error', () => to.destroy())
  from.on('close', () => setTimeout(() => to.destroy(), milliseconds))
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const there = connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  carry(client, there)
  carry(there, client)
})
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`),
)
process.on('SIGTERM', () => {
  process.stdout.write('{}\n')
  process.exit(0)
})
