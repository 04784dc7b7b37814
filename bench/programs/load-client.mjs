// One client of the load of `load.ts`: does its work, prints what came of it as a line of JSON, and holds on until its input ends.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect as connectPlain } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const o = JSON.parse(process.argv[2])
const library = createRequire(import.meta.url)(o.module)
const { Client } = library
const chunk = Buffer.alloc(65_536)
let sent = 0

/** Of the soak. */
const counts = {
  connections: 0,
  execs: 0,
  transfers: 0,
  forwards: 0,
  bytes: 0,
  rekeys: 0,
  cut: 0,
  refused: 0,
  failures: 0,
}

/** How many rounds are under way, how many there were; what waits for their end; what the next ones wait for. */
let atWork = 0
let rounds = 0
let whenIdle = () => undefined
let rest
let goOn = () => undefined

function connect(more) {
  return new Promise((resolve, reject) => {
    const client = new Client()
    client.on('ready', () => resolve(client)).on('error', reject)
    client.connect({ host: '127.0.0.1', port: o.port, username: 'load', readyTimeout: 120_000, ...more })
  })
}

function closed(client) {
  return new Promise((resolve) => client.on('close', resolve).end())
}

/** The promise of what the callback of `call` gets. */
function done(call) {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))))
}

async function exec(client, command) {
  const stream = await done((callback) => client.exec(command, callback))
  let bytes = 0
  stream.on('data', (data) => {
    bytes += data.length
  })
  stream.stderr.resume()
  if (command.startsWith('up')) stream.end(Buffer.alloc(Number(command.split(' ')[1])))
  return new Promise((resolve) => stream.on('close', () => resolve(bytes)))
}

/** Gives back what comes, until its end. */
function echo(stream) {
  stream.on('error', () => undefined)
  stream.pipe(stream)
}

/** Settles when everything came back that a forward was given. */
function echoed(stream, name) {
  return new Promise((resolve, reject) => {
    let back = 0
    stream
      .on('data', (data) => {
        back += data.length
      })
      .on('error', reject)
      .on('close', () =>
        back === chunk.length ? resolve() : reject(new Error(`${back} bytes came back through ${name}`)),
      )
    stream.end(chunk)
  })
}

/** Writes as long as it is allowed to. */
function send(stream) {
  stream.on('error', () => undefined)
  const more = () => {
    while (sent < 2 ** 30) {
      sent += chunk.length
      if (!stream.write(chunk)) return void stream.once('drain', more)
    }
  }
  more()
}

const works = {
  /** `count` connections at once, each with `each` programs in turn. */
  async storm() {
    let ended = 0
    await Promise.all(
      Array.from({ length: o.count }, async () => {
        const client = await connect()
        for (let at = 0; at < o.each; at++) {
          await exec(client, 'true')
          ended++
        }
        await closed(client)
      }),
    )
    return { ended }
  },
  /** `count` channels open at once, each of which gives back what it was given. */
  async channels() {
    const client = await connect()
    const streams = await Promise.all(
      Array.from({ length: o.count }, () => done((callback) => client.exec('echo', callback))),
    )
    let ended = 0
    await Promise.all(
      streams.map((stream, at) => {
        const words = Buffer.from(`channel ${at}`)
        let got = ''
        stream.on('data', (data) => {
          got += data
        })
        stream.end(words)
        return new Promise((resolve) =>
          stream.on('close', () => {
            if (got === words.toString()) ended++
            resolve()
          }),
        )
      }),
    )
    await closed(client)
    return { ended }
  },
  /** `bytes` in all through `channels` of each of `connections`, at once; logins are not part of `transfer`. */
  async spread() {
    const clients = []
    let left = o.connections
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        while (left-- > 0) clients.push(await connect())
      }),
    )
    const each = Math.ceil(o.bytes / o.connections / o.channels)
    const start = performance.now()
    const parts = clients.flatMap((client) =>
      Array.from({ length: o.channels }, () => exec(client, `down ${each}`)),
    )
    const got = (await Promise.all(parts)).reduce((sum, part) => sum + part, 0)
    return { got, transfer: (performance.now() - start) / 1000 }
  },
  async readdir() {
    const sftp = await done((callback) => connect().then((client) => client.sftp(callback), callback))
    const start = performance.now()
    const list = await done((callback) => sftp.readdir(o.path, callback))
    return { got: list.length, transfer: (performance.now() - start) / 1000 }
  },
  async 'exec down'() {
    const client = await connect()
    await done((callback) => client.exec(`down ${2 ** 30}`, callback)) // nobody reads it
    return {}
  },
  async 'exec up'() {
    const client = await connect()
    send(await done((callback) => client.exec('hold', callback)))
    return {}
  },
  async 'forward up'() {
    const client = await connect()
    send(await done((callback) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 2, callback)))
    return {}
  },
  async 'forward down'() {
    const client = await connect()
    await done((callback) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 9, callback)) // nobody reads it
    return {}
  },
  async 'remote forward down'() {
    const client = await connect()
    const port = await done((callback) => client.forwardIn('127.0.0.1', 0, callback))
    client.on('tcp connection', (_details, accept) => accept()) // nobody reads it
    send(connectPlain(port))
    return {}
  },
  async 'sftp down'() {
    const client = await connect()
    const sftp = await done((callback) => client.sftp(callback))
    const stream = sftp.createReadStream('/file')
    await new Promise((resolve) => stream.once('readable', resolve)) // and nobody reads it
    return {}
  },
  async 'sftp up'() {
    const client = await connect()
    const sftp = await done((callback) => client.sftp(callback))
    send(sftp.createWriteStream('/hold'))
    return {}
  },
  /** Everything in turn, `together` at once, for `seconds`; every fifth connection is cut, before every fifth a login fails. */
  async soak() {
    const end = Date.now() + o.seconds * 1000
    const one = async () => {
      const fifth = ++rounds % 5 === 0
      if (fifth) {
        await connect({ username: 'nobody' }).then(closed, () => counts.refused++)
      }
      const client = await connect()
      client.on('error', () => undefined)
      counts.connections++
      for (let at = 0; at < 5; at++) {
        await exec(client, 'true')
        counts.execs++
      }
      counts.bytes += await exec(client, 'down 1048576')
      await exec(client, 'up 1048576')
      counts.bytes += 1_048_576
      if (typeof client.rekey === 'function') {
        await done((callback) => client.rekey(callback))
        counts.rekeys++
      }
      const sftp = await done((callback) => client.sftp(callback))
      await new Promise((resolve, reject) =>
        sftp.createWriteStream('/file').on('error', reject).on('close', resolve).end(Buffer.alloc(262_144)),
      )
      await new Promise((resolve, reject) =>
        sftp
          .createReadStream('/file', { end: 262_143 })
          .on('error', reject)
          .on('close', resolve)
          .on('data', (data) => {
            counts.bytes += data.length
          }),
      )
      counts.transfers += 2
      const port = await done((callback) => client.forwardIn('127.0.0.1', 0, callback))
      client.once('tcp connection', (_details, accept) => echo(accept()))
      await echoed(connectPlain(port), port)
      await done((callback) => client.unforwardIn('127.0.0.1', port, callback))
      await echoed(
        await done((callback) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 7, callback)),
        'forwardOut',
      )
      counts.forwards += 2
      if (fifth) {
        counts.cut++
        client.exec(`down ${2 ** 26}`, (_error, stream) => stream?.resume())
        await new Promise((resolve) => client.on('close', resolve).destroy())
      } else await closed(client)
    }
    await Promise.all(
      Array.from({ length: o.together }, async () => {
        while (Date.now() < end) {
          await rest
          atWork++
          await one().catch((error) => {
            counts.failures++
            process.stderr.write(`${error.stack}\n`)
          })
          if (--atWork === 0) whenIdle()
        }
      }),
    )
    return counts
  },
}

/** The same with promises and web streams. */
async function connectPromised() {
  return library.connect({
    host: '127.0.0.1',
    port: o.port,
    user: 'load',
    auth: [{ method: 'none' }],
    hostKey: library.acceptAnyHostKey,
  })
}

async function pour(writable) {
  const writer = writable.getWriter()
  writer.closed.catch(() => undefined)
  while (sent < 2 ** 30) {
    await writer.ready
    sent += chunk.length
    writer.write(chunk).catch(() => undefined)
  }
}

/** Things that must not be collected while they are looked at. */
const kept = []
const promised = {
  async 'exec down'(client) {
    kept.push(await client.exec(`down ${2 ** 30}`))
  },
  async 'exec up'(client) {
    pour((await client.exec('hold')).channel.writable).catch(() => undefined) // the other side goes away in the end
  },
  async 'forward down'(client) {
    kept.push(await client.forwardOut({ host: '127.0.0.1', port: 9 }))
  },
  async 'forward up'(client) {
    pour((await client.forwardOut({ host: '127.0.0.1', port: 2 })).writable).catch(() => undefined) // the other side goes away in the end
  },
  async 'sftp down'(client) {
    const file = await (await client.sftp()).open('/file')
    const reader = file.readable().getReader()
    kept.push(file, reader, await reader.read()) // and no more than that
  },
  async 'sftp up'(client) {
    const file = await (await client.sftp()).open('/hold', 'w')
    kept.push(file)
    pour(file.writable()).catch(() => undefined) // the other side goes away in the end
  },
}

async function facts() {
  globalThis.gc?.()
  await sleep(50) // array buffers are freed by and by
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  const maxRss = process.resourceUsage().maxRSS * 1024
  const resources = process.getActiveResourcesInfo().length
  return { rss, maxRss, heapUsed, external, sent, resources, connections: counts.connections }
}

/** Lines of the input: `rest` ends what is under way and asks for the facts as `facts` does, `go` lets it go on. */
async function answer(line) {
  if (line === 'go') return goOn()
  if (line === 'rest') {
    rest = new Promise((resolve) => {
      goOn = resolve
    })
    if (atWork > 0)
      await new Promise((resolve) => {
        whenIdle = resolve
      })
  }
  writeSync(1, `${JSON.stringify(await facts())}\n`)
}

const input = createInterface(process.stdin)
input.on('line', (line) => void answer(line)).on('close', () => process.exit(0))
if (o.wait === true) await new Promise((resolve) => input.once('line', resolve))
const cpu = process.cpuUsage()
const start = performance.now()
const outcome =
  library.connect === undefined
    ? await works[o.work]()
    : ((await promised[o.work](await connectPromised())) ?? {})
const { user, system } = process.cpuUsage(cpu)
const seconds = (performance.now() - start) / 1000
writeSync(
  1,
  `${JSON.stringify({ done: { ...outcome, seconds, cpu: (user + system) / 1e6, maxRss: process.resourceUsage().maxRSS * 1024 } })}\n`,
)
