/** ssh2's agents, over the compat package: logins, forwarding, agents of one's own, AgentProtocol. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { connectAgent } from '@hawser/agent'
import { streamChannel } from '@hawser/agent/node'
import {
  AgentProtocol,
  BaseAgent,
  Client,
  type ConnectConfig,
  createAgent,
  type IdentityCallback,
  OpenSSHAgent,
  type ParsedKey,
  Server,
  type SignCallback,
  type SigningRequestOptions,
  utils,
} from '@hawser/ssh2-compat'
import { keyFileTypes, runSsh, type Sshd, sharedKeyFile, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveAgent, type RealAgent, sshAdd, startAgent } from './agent-kit.ts'

interface Failure extends Error {
  level?: string
  attempts?: readonly { method: string; reason: string; cause?: unknown }[]
}

/** Connects; gives the client once it is ready and every error that it has emitted by then. */
async function login(config: ConnectConfig): Promise<{ client: Client; errors: Failure[]; ready: boolean }> {
  const client = new Client()
  const errors: Failure[] = []
  client.on('error', (error: Failure) => void errors.push(error))
  const outcome = new Promise<boolean>((resolve) => {
    client.on('ready', () => resolve(true))
    client.on('close', () => resolve(false))
  })
  client.connect(config)
  return { client, errors, ready: await outcome }
}

function output(client: Client, command: string, options: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    client.exec(command, options, (error, stream) => {
      if (error) return reject(error)
      let text = ''
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      stream.on('close', () => resolve(text))
    })
  })
}

function parsed(text: string): ParsedKey {
  const key = utils.parseKey(text)
  if (key instanceof Error) throw key
  return key as ParsedKey
}

/** An agent as a program writes one: with two methods only. */
class OwnAgent extends BaseAgent<ParsedKey> {
  readonly calls: unknown[] = []
  readonly #key: ParsedKey

  constructor(key: ParsedKey) {
    super()
    this.#key = key
  }

  getIdentities(callback: IdentityCallback<ParsedKey>): void {
    this.calls.push('getIdentities')
    callback(null, [parsed(this.#key.getPublicSSH() as never)])
  }

  sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): void {
    const { hash } = options as SigningRequestOptions
    this.calls.push(['sign', key.type, key.isPrivateKey(), hash])
    const signature = this.#key.sign(data, hash)
    if (signature instanceof Error) callback?.(signature)
    else callback?.(null, signature)
  }
}

describe.skipIf(!haveAgent)('agents in ssh2 manners', () => {
  describePeers(['sshd', 'ssh'], 'with the real ssh-agent and sshd', () => {
    let agent: RealAgent
    let sshd: Sshd
    const base = (): ConnectConfig => ({ host: sshd.host, port: sshd.port, username: sshd.user })

    beforeAll(async () => {
      agent = await startAgent(keyFileTypes.map((type) => sharedKeyFile(type)))
      sshd = await startSshd({ userKeys: keyFileTypes })
    })
    afterAll(async () => {
      await sshd?.stop()
      await agent?.stop()
    })

    test.each(keyFileTypes)('logs in by a key of type %s', async (type) => {
      const only = await startSshd({ userKeys: [type] })
      const { client, errors, ready } = await login({ ...base(), port: only.port, agent: agent.path })
      expect([ready, errors]).toEqual([true, []])
      client.end()
      await only.stop()
    })

    test.each([
      ['a path in the list', () => [{ type: 'agent', username: sshd.user, agent: agent.path }]],
      [
        'an agent in the list',
        () => [{ type: 'agent', username: sshd.user, agent: createAgent(agent.path) }],
      ],
      ['the name, with the option', () => ['none', 'agent']],
    ] as const)('authHandler: %s', async (_name, handler) => {
      const { client, errors, ready } = await login({
        ...base(),
        agent: agent.path,
        authHandler: handler() as unknown as NonNullable<ConnectConfig['authHandler']>,
      })
      expect([ready, errors]).toEqual([true, []])
      client.end()
    })

    test('an agent of a program: one list, one signature, with public keys and a hash', async () => {
      for (const [type, hash] of [
        ['ed25519', undefined],
        ['ecdsa-256', undefined],
        ['rsa-3072', 'sha512'],
      ] as const) {
        const own = new OwnAgent(parsed(sharedKeyFile(type).privateText))
        const { client, errors, ready } = await login({ ...base(), agent: own })
        expect([ready, errors]).toEqual([true, []])
        const name = { ed25519: 'ssh-ed25519', 'ecdsa-256': 'ecdsa-sha2-nistp256', 'rsa-3072': 'ssh-rsa' }[
          type
        ]
        expect(own.calls).toEqual(['getIdentities', ['sign', name, false, hash]])
        client.end()
      }
    })

    test('forwarded for the life of the connection, and per call', async () => {
      const { text: expected } = await sshAdd(agent.path, ['-l'])
      const all = await login({ ...base(), agent: agent.path, agentForward: true })
      for (const turn of [1, 2, 3])
        expect([turn, await output(all.client, 'ssh-add -l')]).toEqual([turn, expected])
      all.client.end()
      const one = await login({ ...base(), agent: agent.path })
      expect(await output(one.client, 'echo "${SSH_AUTH_SOCK-none}"')).toBe('none\n')
      expect(await output(one.client, 'ssh-add -l', { agentForward: true })).toBe(expected)
      one.client.end()
    })

    test('an agent without a stream is forwarded by its two methods', async () => {
      const own = new OwnAgent(parsed(sharedKeyFile('ecdsa-521').privateText))
      const { client } = await login({ ...base(), agent: own, agentForward: true })
      const [, base64] = sharedKeyFile('ecdsa-521').publicLine.split(' ')
      expect(await output(client, 'ssh-add -L')).toContain(base64)
      const second = await startSshd({ userKeys: ['ecdsa-521'] })
      const hop = `ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -p ${second.port} ${second.user}@127.0.0.1 echo there`
      expect(await output(client, hop)).toBe('there\n')
      client.end()
      await second.stop()
    })

    test('an agent that is gone when it should sign: the next method; without one, one error that says why', async () => {
      const key = sharedKeyFile('ed25519')
      for (const [next, outcome] of [
        [{ privateKey: key.privateText }, true],
        [{}, false],
      ] as const) {
        const mortal = await startAgent([sharedKeyFile('ed25519'), sharedKeyFile('rsa-3072')])
        const dying = new OpenSSHAgent(mortal.path)
        const sign = dying.sign.bind(dying) as (...args: unknown[]) => boolean
        let signs = 0
        dying.sign = ((...args: unknown[]) => {
          signs++
          void mortal.stop().then(() => sign(...args))
          return true
        }) as never
        const { client, errors, ready } = await login({
          ...base(),
          agent: dying,
          ...next,
          authHandler: ['none', 'agent', 'publickey'],
        })
        expect([ready, signs]).toEqual([outcome, 1])
        expect(errors).toHaveLength(outcome ? 0 : 1)
        if (!outcome) {
          expect(errors[0]).toMatchObject({
            level: 'client-authentication',
            message: 'All configured authentication methods failed',
          })
          expect(errors[0]?.attempts?.find(({ method }) => method === 'publickey')?.reason).toMatch(
            /Failed to connect to agent/,
          )
        }
        client.end()
      }
    })

    test('an agent that never was: recorded, and the next method', async () => {
      const nowhere = join(temporaryFolder('nowhere'), 'sock')
      const { client, errors, ready } = await login({ ...base(), agent: nowhere })
      expect(ready).toBe(false)
      expect(errors).toHaveLength(1)
      expect(errors[0]?.attempts?.find(({ method }) => method === 'agent')?.reason).toContain(nowhere)
      client.end()
      const keyed = await login({
        ...base(),
        agent: nowhere,
        privateKey: sharedKeyFile('ed25519').privateText,
        authHandler: ['none', 'agent', 'publickey'],
      })
      expect([keyed.ready, keyed.errors]).toEqual([true, []])
      keyed.client.end()
    })

    test("ssh -A against our server: the server's program sees the keys and signs by them", async () => {
      const listed: string[] = []
      const server = new Server(
        { hostKeys: [sharedKeyFile('ed25519', 'host').privateText] },
        (connection) => {
          connection.on('authentication', (ctx) => ctx.accept())
          connection.on('session', (accept) => {
            const session = accept()
            session.on('auth-agent', (yes) => yes?.())
            session.on('exec', (start) => {
              const stream = start()
              connection.openssh_authAgent((error, channel) => {
                if (error) {
                  stream.end(error.message)
                  return
                }
                void (async () => {
                  const remote = connectAgent(streamChannel(channel as unknown as Duplex))
                  const signers = await remote.identities()
                  for (const { publicKey, algorithms, sign } of signers) {
                    await sign(algorithms[0] as string, Buffer.from('data'))
                    listed.push(publicKey.comment ?? '')
                  }
                  remote.close()
                  stream.exit(0)
                  stream.end('done\n')
                })()
              })
            })
          })
        },
      )
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const result = await runSsh({
        port: (server.address() as AddressInfo).port,
        options: [`IdentityAgent=${agent.path}`, `ForwardAgent=${agent.path}`],
        timeoutMs: 20_000,
        command: 'anything',
      })
      expect(result).toMatchObject({ code: 0, text: 'done\n' })
      expect(listed).toEqual(keyFileTypes.map((type) => `hawser user ${type}`))
      server.close()
    })

    test('its methods alone: keys and signatures', async () => {
      const ours = createAgent(agent.path)
      const keys = await new Promise<ParsedKey[]>((resolve, reject) => {
        ours.getIdentities((error, found) => (error ? reject(error) : resolve(found ?? [])))
      })
      expect(keys.map((key) => key.comment)).toEqual(keyFileTypes.map((type) => `hawser user ${type}`))
      for (const key of keys) {
        expect(key.isPrivateKey()).toBe(false)
        const options: SigningRequestOptions = key.type === 'ssh-rsa' ? { hash: 'sha256' } : {}
        const signature = await new Promise<Buffer>((resolve, reject) => {
          ours.sign(key, Buffer.from('data'), options, (error, made) =>
            error ? reject(error) : resolve(made as Buffer),
          )
        })
        expect(key.verify('data', signature, options.hash)).toBe(true)
      }
    })
  })
})

describe('hostile agents', () => {
  let server: NetServer | undefined

  async function agentThatSays(bytes: Buffer, andEnds: boolean): Promise<string> {
    const path = join(temporaryFolder('hostile'), 'sock')
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        if (andEnds) socket.end(bytes)
        else socket.write(bytes)
      })
    })
    server.listen(path)
    await once(server, 'listening')
    return path
  }

  test.each([
    ['too long', Buffer.from([0x10, 0, 0, 0, 12]), false],
    ['cut short', Buffer.from([0, 0, 0, 9, 12, 0, 0]), true],
    ['of another type', Buffer.from([0, 0, 0, 5, 14, 0, 0, 0, 0]), false],
    ['a lie about its count', Buffer.from([0, 0, 0, 5, 12, 0xff, 0xff, 0xff, 0xff]), false],
    ['nothing at all', Buffer.alloc(0), true],
  ])('an answer that is %s is one error', async (_name, bytes, andEnds) => {
    const agent = createAgent(await agentThatSays(bytes, andEnds))
    const calls: unknown[] = []
    await new Promise<void>((resolve) => {
      agent.getIdentities((error, keys) => {
        calls.push([error instanceof Error, (error as Failure | undefined)?.level, keys])
        setImmediate(resolve)
      })
    })
    expect(calls).toEqual([[true, 'agent', undefined]])
    await new Promise<void>((resolve) => server?.close(() => resolve()))
  })
})

describe('AgentProtocol', () => {
  const keys = keyFileTypes.map((type) => parsed(sharedKeyFile(type).privateText))

  function pair(): { client: AgentProtocol; server: AgentProtocol } {
    const client = new AgentProtocol(true)
    const server = new AgentProtocol(false)
    client.pipe(server).pipe(client)
    return { client, server }
  }

  test('lists and signs, with and without options', async () => {
    const { client, server } = pair()
    const hashes: unknown[] = []
    server.on('identities', (request) =>
      server.getIdentitiesReply(request, [
        ...keys.slice(1),
        { pubKey: keys[0] as ParsedKey, comment: 'named' },
      ]),
    )
    server.on('sign', (request, key, data, options) => {
      hashes.push((options as SigningRequestOptions).hash)
      const own = keys.find((one) => one.getPublicSSH().equals(key.getPublicSSH()))
      server.signReply(request, own?.sign(data, options.hash) as Buffer)
    })
    const found = await new Promise<ParsedKey[]>((resolve, reject) =>
      client.getIdentities((error, list) => (error ? reject(error) : resolve(list ?? []))),
    )
    expect(found.map((key) => [key.isPrivateKey(), key.comment])).toEqual([
      ...keys.slice(1).map((key) => [false, key.comment]),
      [false, 'named'],
    ])
    const signed = (key: ParsedKey, options?: SigningRequestOptions): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const done: SignCallback = (error, made) => (error ? reject(error) : resolve(made as Buffer))
        if (options === undefined) client.sign(key, Buffer.from('x'), done)
        else client.sign(key, Buffer.from('x'), options, done)
      })
    for (const key of found) expect(key.verify('x', await signed(key))).toBe(true)
    const rsa = found.find(({ type }) => type === 'ssh-rsa') as ParsedKey
    expect(rsa.verify('x', await signed(rsa, { hash: 'sha512' }), 'sha512')).toBe(true)
    expect(hashes).toEqual([...found.map(() => undefined), 'sha512'])
  })

  test('replies keep the order of the requests', async () => {
    const { client, server } = pair()
    const requests: unknown[] = []
    const answers: unknown[] = []
    const all = new Promise<void>((resolve) => {
      server.on('sign', (request) => {
        requests.push(request)
        if (requests.length < 3) return
        for (const one of requests.reverse()) server.failureReply(one as never)
        resolve()
      })
    })
    const done = Promise.all(
      [1, 2, 3].map(
        (number) =>
          new Promise<void>((resolve) => {
            client.sign(keys[0] as ParsedKey, Buffer.from('x'), (error) => {
              answers.push([number, error?.message])
              resolve()
            })
          }),
      ),
    )
    await all
    await done
    expect(answers).toEqual([1, 2, 3].map((number) => [number, 'Agent responded with failure']))
  })

  test('what nobody listens for is refused; a reply to nothing throws', async () => {
    const { client, server } = pair()
    const error = await new Promise<Error | null | undefined>((resolve) => client.getIdentities(resolve))
    expect(error?.message).toBe('Agent responded with failure')
    expect(() => server.failureReply({} as never)).toThrow('Wrong request argument')
    expect(() => client.failureReply({} as never)).toThrow(/Server-only/)
    expect(() => server.sign(keys[0] as ParsedKey, Buffer.from('x'))).toThrow(/Client-only/)
  })

  test('destroying it, or the end of the other side, fails what waits', async () => {
    for (const end of ['destroy', 'end'] as const) {
      const client = new AgentProtocol(true)
      const failed = new Promise<Error | null | undefined>((resolve) => client.getIdentities(resolve))
      client[end]()
      expect((await failed)?.message).toBe('No reply from server')
    }
  })

  test('more requests than are taken at once are all answered', async () => {
    const { client, server } = pair()
    const waiting: unknown[] = []
    server.on('identities', (request) => {
      waiting.push(request)
      setImmediate(() => server.getIdentitiesReply(waiting.shift() as never, []))
    })
    const lists = await Promise.all(
      Array.from(
        { length: 300 },
        () => new Promise((resolve) => client.getIdentities((_e, list) => resolve(list))),
      ),
    )
    expect(lists).toEqual(Array.from({ length: 300 }, () => []))
  })
})

describe('options', () => {
  test('agentForward without an agent, and what is no agent, throw', () => {
    const base = { host: '127.0.0.1', port: 1, username: 'u' }
    expect(() => new Client().connect({ ...base, agentForward: true })).toThrow(
      'You must set a valid agent path to allow agent forwarding',
    )
    expect(() => new Client().connect({ ...base, agent: {} as never })).toThrow(/Invalid agent/)
  })

  test('a class without its methods says so', () => {
    class Empty extends (BaseAgent as unknown as new () => OpenSSHAgent) {}
    const errors: unknown[] = []
    new Empty().getIdentities((error) => void errors.push(error?.message))
    new Empty().sign('', Buffer.from(''), (error) => void errors.push(error?.message))
    expect(errors).toEqual(['Missing getIdentities() implementation', 'Missing sign() implementation'])
  })
})
