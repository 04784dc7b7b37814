/** Targets: the SFTP client against hostile answers, the server against hostile requests, and both ends with a tampered line between them. */

import { openSftp, type SftpClient, SftpError } from '@hawser/sftp'
import { messages } from '@hawser/sftp/protocol'
import { memory, serveSftp } from '@hawser/sftp/server'
import { type MemoryPipe, memoryPipes, Rng, randomChunks } from '@hawser/test-kit'
import { ProtocolError, SshError, Writer } from '@hawser/wire'
import { blob } from './grammar.ts'
import { edge, joined, MessageMutator } from './mutate.ts'
import { demand, Finding, type Target } from './target.ts'
import { turns } from './turns.ts'

export const sftpClientTarget: Target = { name: 'sftp-client', packages: ['sftp'], run: runClient }
export const sftpServerTarget: Target = { name: 'sftp-server', packages: ['sftp'], run: runServer }
export const sftpTarget: Target = { name: 'sftp', packages: ['sftp'], run: runBoth }

const paths = ['/', '/a', '/a/b', '/a/../..', '..', '', '/link', '/new', '//a//', '/a/b/c', '\ufffd'].map(
  (path) => new TextEncoder().encode(path),
)
const files = { '/a/b': 'hello', '/a/c': new Uint8Array(70_000), '/d': '' } as const
const mostTurns = 4_000

const { init: initMessage, replies, requests, version } = messages

const init = initMessage.encode({ version: 3, extensions: [] })

function path(rng: Rng): Uint8Array {
  return rng.chance(0.9) ? rng.pick(paths) : blob(rng, 500)
}

function attrs(rng: Rng): object {
  return {
    ...(rng.chance(0.3) ? { size: BigInt(edge(rng)) } : {}),
    ...(rng.chance(0.2) ? { size: rng.pick([2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) } : {}),
    ...(rng.chance(0.2) ? { uid: edge(rng), gid: edge(rng) } : {}),
    ...(rng.chance(0.3) ? { mode: rng.pick([0o100644, 0o40755, 0o120777, 0, 0xffffffff]) } : {}),
    ...(rng.chance(0.2) ? { atime: edge(rng), mtime: edge(rng) } : {}),
  }
}

function offset(rng: Rng): bigint {
  return rng.chance(0.7)
    ? BigInt(rng.below(70_100))
    : rng.pick([0n, 2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
}

/** A request with fields at their edges; handles are counted by the server from 0 on, in a form of its own. */
function request(rng: Rng, handles: readonly Uint8Array[]): Uint8Array {
  const name = rng.pick(Object.keys(requests) as messages.RequestName[])
  const handle = handles.length > 0 && rng.chance(0.8) ? rng.pick(handles) : blob(rng, 300)
  return requests[name].encode({
    id: rng.chance(0.95) ? rng.uint32() : edge(rng),
    filename: path(rng),
    pflags: rng.chance(0.8) ? rng.below(64) : edge(rng),
    attrs: attrs(rng),
    handle,
    path: path(rng),
    oldpath: path(rng),
    newpath: path(rng),
    targetpath: path(rng),
    linkpath: path(rng),
    offset: offset(rng),
    len: rng.chance(0.7) ? rng.below(40_000) : edge(rng),
    data: blob(rng, 2_000),
    request: rng.pick([
      'limits@openssh.com',
      'posix-rename@openssh.com',
      'statvfs@openssh.com',
      'copy-data',
      'hardlink@openssh.com',
      'fsync@openssh.com',
      'home-directory',
      'x',
    ]),
  } as never)
}

function reply(rng: Rng, id: number): Uint8Array {
  const name = rng.pick(Object.keys(replies) as messages.ReplyName[])
  return replies[name].encode({
    id: rng.chance(0.9) ? id : edge(rng),
    code: rng.chance(0.9) ? rng.below(9) : edge(rng),
    message: 'no',
    language: '',
    handle: blob(rng, 300),
    data: blob(rng, 40_000),
    names: Array.from({ length: rng.below(4) }, () => ({
      filename: path(rng),
      longname: blob(rng),
      attrs: attrs(rng),
    })),
    attrs: attrs(rng),
  } as never)
}

/** A line that cuts SFTP packets out of the stream and lets `change` send others in their place. */
function tampered(
  change: (message: Uint8Array) => readonly Uint8Array[],
  rng: Rng,
): (bytes: Uint8Array) => Uint8Array | undefined {
  let rest: Uint8Array = new Uint8Array(0)
  return (bytes) => {
    rest = joined(rest, bytes)
    const out: Uint8Array[] = []
    while (rest.length >= 4) {
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0)
      if (rest.length < 4 + length) break
      out.push(...change(rest.subarray(4, 4 + length)).map((message) => framed(message, rng)))
      rest = rest.subarray(4 + length)
    }
    return out.length === 0 ? undefined : joined(...out)
  }
}

function framed(message: Uint8Array, rng: Rng): Uint8Array {
  if (!rng.chance(0.005)) return new Writer().string(message).finish()
  return joined(new Writer().uint32(edge(rng)).finish(), message)
}

/** Programs on a client; each settles once, whatever happens to the line. */
function program(client: SftpClient, rng: Rng): Promise<unknown> {
  const at = path(rng)
  const sunk: unknown[] = []
  switch (rng.below(14)) {
    case 0:
      return client.readFile(at)
    case 1:
      return client.writeFile(at, rng.bytes(rng.below(70_000)))
    case 2:
      return client.appendFile(at, rng.bytes(rng.below(100)))
    case 3:
      return client.stat(at)
    case 4:
      return client.lstat(at)
    case 5:
      return (async () => {
        for await (const entry of client.readdir(at)) if (sunk.push(entry) > 10_000) break
      })()
    case 6:
      return client.rm(at, { recursive: true })
    case 7:
      return client.rename(at, path(rng))
    case 8:
      return client.symlink(at, path(rng))
    case 9:
      return client.statvfs(at)
    case 10:
      return client.exists(at)
    case 11:
      return (async () => {
        const file = await client.open(at, rng.pick(['r', 'w', 'r+', 'a']))
        await Promise.allSettled([
          file.readRange({ start: 0, end: 80_000 }),
          file.stat(),
          file.writeAll(rng.bytes(rng.below(90_000))),
          file.sync(),
        ])
        await file.close()
      })()
    case 12:
      return client.truncate(at, rng.below(100))
    default:
      return client.extended('nobody@knows', blob(rng))
  }
}

/** Calls programs on the client at `pipe`, cuts the line, and sees to it that every one of them ended. */
async function exercise(pipe: MemoryPipe, cut: () => void, rng: Rng): Promise<void> {
  let settled = 0
  let begun = 1
  const wrong: unknown[] = []
  const ended = (error?: unknown): void => {
    settled++
    if (error !== undefined && !isExpected(error)) wrong.push(error)
  }
  let client: SftpClient | undefined
  openSftp(pipe).then(
    (opened) => {
      client = opened
      ended()
    },
    (error: unknown) => ended(error),
  )
  for (let turn = 0; turn < mostTurns && settled < begun; turn++) {
    await turns(1)
    if (client !== undefined && begun < 9) {
      begun++
      program(client, rng).then(
        () => ended(),
        (error: unknown) => ended(error),
      )
    }
    // An answer that was lost on the way is not missed by anybody: such lines end some time.
    if (turn > 60 && rng.chance(0.1)) break
  }
  cut()
  await settledAll(
    () => settled >= begun,
    () => `${begun - settled} of ${begun} calls never ended`,
  )
  demand(settled === begun, `${settled} ends of ${begun} calls`)
  for (const error of wrong)
    throw new Finding('a call ended by an error that is none of ours', { cause: error })
}

function isExpected(error: unknown): boolean {
  return SshError.is(error) || error instanceof SftpError || (error as Error).message === 'cut'
}

async function settledAll(done: () => boolean, what: () => string): Promise<void> {
  for (let turn = 0; turn < mostTurns; turn++) {
    if (done()) return
    await turns(1)
  }
  demand(done(), what())
}

async function runClient(seed: number): Promise<void> {
  const rng = new Rng(seed)
  const { a, b, cut } = memoryPipes({ chunking: randomChunks(rng, rng.pick([3, 200, 40_000])) })
  const likely = rng.pick([0.5, 0.9, 0.99])
  let greeted = false
  b.onData = collect((message) => {
    if (!greeted) {
      greeted = true
      const extensions = rng.chance(0.5)
        ? []
        : ['limits@openssh.com', 'statvfs@openssh.com', 'posix-rename@openssh.com']
      const data = Uint8Array.of(0x31 + rng.below(2))
      const message = version.encode({
        version: rng.chance(0.97) ? 3 : edge(rng),
        extensions: extensions.map((name) => ({ name, data })),
      })
      return void b.write(framed(message, rng))
    }
    const id = new DataView(message.buffer, message.byteOffset).getUint32(1)
    if (rng.chance(0.02)) return
    // Most answers fit, so that programs go on.
    const number = message[0] as number
    const right: Uint8Array | undefined = rng.chance(likely) ? fitting(number, id, message, rng) : undefined
    b.write(framed(right ?? reply(rng, id), rng))
    if (rng.chance(0.01)) b.write(framed(reply(rng, id), rng))
  })
  b.resume()
  await exercise(a, () => cut(new Error('cut')), rng)
}

/** An answer of the type that the request is answered with, or a refusal. */
function fitting(number: number, id: number, message: Uint8Array, rng: Rng): Uint8Array {
  if (number === 3 || number === 11) return replies.handle.encode({ id, handle: rng.bytes(4) })
  if (number === 5 && rng.chance(0.7)) {
    const { len } = requests.read.decode(message)
    return replies.data.encode({ id, data: rng.bytes(rng.below(Math.min(len, 40_000) + 1)) })
  }
  if (number === 12 && rng.chance(0.6))
    return replies.name.encode({
      id,
      names: Array.from({ length: rng.below(5) }, () => ({
        filename: path(rng),
        longname: blob(rng),
        attrs: {},
      })),
    })
  if (number === 16 || number === 19)
    return replies.name.encode({ id, names: [{ filename: path(rng), longname: blob(rng), attrs: {} }] })
  if (number === 7 || number === 8 || number === 17)
    return replies.attrs.encode({ id, attrs: attrs(rng) as never })
  if (number === 200) return replies.extendedReply.encode({ id, data: blob(rng, 100) })
  const code = number === 5 || number === 12 ? 1 : rng.chance(0.8) ? 0 : rng.below(9)
  return replies.status.encode({ id, code, message: '', language: '' })
}

async function runServer(seed: number): Promise<void> {
  const rng = new Rng(seed)
  const { a, b, cut } = memoryPipes({
    chunking: randomChunks(rng, rng.pick([3, 200, 40_000])),
    highWaterMark: 50_000,
  })
  const handles: Uint8Array[] = []
  let done = false
  const errors: Error[] = []
  const options = {
    maxHandles: 10,
    maxOutstanding: 16,
    maxPendingBytes: 100_000,
    onError: (error: Error) => void errors.push(error),
  }
  void serveSftp(b, memory({ files, maxBytes: 1_000_000, maxNodes: 200, now: () => 0 }), options).then(() => {
    done = true
  })
  const asked = new Map<number, number>()
  let bytes = 0
  let isStrict = true
  a.onData = collect((message) => {
    bytes += message.length
    if (message[0] === version.number) return
    const id = new DataView(message.buffer, message.byteOffset).getUint32(1)
    const left = (asked.get(id) ?? 0) - 1
    if (isStrict) demand(left >= 0, `an answer to the request ${id}, which was not made or is answered`)
    asked.set(id, left)
    if (message[0] === replies.handle.number) handles.push(replies.handle.decode(message).handle)
  })
  a.resume()
  const mutator = new MessageMutator(rng, (source) => request(source, handles), rng.pick([0, 0.05, 0.3]))
  const send = (payload: Uint8Array): void => {
    for (const message of mutator.next(payload)) {
      if (message.length >= 5) {
        const id = new DataView(message.buffer, message.byteOffset).getUint32(1)
        asked.set(id, (asked.get(id) ?? 0) + 1)
      }
      const packet = framed(message, rng)
      // Behind a lying length nobody knows what is a request.
      if (new DataView(packet.buffer).getUint32(0) !== message.length) isStrict = false
      a.write(packet)
    }
  }
  a.write(framed(init, rng))
  for (let count = rng.below(60); count > 0 && !done; count--) {
    send(request(rng, handles))
    if (rng.chance(0.4)) await turns(1)
    if (rng.chance(0.02)) a.pause()
    if (rng.chance(0.2)) a.resume()
  }
  a.resume()
  await turns(5)
  if (rng.chance(0.5)) a.end()
  else cut(new Error('cut'))
  await settledAll(
    () => done,
    () => `the server still serves a client that is gone`,
  )
  for (const error of errors)
    if (!(error instanceof ProtocolError) && error.message !== 'cut' && !SshError.is(error)) throw error
  demand(bytes < 60_000_000, `${bytes} bytes of answers`)
}

async function runBoth(seed: number): Promise<void> {
  const rng = new Rng(seed)
  const rate = rng.pick([0, 0.01, 0.05])
  const grammar = (source: Rng): Uint8Array =>
    source.chance(0.5) ? reply(source, source.below(20)) : request(source, [])
  const [up, down] = [0, 1].map(() => {
    const mutator = new MessageMutator(rng, grammar, rate)
    return tampered((message) => mutator.next(message), rng)
  }) as [ReturnType<typeof tampered>, ReturnType<typeof tampered>]
  const { a, b, cut } = memoryPipes({
    chunking: randomChunks(rng, rng.pick([50, 2_000, 40_000])),
    tamper: (bytes, to) => (to === 'b' ? up : down)(bytes),
  })
  let done = false
  void serveSftp(b, memory({ files, maxBytes: 1_000_000, now: () => 0 }), {}).then(() => {
    done = true
  })
  await exercise(a, () => cut(new Error('cut')), rng)
  await settledAll(
    () => done,
    () => 'the server still serves a client that is gone',
  )
}

/** Whole messages of a stream, without their lengths. */
function collect(on: (message: Uint8Array) => void): (bytes: Uint8Array) => void {
  let rest: Uint8Array = new Uint8Array(0)
  return (bytes) => {
    rest = joined(rest, bytes)
    while (rest.length >= 4) {
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0)
      if (rest.length < 4 + length) return
      const message = rest.slice(4, 4 + length)
      rest = rest.subarray(4 + length)
      on(message)
    }
  }
}
