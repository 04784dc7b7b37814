// One server under the load of `load.ts`: prints `{"port"}`, lets everybody in, and answers each line of its input with what it holds.
import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const o = JSON.parse(process.argv[2])
const load = createRequire(import.meta.url)
const gib = 2 ** 30
const chunk = Buffer.alloc(65_536)
let sent = 0
let port
let held = () => 0

if (o.module === '@hawser/server') {
  const { listen } = load('@hawser/server/node')
  const { parsePrivateKey } = load('@hawser/keys')
  const listener = await listen({
    port: 0,
    backlog: 1024,
    hostKeys: [await parsePrivateKey(readFileSync(o.hostKey))],
    auth: { none: () => true },
    limits: { startups: { begin: 1000, ratePercent: 30, full: 2000 } },
  })
  port = listener.port
  held = () => listener.connections.size
} else {
  const { Server } = load(o.module)
  const connections = new Set()
  const server = new Server({ hostKeys: [readFileSync(o.hostKey)] }, (connection) => {
    connection.on('error', () => undefined) // a client that goes away is the client's affair
    connection.on('authentication', (context) => context.accept())
    connection.on('ready', () => connections.add(connection))
    connection.on('close', () => connections.delete(connection))
    connection.on('session', (accept) => {
      const session = accept()
      session.on('exec', (acceptExec, _reject, { command }) => exec(acceptExec(), command))
      session.on('sftp', (acceptSftp) => serveSftp(acceptSftp()))
    })
    connection.on('tcpip', (accept) => accept().on('error', () => undefined)) // nobody reads it
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', 1024, resolve))
  port = server.address().port
  held = () => connections.size
}

function exec(stream, command) {
  const [verb, bytes] = command.split(' ')
  stream.on('error', () => undefined)
  if (verb === 'down') send(stream, Number(bytes))
  else if (verb === 'up') stream.on('end', () => finish(stream)).resume()
  else if (verb === 'echo') stream.pipe(stream)
  else if (verb !== 'hold') finish(stream)
}

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
      sent += part.length
      if (!stream.write(part)) return void stream.once('drain', more)
    }
    finish(stream)
  }
  more()
}

/** A file of a GiB that can be read; what is written to it is answered but when its name is `/hold`. */
function serveSftp(sftp) {
  const handles = new Map()
  let next = 0
  sftp.on('OPEN', (id, path) => {
    const handle = Buffer.from([next++ & 0xff])
    handles.set(handle[0], path)
    sftp.handle(id, handle)
  })
  const attributes = { mode: 0o100644, uid: 0, gid: 0, size: gib, atime: 0, mtime: 0 }
  for (const name of ['STAT', 'LSTAT', 'FSTAT']) sftp.on(name, (id) => sftp.attrs(id, attributes))
  sftp.on('READ', (id, _handle, offset, length) => {
    sent += length
    if (offset >= (o.fileSize ?? gib)) sftp.status(id, 1)
    else sftp.data(id, Buffer.alloc(Math.min(length, 262_144)))
  })
  sftp.on('WRITE', (id, handle) => {
    if (handles.get(handle[0]) !== '/hold') sftp.status(id, 0)
  })
  sftp.on('CLOSE', (id, handle) => {
    handles.delete(handle[0])
    sftp.status(id, 0)
  })
}

function facts() {
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const resources = process.getActiveResourcesInfo().length
  return { rss, heapUsed, external, held: held(), sent, resources, cpu: (user + system) / 1e6 }
}

writeSync(1, `${JSON.stringify({ port })}\n`)
createInterface(process.stdin)
  .on('line', () => writeSync(1, `${JSON.stringify(facts())}\n`))
  .on('close', () => process.exit(0))
