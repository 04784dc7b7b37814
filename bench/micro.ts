/**
 * What each pure layer costs by itself, in memory, beside the floor: the least that the same work takes without it.
 * `npm run bench:micro`. Medians of short samples, taken in turn. The ciphers are in `micro-crypto.ts`, reading keys in `keys.ts`.
 */

import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import { Mux } from '../packages/connection/src/mux.ts'
import { SftpClientMachine } from '../packages/sftp/src/client/machine.ts'
import { SftpServerMachine } from '../packages/sftp/src/server/machine.ts'
import { authenticatedPair } from '../packages/transport/src/testing/kit.ts'
import { Reader } from '../packages/wire/src/reader.ts'
import { Writer } from '../packages/wire/src/writer.ts'

const samples = 21
const sampleMs = 6
const block = new Uint8Array(32_768).fill(0x55)
const short = new Uint8Array(64).fill(0x55)

interface Row {
  readonly name: string
  readonly bytes: number
  readonly floor: string
  readonly work: () => unknown
  readonly least: () => unknown
}

const rows: Row[] = [
  {
    name: 'wire: number, uint32 and string written, and read back',
    bytes: short.length,
    floor: 'the bytes copied twice',
    work() {
      const reader = new Reader(new Writer().byte(94).uint32(7).string(short).finish())
      return reader.byte() + reader.uint32() + reader.string().length
    },
    least: () => short.slice().slice(),
  },
  ...[short, block].map(
    (data): Row => ({
      name: 'connection: data from one mux to another, with credit',
      bytes: data.length,
      floor: 'the bytes copied once',
      work: throughMuxes(data),
      least: () => data.slice(),
    }),
  ),
  ...[short, block].map(
    (data): Row => ({
      name: 'transport: a message sealed and opened, aes128-gcm',
      bytes: data.length,
      floor: 'the cipher of node:crypto, both ways',
      work: throughTransports(data),
      least: gcm(data),
    }),
  ),
  ...[short, block].map(
    (data): Row => ({
      name: 'sftp: a write asked for, taken and answered',
      bytes: data.length,
      floor: 'the bytes copied once',
      work: throughSftp(data),
      least: () => data.slice(),
    }),
  ),
]

const tasks = rows.flatMap(({ work, least }) => [work, least])
const counts = tasks.map(calibrate)
const times = tasks.map(() => [] as number[])
for (let sample = 0; sample < samples; sample++)
  for (const [at, task] of tasks.entries()) times[at]?.push(timePer(task, counts[at] as number))
console.log(`${''.padEnd(56)} bytes     ours    floor  (microseconds each)`)
for (const [at, { name, bytes, floor }] of rows.entries()) {
  const [ours, least] = [median(times[at * 2] as number[]), median(times[at * 2 + 1] as number[])]
  console.log(`${name.padEnd(56)} ${String(bytes).padStart(5)} ${micro(ours)} ${micro(least)}  ${floor}`)
}

function throughMuxes(data: Uint8Array): () => unknown {
  const [a, b] = [new Mux(), new Mux()]
  const from = a.open('session')
  carry(a, b)
  const opening = b.poll()
  if (opening?.type !== 'open-request') throw new Error('no channel came')
  const to = opening.channel
  b.accept(to)
  carry(b, a)
  if (a.poll()?.type !== 'opened') throw new Error('the channel was not opened')
  return () => {
    if (a.write(from, data) !== data.length) throw new Error('the window is full')
    let got = 0
    carry(a, b)
    for (let event = b.poll(); event !== undefined; event = b.poll())
      if (event.type === 'data') {
        got += event.data.length
        b.consumed(to, event.data.length)
      }
    carry(b, a)
    while (a.poll() !== undefined);
    if (got !== data.length) throw new Error(`${got} bytes came of ${data.length}`)
  }
}

function carry(from: Mux, to: Mux): void {
  for (let next = from.takeOutput(); next !== undefined; next = from.takeOutput()) {
    const { head, body } = next
    if (body === undefined) to.receive(head)
    else {
      const whole = new Uint8Array(head.length + body.length)
      whole.set(head)
      whole.set(body, head.length)
      to.receive(whole)
    }
  }
}

function throughTransports(data: Uint8Array): () => unknown {
  const { client, server } = authenticatedPair({ algorithms: { cipher: ['aes128-gcm@openssh.com'] } })
  const head = Uint8Array.of(94, 0, 0, 0, 0)
  return () => {
    client.send(head, data)
    for (let chunk = client.takeOutput(); chunk !== undefined; chunk = client.takeOutput())
      server.receive(chunk)
    for (let event = server.poll(); event !== undefined; event = server.poll())
      if (event.type === 'message' && event.payload.length === head.length + data.length) return event
    throw new Error('no message came')
  }
}

function gcm(data: Uint8Array): () => unknown {
  const [key, iv] = [createSecretKey(new Uint8Array(16)), new Uint8Array(12)]
  return () => {
    const cipher = createCipheriv('aes-128-gcm', key, iv)
    const sealed = cipher.update(data)
    cipher.final()
    const decipher = createDecipheriv('aes-128-gcm', key, iv)
    decipher.setAuthTag(cipher.getAuthTag())
    decipher.update(sealed)
    decipher.final()
  }
}

function throughSftp(data: Uint8Array): () => unknown {
  const [client, server] = [new SftpClientMachine(), new SftpServerMachine()]
  const handle = Uint8Array.of(1, 2, 3, 4)
  const toServer = (): void => {
    for (let next = client.takeOutput(); next !== undefined; next = client.takeOutput())
      server.receive(next.slice())
  }
  const toClient = (): void => {
    for (let next = server.takeOutput(); next !== undefined; next = server.takeOutput()) client.receive(next)
  }
  client.start()
  toServer()
  server.poll()
  toClient()
  client.poll()
  return () => {
    client.request({ type: 'write', handle, offset: 0n, data })
    toServer()
    const asked = server.poll()
    if (asked?.type !== 'request') throw new Error('no request came')
    server.reply(asked.id, { type: 'status', code: 0, message: '', language: '' })
    toClient()
    if (client.poll()?.type !== 'reply') throw new Error('no reply came')
  }
}

function timePer(task: () => unknown, count: number): number {
  const start = performance.now()
  for (let at = 0; at < count; at++) task()
  return (performance.now() - start) / count
}

/** How many fill a sample; warms up on the way. */
function calibrate(task: () => unknown): number {
  timePer(task, 2000)
  return Math.max(1, Math.round(sampleMs / timePer(task, 200)))
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number
}

function micro(ms: number): string {
  return (ms * 1000).toFixed(2).padStart(8)
}
