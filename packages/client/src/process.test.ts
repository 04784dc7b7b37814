import { channelRequests, decodeTerminalModes } from '@hawser/connection'
import { generateKey } from '@hawser/keys'
import {
  beginClient,
  beginServer,
  type Channel,
  channelPipe,
  type IncomingRequest,
  type Session,
} from '@hawser/session'
import { type MemoryPipes, memoryPipes } from '@hawser/test-kit'
import { utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { Client } from './client.ts'
import { Process, type ProcessExit, startProcess, watchProcess } from './process.ts'

const hostKey = await generateKey('ed25519')
const { env, exec, exitSignal, exitStatus, ptyReq, x11Req, xonXoff } = channelRequests

interface Pair {
  readonly client: Session
  readonly server: Session
  readonly pipes: MemoryPipes
}

/** A client and a server without manners of its own, logged in, in memory. */
async function pair(): Promise<Pair> {
  const pipes = memoryPipes()
  const server = beginServer(pipes.b, {
    hostKeys: [hostKey],
    authMethods: [],
    onAuth: (exchange) => exchange.accept(),
  })
  const client = beginClient(pipes.a, {
    user: 'ada',
    auth: () => ({ method: 'none' }),
    verifyHostKey: () => true,
  })
  await Promise.all([client.ready, server.ready])
  return { client, server, pipes }
}

/** A channel, its other end, and the requests that arrive there, all answered by `answer`. */
async function channelPair(
  answer: (request: IncomingRequest) => void = (request) => request.accept(),
): Promise<Pair & { near: Channel; far: Channel; requests: IncomingRequest[] }> {
  const both = await pair()
  const requests: IncomingRequest[] = []
  let far: Channel | undefined
  both.server.onChannel = (open) => {
    far = open.accept()
    far.onRequest = (request) => {
      requests.push(request)
      answer(request)
    }
  }
  const near = await both.client.openChannel('session')
  return { ...both, near, far: far as Channel, requests }
}

describe('starting a program', () => {
  test('surroundings go before the program, the environment without a reply', async () => {
    const { near, requests } = await channelPair()
    await startProcess(near, {
      command: 'run',
      agentForward: true,
      env: { A: '1', B: '2' },
      pty: { term: 'vt100', columns: 10, rows: 5, modes: { ECHO: 0 } },
      x11: { cookie: 'ab'.repeat(16), screen: 2 },
    })
    expect(requests.map(({ name, wantReply }) => [name, wantReply])).toEqual([
      ['auth-agent-req@openssh.com', true],
      ['pty-req', true],
      ['x11-req', true],
      ['env', false],
      ['env', false],
      ['exec', true],
    ])
    const [, pty, x11, first, , program] = requests.map(({ data }) => data)
    const { modes, ...terminal } = ptyReq.decode(pty as Uint8Array)
    expect(terminal).toEqual({
      term: 'vt100',
      widthColumns: 10,
      heightRows: 5,
      widthPixels: 0,
      heightPixels: 0,
    })
    expect(decodeTerminalModes(modes)).toEqual({ ECHO: 0 })
    expect(x11Req.decode(x11 as Uint8Array)).toEqual({
      singleConnection: false,
      authenticationProtocol: 'MIT-MAGIC-COOKIE-1',
      authenticationCookie: 'ab'.repeat(16),
      screenNumber: 2,
    })
    expect(env.decode(first as Uint8Array)).toEqual({ variableName: 'A', variableValue: '1' })
    expect(exec.decode(program as Uint8Array)).toEqual({ command: 'run' })
  })

  test('nothing waits for an answer: everything is sent before the first one comes', async () => {
    const held: IncomingRequest[] = []
    const { near, requests } = await channelPair((request) => void held.push(request))
    const started = startProcess(near, { shell: true, pty: true })
    await expect.poll(() => requests.map(({ name }) => name)).toEqual(['pty-req', 'shell'])
    for (const request of held) request.accept()
    await started
  })

  test.each(['pty-req', 'exec'])(
    'a %s that is refused: the channel is closed, the error names it',
    async (refused) => {
      const { near } = await channelPair((request) =>
        request.name === refused ? request.reject() : request.accept(),
      )
      await expect(startProcess(near, { command: 'x', pty: true })).rejects.toMatchObject({
        request: refused,
      })
      await near.closed
    },
  )

  test('a variable that is refused does not matter', async () => {
    const { near } = await channelPair((request) =>
      request.name === 'env' ? request.reject() : request.accept(),
    )
    await startProcess(near, { command: 'x', env: { A: '1' } })
  })

  test('a channel that closes before the answer', async () => {
    const { near } = await channelPair(() => undefined)
    const started = startProcess(near, { command: 'x' })
    void near.close()
    await expect(started).rejects.toMatchObject({ code: 'SSH_CLOSED' })
  })
})

describe('what is heard of a program', () => {
  test('status, signal, flow control; only the first end counts; the rest is refused', async () => {
    const { near, far } = await channelPair()
    const ends: ProcessExit[] = []
    const flow: boolean[] = []
    watchProcess(near, { exit: (end) => ends.push(end), flowControl: (canDo) => flow.push(canDo) })
    far.notify('xon-xoff', xonXoff.encode({ clientCanDo: true }))
    far.notify('exit-status', exitStatus.encode({ exitStatus: 7 }))
    far.notify('exit-status', exitStatus.encode({ exitStatus: 8 }))
    await expect(far.request('what@example.net')).rejects.toMatchObject({ request: 'what@example.net' })
    expect(ends).toEqual([{ code: 7 }])
    expect(flow).toEqual([true])
  })

  test.each(['exit-status', 'exit-signal', 'xon-xoff'])(
    'a malformed %s is refused and disturbs nothing',
    async (name) => {
      const { near, far, client } = await channelPair()
      const ends: ProcessExit[] = []
      watchProcess(near, { exit: (end) => ends.push(end) })
      await expect(far.request(name, Uint8Array.of(0, 0))).rejects.toMatchObject({ request: name })
      expect(ends).toEqual([])
      expect(client.phase).toBe('ready')
    },
  )

  test('the end that came before anybody listened', async () => {
    const { near, far } = await channelPair()
    far.notify(
      'exit-signal',
      exitSignal.encode({ signalName: 'KILL', coreDumped: false, errorMessage: 'bye', languageTag: '' }),
    )
    void far.close()
    await near.closed
    expect(await new Process(near).exit).toEqual({ signal: 'KILL', coreDumped: false, description: 'bye' })
  })

  test('a channel that closes without a word about the end', async () => {
    const { near, far } = await channelPair()
    void far.close()
    expect(await new Process(near).exit).toEqual({})
  })
})

describe('a process', () => {
  test('text gives everything and the end; its own input ends by itself', async () => {
    const { near, far } = await channelPair()
    const ended = new Promise<void>((resolve) => {
      far.attach(0, { data: (bytes) => far.consumed(bytes.length), end: resolve, close: () => undefined })
    })
    far.write(utf8Encode('out'))
    far.write(utf8Encode('err'), 1)
    const text = new Process(near).text()
    await ended
    far.notify('exit-status', exitStatus.encode({ exitStatus: 0 }))
    void far.close()
    expect(await text).toEqual({ stdout: 'out', stderr: 'err', code: 0 })
  })

  test('text leaves stdin to whoever writes there', async () => {
    const { near, far } = await channelPair()
    const process = new Process(near)
    const writer = process.stdin.getWriter()
    const text = process.text()
    await writer.write(utf8Encode('mine'))
    expect(far.remoteEnded).toBe(false)
    await expect(process.text('more')).rejects.toBeInstanceOf(Error)
    void far.close()
    expect(await text).toMatchObject({ stdout: '' })
  })

  test('a lost connection rejects exit and text with its error', async () => {
    const { near, pipes } = await channelPair()
    const process = new Process(near)
    const text = process.text()
    pipes.cut(new Error('pulled'))
    await expect(process.exit).rejects.toMatchObject({ code: 'SSH_CONNECTION_LOST' })
    await expect(text).rejects.toMatchObject({ code: 'SSH_CONNECTION_LOST' })
  })

  test('an abort sends TERM, closes and rejects, once; afterwards the signal is let go', async () => {
    const { near, requests } = await channelPair()
    const given = new AbortController()
    const process = new Process(near, given.signal)
    given.abort('enough')
    await expect(process.exit).rejects.toMatchObject({ code: 'SSH_ABORTED', cause: 'enough' })
    await near.closed
    expect(requests.map(({ name }) => name)).toEqual(['signal'])
    expect(process.signal('KILL')).toBe(false)
    expect(process.resize({ columns: 1, rows: 1 })).toBe(false)
  })

  test('disposal closes the channel', async () => {
    const { near } = await channelPair()
    {
      await using process = new Process(near)
      expect(process.channel.isClosed).toBe(false)
    }
    expect(near.isClosed).toBe(true)
  })
})

describe('a client', () => {
  test('an abort while the program is being started is the error', async () => {
    const { client, server } = await pair()
    server.onChannel = (open) => void open.accept()
    const given = new AbortController()
    const started = new Client({ session: client, user: 'ada', remote: {} }).exec('x', {
      signal: given.signal,
    })
    await new Promise((resolve) => setImmediate(resolve))
    given.abort()
    await expect(started).rejects.toMatchObject({ code: 'SSH_ABORTED' })
  })

  test('its security is what was negotiated', async () => {
    const { client } = await pair()
    const { security } = new Client({ session: client, user: 'ada', remote: {}, hostKey: hostKey.publicKey })
    expect(security).toMatchObject({
      hostKeyAlgorithm: 'ssh-ed25519',
      kex: 'mlkem768x25519-sha256',
      postQuantum: true,
      strictKex: true,
      hostKeyFingerprint: expect.stringMatching(/^SHA256:/),
      cipher: { out: expect.stringMatching(/./), in: expect.stringMatching(/./) },
    })
  })

  test('forwardOut checks its addresses at the door', async () => {
    const { client } = await pair()
    const it = new Client({ session: client, user: 'ada', remote: {} })
    await expect(it.forwardOut({ host: 'x', port: 70_000 })).rejects.toThrow(/to\.port is 70000/)
    await expect(it.forwardOut({ host: 'x', port: 1 }, { host: 'y', port: -1 })).rejects.toThrow(
      /from\.port is -1/,
    )
  })
})

describe('a connection inside a channel', () => {
  test('logs in and carries data; its end is the channel’s end', async () => {
    const { near, far } = await channelPair()
    const server = beginServer(channelPipe(far), {
      hostKeys: [hostKey],
      authMethods: [],
      onAuth: (exchange) => exchange.accept(),
    })
    const client = beginClient(channelPipe(near), {
      user: 'ada',
      auth: () => ({ method: 'none' }),
      verifyHostKey: () => true,
    })
    await Promise.all([client.ready, server.ready])
    server.onChannel = (open) => {
      const channel = open.accept()
      channel.attach(0, {
        data: (bytes) => channel.write(bytes, 0, () => channel.consumed(bytes.length)),
        end: () => channel.eof(),
        close: () => undefined,
      })
    }
    const inner = await client.openChannel('session')
    let back = 0
    const read = (async () => {
      for await (const chunk of inner.readable) back += chunk.length
    })()
    const writer = inner.writable.getWriter()
    for (let i = 0; i < 50; i++) await writer.write(new Uint8Array(100_000))
    await writer.close()
    await read
    expect(back).toBe(5_000_000)
    await client.close()
    await Promise.all([near.closed, far.closed])
  })

  test('a channel that is lost is a pipe that closes', async () => {
    const { near, pipes } = await channelPair()
    const client = beginClient(channelPipe(near), {
      user: 'ada',
      auth: () => ({ method: 'none' }),
      verifyHostKey: () => true,
    })
    pipes.cut(new Error('pulled'))
    await expect(client.ready).rejects.toMatchObject({ code: 'SSH_CONNECTION_LOST', phase: 'identification' })
    await client.closed
  })
})
