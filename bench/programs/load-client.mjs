// One client of the load of `load.ts`: does its work, prints what came of it as a line of JSON, and holds on until its input ends.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const o = JSON.parse(process.argv[2])
const { Client } = createRequire(import.meta.url)(o.module)
const chunk = Buffer.alloc(65_536)
let sent = 0

function connect() {
  return new Promise((resolve, reject) => {
    const client = new Client()
    client.on('ready', () => resolve(client)).on('error', reject)
    client.connect({ host: '127.0.0.1', port: o.port, username: 'load', readyTimeout: 120_000 })
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
  /** Everything in turn, `together` at once, for `seconds`; every fifth connection is cut. */
  async soak() {
    const end = Date.now() + o.seconds * 1000
    const counts = { connections: 0, execs: 0, bytes: 0, cut: 0, rekeys: 0, failures: 0 }
    const one = async () => {
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
      const forward = await done((callback) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 2, callback))
      forward.on('error', () => undefined)
      forward.write(chunk)
      if (counts.connections % 5 === 0) {
        counts.cut++
        client.exec(`down ${2 ** 26}`, (_error, stream) => stream?.resume())
        await new Promise((resolve) => client.on('close', resolve).destroy())
      } else await closed(client)
    }
    await Promise.all(
      Array.from({ length: o.together }, async () => {
        while (Date.now() < end)
          await one().catch((error) => {
            counts.failures++
            process.stderr.write(`${error.stack}\n`)
          })
      }),
    )
    return counts
  },
}

function facts() {
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heapUsed, external, sent, resources: process.getActiveResourcesInfo().length }
}

const input = createInterface(process.stdin)
input.on('line', () => writeSync(1, `${JSON.stringify(facts())}\n`)).on('close', () => process.exit(0))
if (o.wait === true) await new Promise((resolve) => input.once('line', resolve))
const cpu = process.cpuUsage()
const start = performance.now()
const outcome = await works[o.work]()
const { user, system } = process.cpuUsage(cpu)
const seconds = (performance.now() - start) / 1000
writeSync(1, `${JSON.stringify({ done: { ...outcome, seconds, cpu: (user + system) / 1e6 } })}\n`)
