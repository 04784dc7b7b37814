/**
 * One connection of ours, as client or server of either surface, doing one operation with a real peer. At its own end it prints what it was
 * told of that connection; nothing in it ends the process. Its argument is {@link FaultyWish} as JSON.
 */

import { readFileSync, writeSync } from 'node:fs'
import { type AddressInfo, connect as dial } from 'node:net'
import { type Client, connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'
import type { Channel as CoreChannel } from '@hawser/session'
import { directory, get, put } from '@hawser/sftp/node'
import {
  type ClientChannel,
  Client as CompatClient,
  Server as CompatServer,
  type SFTPWrapper,
} from '@hawser/ssh2-compat'

export interface FaultyWish {
  readonly surface: 'promises' | 'compat'
  readonly role: 'client' | 'server'
  readonly operation: 'exec' | 'get' | 'put' | 'forward' | 'backward' | 'rekey'
  /** Of bytes that the operation moves. */
  readonly size: number
  readonly user: string
  /** Path of the key: the user's for a client, the host's for a server. */
  readonly key: string
  /** Line of the server's key; for clients. */
  readonly hostKey: string
  readonly port: number
  /** A server that sends back what it gets. */
  readonly echoPort: number
  /** A file of `size` bytes; for servers the folder that they serve. */
  readonly source: string
  readonly target: string
}

export interface FaultyReport {
  /** `error` and `close`, in order. */
  readonly told: readonly string[]
  readonly error: { readonly code: unknown; readonly level: unknown; readonly message: string } | undefined
  /** How often each callback was called, and each promise settled. */
  readonly calls: Readonly<Record<string, number>>
  readonly outcome: string
}

const wish = JSON.parse(process.argv[2] ?? '{}') as FaultyWish
const told: string[] = []
const calls: Record<string, number> = {}
let error: FaultyReport['error']
let outcome = 'nothing'

process.on('exit', () => {
  writeSync(1, `${JSON.stringify({ told, error, calls, outcome } satisfies FaultyReport)}\n`)
})

const failed = (given: unknown): void => {
  const { code, level, message } = given as { code?: unknown; level?: unknown; message: string }
  told.push('error')
  error ??= { code, level, message }
}
const closed = (): void => void told.push('close')
const ready = (): void => void writeSync(1, 'ready\n')
const ended = (given?: unknown): void => {
  const { code, message } = (given ?? {}) as { code?: unknown; message?: unknown }
  outcome = given === undefined ? 'done' : String(code ?? message)
}

/** A callback that is counted. */
function once<A extends unknown[]>(name: string, run: (...given: A) => void = () => undefined) {
  calls[name] ??= 0
  return (...given: A): void => {
    calls[name] = (calls[name] ?? 0) + 1
    run(...given)
  }
}

/** A promise that is counted. */
function settles<T>(name: string, promise: Promise<T>): Promise<T> {
  const settled = once(name)
  promise.then(
    () => settled(),
    () => settled(),
  )
  return promise
}

function called<T>(
  name: string,
  start: (done: (error: Error | null | undefined, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start(once(name, (error, value) => (error ? reject(error) : resolve(value))))
  })
}

const content = Buffer.alloc(wish.size, 'pack my box with five dozen liquor jugs. ')
const algorithms = { kex: ['curve25519-sha256'], cipher: ['aes128-gcm@openssh.com'] } as const
const keyText = readFileSync(wish.key, 'utf8')

async function echoed(readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>) {
  const writing = (async () => {
    const writer = writable.getWriter()
    await writer.write(content)
    await writer.close()
  })()
  const reading = (async () => {
    let length = 0
    for await (const chunk of readable as AsyncIterable<Uint8Array>) length += chunk.length
    if (length !== content.length) throw new Error(`${length} bytes came back`)
  })()
  await Promise.all([settles('the write', writing), settles('the read', reading)])
}

async function promiseClient(): Promise<void> {
  const client = await connect({
    host: '127.0.0.1',
    port: wish.port,
    user: wish.user,
    auth: [{ method: 'publickey', signer: parsePrivateKey(keyText) }],
    hostKey: { keys: [parsePublicKey(wish.hostKey)] },
    algorithms,
    readyTimeoutMs: 4_000,
    keepalive: { intervalMs: 250, maxMissed: 2 },
    hooks: { failed, closed },
  })
  ready()
  try {
    await settles('the operation', promiseOperation(client))
  } finally {
    await settles('close', client.close())
  }
}

async function promiseOperation(client: Client): Promise<void> {
  switch (wish.operation) {
    case 'exec':
    case 'rekey': {
      const program = await settles('exec', client.exec('cat'))
      const rekeyed = wish.operation === 'rekey' ? settles('rekey', client.rekey()) : undefined
      await Promise.all([echoed(program.stdout, program.stdin), settles('exit', program.exit), rekeyed])
      return
    }
    case 'forward': {
      const channel = await client.forwardOut({ host: '127.0.0.1', port: wish.echoPort })
      return echoed(channel.readable, channel.writable)
    }
    case 'backward': {
      const listener = await settles('listen', client.listen({ host: '127.0.0.1', port: 0 }))
      const socket = dial((listener.at as { port: number }).port, '127.0.0.1')
      socket.on('error', () => undefined).pipe(socket)
      void client.closed.then(() => socket.destroy())
      for await (const { channel } of listener) {
        await echoed(channel.readable, channel.writable)
        break
      }
      return
    }
    case 'get':
    case 'put': {
      const sftp = await settles('sftp', client.sftp())
      await settles('transfer', (wish.operation === 'get' ? get : put)(sftp, wish.source, wish.target))
      await settles('close of sftp', sftp.close())
    }
  }
}

function compatClient(): Promise<void> {
  const client = new CompatClient()
  return new Promise((resolve, reject) => {
    client.on('error', (given) => {
      failed(given)
      reject(given)
    })
    client.on('close', () => {
      closed()
      reject(new Error('closed'))
    })
    client.on('ready', () => {
      ready()
      compatOperation(client)
        .then(resolve, reject)
        .finally(() => client.end())
    })
    client.connect({
      host: '127.0.0.1',
      port: wish.port,
      username: wish.user,
      privateKey: keyText,
      algorithms: algorithms as never,
      readyTimeout: 4_000,
      keepaliveInterval: 250,
      keepaliveCountMax: 2,
    })
  })
}

/** Sends everything by `stream` and reads it back, until its close. */
function echoedBy(stream: ClientChannel): Promise<void> {
  return new Promise((resolve, reject) => {
    let length = 0
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    let failure: Error | undefined
    stream.on('error', (given: Error) => {
      if (failure !== undefined) told.push('a second error of a stream')
      failure = given
    })
    stream.on(
      'close',
      once('close of the stream', () => {
        if (failure !== undefined) reject(failure)
        else if (length === content.length) resolve()
        else reject(new Error(`${length} bytes came back`))
      }),
    )
    stream.end(content)
  })
}

async function compatOperation(client: CompatClient): Promise<void> {
  switch (wish.operation) {
    case 'exec':
    case 'rekey': {
      const stream = await called<ClientChannel>('exec', (done) => client.exec('cat', done as never))
      if (wish.operation === 'rekey') client.rekey()
      return echoedBy(stream)
    }
    case 'forward':
      return echoedBy(
        await called<ClientChannel>('forwardOut', (done) =>
          client.forwardOut('127.0.0.1', 1, '127.0.0.1', wish.echoPort, done as never),
        ),
      )
    case 'backward': {
      const came = new Promise<ClientChannel>((resolve) =>
        client.on('tcp connection', (_, accept) => resolve(accept() as never)),
      )
      const port = await called<number>('forwardIn', (done) => client.forwardIn('127.0.0.1', 0, done))
      const socket = dial(port, '127.0.0.1')
      socket.on('error', () => undefined).pipe(socket)
      client.on('close', () => socket.destroy())
      return echoedBy(await came)
    }
    case 'get':
    case 'put': {
      const sftp = await called<SFTPWrapper>('sftp', (done) => client.sftp(done as never))
      sftp.on('error', () => undefined)
      await called('transfer', (done) =>
        wish.operation === 'get'
          ? sftp.fastGet(wish.source, wish.target, done as never)
          : sftp.fastPut(wish.source, wish.target, done as never),
      )
    }
  }
}

async function promiseServer(): Promise<void> {
  const back = (channel: CoreChannel): Promise<void> => echoed(channel.readable, channel.writable)
  const server = await listen({
    port: 0,
    hostKeys: [parsePrivateKey(keyText)],
    auth: { publickey: () => true },
    algorithms,
    limits: { loginGraceMs: 4_000 },
    keepalive: { intervalMs: 250, maxMissed: 2 },
    hooks: { failed, closed },
    onConnection: (connection) => {
      settles('ready', connection.ready).then(ready, () => undefined)
      void settles('closed', connection.closed).then(async () => {
        ended(connection.session.error)
        await settles('close of the server', server.close())
      })
    },
    onSession: (session, connection) => {
      void settles('close of the session', session.closed)
      session.onSftp(directory(wish.source)).onExec((request) => {
        const program = request.accept()
        if (wish.operation === 'rekey') settles('rekey', connection.rekey()).catch(() => undefined)
        settles('the echo', program.stdin.pipeTo(program.stdout)).then(
          () => settles('exit', program.exit(0)).catch(() => undefined),
          () => undefined,
        )
      })
    },
    onTcpip: (request, connection) => {
      const channel = request.accept()
      settles('the echo', channel.readable.pipeTo(channel.writable)).then(
        // ssh -W leaves without a word when its channel is closed, which is a lost connection.
        () => connection.close(),
        () => undefined,
      )
    },
    onForward: (request, connection) => {
      const forward = request.accept({ port: 7, onCancel: once('cancel') })
      settles('open', forward.open())
        .then(back)
        .then(() => connection.close())
        .catch(() => undefined)
    },
  })
  writeSync(1, `${server.port}\n`)
}

function compatServer(): void {
  const server = new CompatServer(
    {
      hostKeys: [keyText],
      algorithms: algorithms as never,
      keepaliveInterval: 250,
      keepaliveCountMax: 2,
    } as never,
    (connection) => {
      connection.on('error', failed)
      connection.on('close', () => {
        closed()
        ended(error)
        server.close(once('close of the server'))
      })
      connection.on('ready', ready)
      connection.on('authentication', (context) => context.accept())
      const echo = (stream: ClientChannel): void => {
        stream.on('error', () => undefined)
        stream.on('close', once('close of the echo'))
        stream.pipe(stream)
      }
      connection.on('tcpip', (accept) => echo(accept() as never))
      connection.on('request', (accept, _reject, _name, info) => {
        accept?.(7)
        const { bindAddr } = info as { bindAddr: string }
        called<ClientChannel>('forwardOut', (done) =>
          connection.forwardOut(bindAddr, 7, '127.0.0.1', 1, done as never),
        )
          .then(echoedBy)
          .then(() => connection.end())
          .catch(() => undefined)
      })
      connection.on('session', (accept) => {
        const session = accept()
        session.on('close', once('close of the session'))
        session.on('exec', (acceptExec) => {
          const stream = acceptExec()
          if (wish.operation === 'rekey') connection.rekey()
          stream.on('error', () => undefined)
          stream.on('close', once('close of the program'))
          stream.on('end', () => {
            stream.exit(0)
            stream.end()
          })
          stream.pipe(stream, { end: false })
        })
        session.on('sftp', (acceptSftp) => serveOneFile(acceptSftp()))
      })
    },
  )
  server.listen(0, '127.0.0.1', () => {
    writeSync(1, `${(server.address() as AddressInfo).port}\n`)
  })
}

/** Every name is one file of `content`, and what is written is taken. */
function serveOneFile(sftp: SFTPWrapper): void {
  const emitter = sftp as unknown as {
    on(event: string, listener: (id: number, ...given: never[]) => void): void
  }
  const attributes = { mode: 0o100644, uid: 1, gid: 1, size: content.length, atime: 1, mtime: 1 } as never
  emitter.on('error', () => undefined)
  emitter.on('REALPATH', (id) => sftp.name(id, [{ filename: '/', longname: '/' }] as never))
  for (const event of ['STAT', 'LSTAT', 'FSTAT']) emitter.on(event, (id) => sftp.attrs(id, attributes))
  emitter.on('OPEN', (id) => sftp.handle(id, Buffer.from('file')))
  for (const event of ['CLOSE', 'FSETSTAT', 'SETSTAT', 'WRITE'])
    emitter.on(event, (id) => void sftp.status(id, 0))
  emitter.on('READ', (id, ...given) => {
    const [, offset, length] = given as unknown as [Buffer, number, number]
    if (offset >= content.length) sftp.status(id, 1)
    else sftp.data(id, content.subarray(offset, offset + length))
  })
}

if (wish.role === 'client')
  (wish.surface === 'promises' ? promiseClient() : compatClient()).then(() => ended(), ended)
else if (wish.surface === 'promises') await promiseServer()
else compatServer()
