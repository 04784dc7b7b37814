/** What the demo does over a connection, whoever serves it: a command, bulk data both ways with a rekey in the middle, a forward. */

import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Client, Process } from '@hawser/client'
import { toNodeDuplex } from '@hawser/session/node'
import { fact, heading, progress, quoted, rate } from './ui.ts'

export const bulkBytes = 256 * 1_048_576

/** Commands that make and take bulk data; both print a SHA-256 at the end, in a line of stderr or stdout. */
export interface BulkCommands {
  /** Writes {@link bulkBytes} bytes to stdout and their SHA-256 in hex to stderr. */
  readonly download: string
  /** Reads stdin to its end and writes its SHA-256 in hex to stdout. */
  readonly upload: string
}

/** Everything that both halves of the demo show. */
export async function tour(client: Client, command: string, bulk: BulkCommands): Promise<void> {
  heading('Negotiated')
  const { security } = client
  fact('key exchange', `${security.kex}${security.strictKex ? ', strict' : ''}`)
  fact('host key', `${security.hostKeyAlgorithm} ${security.hostKeyFingerprint}`)
  fact('cipher', `${security.cipher.out}${security.mac.out === '' ? '' : ` with ${security.mac.out}`}`)

  heading(`A command: ${command}`)
  const result = await (await client.exec(command)).text()
  quoted(result.stdout)
  fact('exit code', String(result.code))

  heading('256 MiB each way, with new keys in the middle')
  await download(client, bulk)
  await upload(client, bulk)

  heading('A web page through a forward')
  await forward(client)
}

async function download(client: Client, bulk: BulkCommands): Promise<void> {
  const process = await client.exec(bulk.download)
  const expected = textOf(process.stderr)
  const hash = createHash('sha256')
  const bar = progress('down', bulkBytes)
  const rekeyed = middle(client)
  const started = performance.now()
  let received = 0
  for await (const chunk of process.stdout) {
    hash.update(chunk)
    received += chunk.length
    bar.add(chunk.length)
    rekeyed.at(received)
  }
  const elapsed = performance.now() - started
  bar.stop()
  check('down', hash.digest('hex'), (await expected).trim())
  await ended(process)
  fact('down, checksums equal', `${rate(received, elapsed)}, ${await rekeyed.done()}`)
}

async function upload(client: Client, bulk: BulkCommands): Promise<void> {
  const process = await client.exec(bulk.upload)
  const answer = textOf(process.stdout)
  const hash = createHash('sha256')
  const bar = progress('up  ', bulkBytes)
  const rekeyed = middle(client)
  const writer = process.stdin.getWriter()
  const started = performance.now()
  let sent = 0
  for (let i = 0; sent < bulkBytes; i++) {
    const chunk = pattern(i)
    hash.update(chunk)
    await writer.ready
    writer.write(chunk).catch(() => undefined) // close() below rejects with the same error
    sent += chunk.length
    bar.add(chunk.length)
    rekeyed.at(sent)
  }
  await writer.close()
  const theirs = (await answer).trim()
  const elapsed = performance.now() - started
  bar.stop()
  check('up', hash.digest('hex'), theirs.slice(0, 64))
  await ended(process)
  fact('up, checksums equal', `${rate(sent, elapsed)}, ${await rekeyed.done()}`)
}

async function forward(client: Client): Promise<void> {
  const page = '<h1>Hello through SSH</h1>'
  const web = createServer((_request, response) => {
    response.setHeader('connection', 'close')
    response.end(page)
  })
  const port = await listening(web)
  try {
    const channel = await client.forwardOut({ host: '127.0.0.1', port })
    const stream = toNodeDuplex(channel)
    stream.end('GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n')
    let answer = ''
    for await (const chunk of stream.setEncoding('utf8')) answer += chunk
    if (!answer.endsWith(page)) throw new Error(`the web page did not come through: ${answer}`)
    fact('fetched', `${answer.split('\r\n')[0]}, ${page}`)
  } finally {
    web.close()
  }
}

/** Bytes that differ from chunk to chunk and cost little to make; 64 KiB. */
export function pattern(number: number): Uint8Array {
  const chunk = Buffer.alloc(65_536, number & 0xff)
  chunk.writeUInt32BE(number, 0)
  return chunk
}

/** Renews the keys once half of the bulk has passed. */
function middle(client: Client): { at(bytes: number): void; done(): Promise<string> } {
  let rekey: Promise<unknown> | undefined
  return {
    at(bytes) {
      if (rekey === undefined && bytes > bulkBytes / 2) rekey = client.rekey()
    },
    async done() {
      await rekey
      return rekey === undefined ? 'no rekey' : 'rekeyed half-way'
    },
  }
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function ended(process: Process): Promise<void> {
  const { code, signal } = await process.exit
  if (code !== 0) throw new Error(`the remote program ended with ${code ?? signal}`)
}

function check(way: string, ours: string, theirs: string): void {
  if (ours !== theirs) throw new Error(`${way}: the checksums differ: ${ours} here, ${theirs} there`)
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
