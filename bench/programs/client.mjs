// One client run of an ssh2-shaped module: `node client.mjs '{"module","work",…}'` prints one JSON line of what it did and cost.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const o = JSON.parse(process.argv[2])
const { Client } = createRequire(import.meta.url)(o.module)

function connect() {
  return new Promise((resolve, reject) => {
    const client = new Client()
    client.on('ready', () => resolve(client)).on('error', reject)
    client.connect({
      host: '127.0.0.1',
      port: o.port,
      username: o.user,
      privateKey: readFileSync(o.key),
      readyTimeout: 60_000,
      ...(o.cipher === undefined
        ? {}
        : { algorithms: { cipher: [o.cipher], ...(o.mac === undefined ? {} : { hmac: [o.mac] }) } }),
    })
  })
}

function closed(client) {
  return new Promise((resolve) => client.on('close', resolve).end())
}

function download(client) {
  return new Promise((resolve, reject) => {
    let bytes = 0
    client.exec(o.command ?? `dd if=/dev/zero bs=1M count=${o.mib} 2>/dev/null`, (error, stream) => {
      if (error) return reject(error)
      stream.on('data', (chunk) => {
        bytes += chunk.length
      })
      stream.stderr.resume()
      stream.on('close', () => resolve(bytes))
    })
  })
}

function upload(client) {
  const chunk = Buffer.alloc(o.chunk ?? 65_536)
  return new Promise((resolve, reject) => {
    client.exec(o.command ?? 'cat >/dev/null', (error, stream) => {
      if (error) return reject(error)
      let left = o.mib * 1_048_576
      stream.resume()
      stream.stderr.resume()
      stream.on('close', () => resolve(o.mib * 1_048_576 - left))
      const more = () => {
        while (left > 0) {
          const part = left < chunk.length ? chunk.subarray(0, left) : chunk
          left -= part.length
          if (!stream.write(part)) {
            stream.once('drain', more)
            return
          }
        }
        stream.end()
      }
      more()
    })
  })
}

/** Milliseconds of each operation. */
const latencies = []

async function timed(work) {
  const start = performance.now()
  await work()
  latencies.push(performance.now() - start)
}

async function handshakes() {
  for (let i = 0; i < o.count; i++) await timed(async () => closed(await connect()))
  return o.count
}

/** Until ready; the end is not timed, only paid for. */
async function logins() {
  for (let i = 0; i < o.count; i++) {
    let client
    await timed(async () => {
      client = await connect()
    })
    await closed(client)
  }
  return o.count
}

function exec(client, command) {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, stream) => {
      if (error) return reject(error)
      stream.resume()
      stream.stderr.resume()
      stream.on('close', resolve)
    })
  })
}

async function execs(client) {
  for (let i = 0; i < o.count; i++) await timed(() => exec(client, o.command ?? 'true'))
  return o.count
}

function echoing(client) {
  return new Promise((resolve, reject) =>
    client.exec('echo', (error, stream) => (error ? reject(error) : resolve(stream))),
  )
}

/** One byte there and back, the next when it is back. */
async function bytes(client) {
  const stream = await echoing(client)
  const byte = Buffer.of(1)
  for (let i = 0; i < o.count; i++)
    await timed(
      () =>
        new Promise((resolve) => {
          stream.once('data', resolve)
          stream.write(byte)
        }),
    )
  stream.end()
  return o.count
}

/** Writes of 64 bytes, as many as the stream takes, until all are back. */
async function echoes(client) {
  const stream = await echoing(client)
  const chunk = Buffer.alloc(64)
  let left = o.count
  let back = 0
  const more = () => {
    while (left > 0) {
      left--
      if (!stream.write(chunk)) {
        stream.once('drain', more)
        return
      }
    }
  }
  await new Promise((resolve) => {
    stream.on('data', (data) => {
      back += data.length
      if (back === o.count * chunk.length) resolve()
    })
    more()
  })
  stream.end()
  return o.count
}

async function measure(work) {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  const amount = await work()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const { user, system } = process.cpuUsage(cpu)
  return { amount, seconds, cpu: (user + system) / 1e6, rss: process.memoryUsage.rss(), ...percentiles() }
}

function percentiles() {
  if (latencies.length === 0) return {}
  const sorted = latencies.sort((a, b) => a - b)
  return { p50: sorted[sorted.length >> 1], p99: sorted[Math.floor(sorted.length * 0.99)] }
}

const works = { download, upload, execs, bytes, echoes }
let result
if (o.work === 'handshakes' || o.work === 'logins') {
  await closed(await connect())
  result = await measure(o.work === 'logins' ? logins : handshakes)
  if (o.work === 'logins') result.seconds = latencies.reduce((sum, each) => sum + each, 0) / 1000
} else {
  const client = await connect()
  result = await measure(() => works[o.work](client))
  await closed(client)
}
process.stdout.write(`${JSON.stringify(result)}\n`)
