// One server under the load of `load.ts`: prints `{"port"}`, lets everybody in, and answers each line of its input with what it holds.
import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const o = JSON.parse(process.argv[2])
const load = createRequire(import.meta.url)
const gib = 2 ** 30
const chunk = Buffer.alloc(65_536)
const file = { mode: 0o100644, uid: 0, gid: 0, size: 5, atime: 0, mtime: 0 }
let sent = 0
let port
let held = () => 0
/** Listeners by port, by the connection that wanted them. */
const forwards = new WeakMap()

if (o.module === '@hawser/server') {
  const { listen } = load('@hawser/server/node')
  const { parsePrivateKey } = load('@hawser/keys')
  const listener = await listen({
    port: 0,
    backlog: 1024,
    hostKeys: [await parsePrivateKey(readFileSync(o.hostKey))],
    auth: { none: () => true },
    onSession: (session) => {
      session.onExec((request) => {
        const program = request.accept()
        if (request.command.startsWith('down')) pour(program.stdout).catch(() => undefined) // the other side goes away in the end
        if (request.command === 'echo') program.stdin.pipeTo(program.stdout).catch(() => undefined) // likewise
      })
      session.onSftp({
        open: (path) => path.text,
        fstat: () => ({ permissions: 0o100644, size: BigInt(gib) }),
        read: (_file, _offset, length) => {
          sent += length
          return new Uint8Array(length)
        },
        write: (path) => (path === '/hold' ? new Promise(() => undefined) : undefined),
      })
    },
    onTcpip: (request) => {
      const channel = request.accept()
      if (request.port === 9) pour(channel.writable).catch(() => undefined) // the other side goes away in the end
    },
    limits: { startups: { begin: 1000, ratePercent: 30, full: 2000 } },
  })
  port = listener.port
  held = () => listener.connections.size
} else {
  const { Server } = load(o.module)
  const connections = new Set()
  const server = new Server({ hostKeys: [readFileSync(o.hostKey)] }, (connection) => {
    connection.on('error', () => undefined) // a client that goes away is the client's affair
    connection.on('authentication', (context) =>
      context.username === 'nobody' ? context.reject() : context.accept(),
    )
    connection.on('ready', () => connections.add(connection))
    connection.on('close', () => connections.delete(connection))
    connection.on('session', (accept) => {
      const session = accept()
      session.on('exec', (acceptExec, _reject, { command }) => exec(acceptExec(), command))
      session.on('sftp', (acceptSftp) => serveSftp(acceptSftp()))
    })
    connection.on('tcpip', (accept, _reject, { destPort }) => {
      const stream = accept().on('error', () => undefined)
      if (destPort === 7) stream.pipe(stream)
      if (destPort === 9) send(stream, gib)
    }) // else nobody reads it
    connection.on('request', (accept, reject, name, details) =>
      forward(connection, accept, reject, name, details),
    )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', 1024, resolve))
  port = server.address().port
  held = () => connections.size
}

/** Writes a GiB as fast as it is asked for. */
async function pour(writable) {
  const writer = writable.getWriter()
  writer.closed.catch(() => undefined)
  while (sent < gib) {
    await writer.ready
    sent += chunk.length
    writer.write(chunk).catch(() => undefined)
  }
}

/** Listens for a client; what comes there goes through its connection. */
function forward(connection, accept, reject, name, { bindAddr, bindPort }) {
  const listeners = forwards.get(connection) ?? new Map()
  forwards.set(connection, listeners)
  const stop = (at) => {
    listeners.get(at)?.close()
    listeners.delete(at)
  }
  if (name === 'cancel-tcpip-forward') {
    stop(bindPort)
    return accept?.()
  }
  if (name !== 'tcpip-forward') return reject?.()
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    connection.forwardOut(
      bindAddr,
      listener.address().port,
      '127.0.0.1',
      socket.remotePort,
      (error, stream) => {
        if (error !== undefined) return socket.destroy()
        stream.on('error', () => undefined)
        socket.pipe(stream).pipe(socket)
      },
    )
  })
  listener.listen(0, '127.0.0.1', () => {
    const { port } = listener.address()
    listeners.set(port, listener)
    accept?.(port)
  })
  connection.once('close', () => [...listeners.keys()].forEach(stop))
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

/** A file of a GiB that can be read, and directories `/dir-N` of N names; what is written to it is answered but when its name is `/hold`. */
function serveSftp(sftp) {
  const handles = new Map()
  let next = 0
  sftp.on('OPEN', (id, path) => {
    const handle = Buffer.from([next++ & 0xff])
    handles.set(handle[0], path)
    sftp.handle(id, handle)
  })
  sftp.on('REALPATH', (id, path) => sftp.name(id, [{ filename: path, longname: path, attrs: {} }]))
  sftp.on('OPENDIR', (id, path) => {
    const handle = Buffer.from([next++ & 0xff])
    handles.set(handle[0], { left: Number(path.split('-')[1]) })
    sftp.handle(id, handle)
  })
  sftp.on('READDIR', (id, handle) => {
    const directory = handles.get(handle[0])
    const count = Math.min(directory.left, 100)
    if (count === 0) return void sftp.status(id, 1)
    const names = Array.from({ length: count }, (_, at) => {
      const filename = `file-${directory.left - at}`
      return { filename, longname: `-rw-r--r-- 1 0 0 5 Jan  1 00:00 ${filename}`, attrs: file }
    })
    directory.left -= count
    sftp.name(id, names)
  })
  const attributes = { mode: 0o100644, uid: 0, gid: 0, size: gib, atime: 0, mtime: 0 }
  for (const name of ['STAT', 'LSTAT', 'FSTAT'])
    sftp.on(name, (id, path) =>
      sftp.attrs(id, String(path).startsWith('/dir-') ? { ...attributes, mode: 0o40755 } : attributes),
    )
  sftp.on('READ', (id, _handle, offset, length) => {
    sent += length
    if (offset >= gib) sftp.status(id, 1)
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

async function facts() {
  globalThis.gc?.()
  await sleep(50) // array buffers are freed by and by
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const maxRss = process.resourceUsage().maxRSS * 1024
  const resources = process.getActiveResourcesInfo().length
  return { rss, maxRss, heapUsed, external, held: held(), sent, resources, cpu: (user + system) / 1e6 }
}

writeSync(1, `${JSON.stringify({ port })}\n`)
createInterface(process.stdin)
  .on('line', () => void facts().then((now) => writeSync(1, `${JSON.stringify(now)}\n`)))
  .on('close', () => process.exit(0))
