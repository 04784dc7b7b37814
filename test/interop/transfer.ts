/** Moves much data through one session, with new keys every mebibyte, and compares checksums. */

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ConnectOptions, connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import type { ServerProcess } from '@hawser/server'
import { listen, nodeStreams } from '@hawser/server/node'
import { toNodeDuplex } from '@hawser/session/node'
import {
  type AlgorithmOptions,
  Rng,
  removeFolder,
  runSsh,
  sharedKeyFile,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import type { Negotiated } from '@hawser/transport'

export const mebibyte = 1_048_576

/** `up` is towards the server, `both` is up and back at the same time. */
export type Flow = 'up' | 'down' | 'both'

export interface TransferOptions {
  readonly role: 'client' | 'server'
  readonly flow: Flow
  readonly bytes: number
  readonly cipher: string
  readonly mac?: string
  /** The only compression that our side takes. Default: it offers what it always does, and none is used. */
  readonly compression?: string
  /** Who asks for new keys after each mebibyte. */
  readonly rekeyBy: 'peer' | 'us' | 'both'
  /** After this many milliseconds the transfer counts as stalled. */
  readonly timeoutMs: number
}

export interface Transfer {
  readonly ms: number
  /** Key exchanges after the first. */
  readonly rekeys: number
  /** SHA-256 of what arrived at the far end of each direction that was used. */
  readonly checksums: readonly string[]
  /** The cipher, in both directions, the MAC and the compression, if any, as negotiated. */
  readonly cipher: string
}

/** Our role against OpenSSH's other one. Throws when anything fails or stalls; compare `checksums` with {@link checksumOf}. */
export function transfer(options: TransferOptions): Promise<Transfer> {
  return options.role === 'client' ? asClient(options) : asServer(options)
}

const block = new Rng('bulk data').bytes(65_536)

/** `total` bytes in pieces of 64 KiB, no two alike: a lost, doubled or swapped one changes the checksum. */
function* bulk(total: number): Generator<Buffer> {
  for (let at = 0, number = 0; at < total; at += block.length, number++) {
    const piece = Buffer.from(block.subarray(0, Math.min(block.length, total - at)))
    piece.writeUInt32BE(number)
    yield piece
  }
}

/** SHA-256 of {@link bulk}, `times` over. */
export function checksumOf(total: number, times = 1): string {
  const hash = createHash('sha256')
  for (let done = 0; done < times; done++) for (const piece of bulk(total)) hash.update(piece)
  return hash.digest('hex')
}

async function asClient(o: TransferOptions): Promise<Transfer> {
  const folder = temporaryFolder('bulk')
  await using sshd = await startSshd({
    hostKeys: ['ed25519'],
    ...algorithms(o),
    ...(o.rekeyBy === 'us' ? {} : { rekeyLimit: '1M' }),
  })
  let rekeys = 0
  await using client = await connect({
    host: sshd.host,
    port: sshd.port,
    user: sshd.user,
    auth: [{ method: 'publickey', signer: parsePrivateKey(sharedKeyFile('ed25519', 'user').privateText) }],
    hostKey: { keys: [...sshd.hostKeys.values()].map((key) => parsePublicKey(key.publicLine)) },
    ...ours(o),
    hooks: {
      keys: (_, first) => {
        if (!first) rekeys++
      },
    },
  })
  // What the far end sends has to come from a file that it can read; the file is sent over and over where it would be big.
  const inFile = Math.min(o.bytes, 64 * mebibyte)
  const file = join(folder, 'bulk')
  if (o.flow === 'down') writeFileSync(file, Buffer.concat([...bulk(inFile)]))
  const commands: Record<Flow, string> = {
    up: 'sha256sum',
    down: `for i in $(seq ${o.bytes / inFile}); do cat '${file}'; done`,
    both: 'cat',
  }
  const begun = performance.now()
  const stalled = setTimeout(() => client.session.destroy(new Error('the transfer stalled')), o.timeoutMs)
  try {
    const channel = (await client.exec(commands[o.flow])).channel
    const duplex = toNodeDuplex(channel)
    const hash = createHash('sha256')
    const received: Buffer[] = []
    const reading = (async () => {
      for await (const chunk of duplex as AsyncIterable<Buffer>)
        if (o.flow === 'up') received.push(chunk)
        else hash.update(chunk)
    })()
    const source = Readable.from(o.flow === 'down' ? [] : bulk(o.bytes), { objectMode: false })
    source.pipe(duplex)
    await Promise.all([reading, channel.closed])
    if (channel.error !== undefined) throw channel.error
    const told = o.flow === 'up' ? Buffer.concat(received).toString().slice(0, 64) : hash.digest('hex')
    return {
      ms: performance.now() - begun,
      rekeys,
      checksums: [told],
      cipher: named(client.session.negotiated),
    }
  } finally {
    clearTimeout(stalled)
    removeFolder(folder)
  }
}

async function asServer(o: TransferOptions): Promise<Transfer> {
  let rekeys = 0
  let cipher = ''
  let failure: Error | undefined
  const user = parsePublicKey(sharedKeyFile('ed25519', 'user').publicLine)
  await using server = await listen({
    port: 0,
    hostKeys: [parsePrivateKey(sharedKeyFile('ed25519', 'host').privateText)],
    auth: { publickey: ({ key }) => Buffer.compare(key.blob, user.blob) === 0 },
    onConnectionError: (error) => {
      failure = error
    },
    onSession: (session) => {
      session.onExec((exec) => {
        serveBulk(exec.command, exec.accept()).catch((error: Error) => {
          failure = error
        })
      })
    },
    ...ours(o),
    hooks: {
      keys: (negotiated, first) => {
        if (!first) rekeys++
        cipher = named(negotiated)
      },
    },
  })
  const hash = createHash('sha256')
  let told = ''
  const begun = performance.now()
  const result = await runSsh({
    port: server.port,
    identities: [sharedKeyFile('ed25519', 'user').path],
    command: `${o.flow} ${o.bytes}`,
    ...algorithms(o),
    ...(o.compression === undefined ? {} : { options: ['Compression=yes'] }),
    ...(o.rekeyBy === 'us' ? {} : { rekeyLimit: '1M' }),
    ...(o.flow === 'down' ? {} : { input: bulk(o.bytes) }),
    onStdout: (chunk) => {
      if (o.flow === 'up') told += Buffer.from(chunk).toString()
      else hash.update(chunk)
    },
    timeoutMs: o.timeoutMs,
  })
  const ms = performance.now() - begun
  if (failure !== undefined) throw failure
  if (result.code !== 0)
    throw new Error(`ssh ended with ${result.timedOut ? 'a stall' : result.code}: ${result.stderr}`)
  return { ms, rekeys, checksums: [o.flow === 'up' ? told.trim() : hash.digest('hex')], cipher }
}

/** Our server's programs: `up n` tells the checksum of its input, `down n` sends, `both n` sends back. */
async function serveBulk(command: string, process: ServerProcess): Promise<void> {
  const [flow, count] = command.split(' ')
  const { stdin, stdout } = nodeStreams(process)
  if (flow === 'up') {
    const hash = createHash('sha256')
    for await (const chunk of stdin as AsyncIterable<Buffer>) hash.update(chunk)
    stdout.end(`${hash.digest('hex')}\n`)
  } else if (flow === 'down')
    await pipeline(Readable.from(bulk(Number(count)), { objectMode: false }), stdout)
  else await pipeline(stdin, stdout)
  await process.exit(0)
}

/** What our side is told. */
function ours({ rekeyBy, compression }: TransferOptions): Pick<ConnectOptions, 'rekeyLimits' | 'algorithms'> {
  return {
    ...(rekeyBy === 'peer' ? {} : { rekeyLimits: { bytes: mebibyte } }),
    ...(compression === undefined ? {} : { algorithms: { compression: [compression] } }),
  }
}

function algorithms({ cipher, mac }: TransferOptions): AlgorithmOptions {
  return { ciphers: [cipher], ...(mac === undefined ? {} : { macs: [mac] }) }
}

function named(negotiated: Negotiated | undefined): string {
  if (negotiated === undefined) return ''
  const { cipherIn, cipherOut, macIn, compressionIn, compressionOut } = negotiated
  const others = [macIn, ...new Set([compressionIn, compressionOut])]
  return [...new Set([cipherIn, cipherOut]), ...others.filter((name) => name !== '' && name !== 'none')].join(
    ' ',
  )
}
