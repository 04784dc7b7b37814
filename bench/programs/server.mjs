// One server of an ssh2-shaped module: prints `{"port"}`, serves `down MIB`, `up`, `echo` and `true`, and on SIGTERM prints what it cost.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const o = JSON.parse(process.argv[2])
const { Server } = createRequire(import.meta.url)(o.module)
const chunk = Buffer.alloc(65_536)
let cpu = process.cpuUsage()

const server = new Server({ hostKeys: [readFileSync(o.hostKey)] }, (connection) => {
  connection.on('error', () => undefined) // a client that goes away is the client's affair
  connection.on('authentication', (context) => {
    if (context.method === 'none') context.reject(['publickey'])
    else context.accept()
  })
  connection.on('ready', () => {
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, info) => {
        const stream = acceptExec()
        const [verb, mib] = info.command.split(' ')
        if (verb === 'down') send(stream, Number(mib) * 1_048_576)
        else if (verb === 'up') {
          stream.resume()
          stream.on('end', () => finish(stream))
        } else if (verb === 'echo') {
          stream.on('data', (data) => stream.write(data))
          stream.on('end', () => finish(stream))
        } else finish(stream)
      })
    })
  })
})

function finish(stream) {
  stream.exit(0)
  stream.end()
}

function send(stream, bytes) {
  let left = bytes
  const more = () => {
    while (left > 0) {
      const part = left < chunk.length ? chunk.subarray(0, left) : chunk
      left -= part.length
      if (!stream.write(part)) {
        stream.once('drain', more)
        return
      }
    }
    finish(stream)
  }
  more()
}

server.listen(0, '127.0.0.1', () => {
  cpu = process.cpuUsage()
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`)
})
process.on('SIGTERM', () => {
  const { user, system } = process.cpuUsage(cpu)
  process.stdout.write(`${JSON.stringify({ cpu: (user + system) / 1e6 })}\n`)
  process.exit(0)
})
