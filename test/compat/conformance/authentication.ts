/** Cases about logging in: what the server is shown, in which order, and what can be answered. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { sharedKeyFile } from '@hawser/test-kit'
import type { AuthContext, HostbasedAuthContext, PublicKeyAuthContext } from 'ssh2'
import { type Case, next, pair, readyPair, record, userKey } from './kit.ts'

export const authenticationCases: readonly Case[] = [
  {
    line: '1.6 hostbased',
    covers: ['C31', '1.3 localHostname', '1.3 localUsername', 'B26 hostbased'],
    title: 'hostbased comes after publickey is refused, with the same key, and verifies',
    async run(ssh2, world) {
      const { private: privateKey, public: line } = userKey()
      const parsed = ssh2.utils.parseKey(line)
      if (parsed instanceof Error) throw parsed
      const seen: unknown[] = []
      await readyPair(ssh2, world, {
        client: { privateKey, password: undefined as never, localHostname: 'my.host', localUsername: 'me' },
        onConnection: (c) =>
          c.on('authentication', (context: AuthContext) => {
            seen.push(context.method)
            if (context.method !== 'hostbased') return context.reject()
            const ctx = context as HostbasedAuthContext
            deepStrictEqual(ctx.key.data, parsed.getPublicSSH())
            strictEqual(parsed.verify(ctx.blob as Buffer, ctx.signature as Buffer), true)
            seen.push([ctx.localHostname, ctx.localUsername])
            ctx.accept()
          }),
      })
      deepStrictEqual(seen, ['none', 'publickey', 'hostbased', ['my.host', 'me']])
    },
  },
  {
    line: '1.3 authHandler user',
    covers: ['1.3 authHandler'],
    title: 'each try may have a user name of its own',
    async run(ssh2, world) {
      const seen: unknown[] = []
      await readyPair(ssh2, world, {
        client: {
          authHandler: [
            { type: 'none', username: 'first' },
            { type: 'password', username: 'second', password: 'p' },
          ] as never,
        },
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            seen.push([ctx.method, ctx.username])
            if (ctx.method === 'password') ctx.accept()
            else ctx.reject()
          }),
      })
      deepStrictEqual(seen, [
        ['none', 'first'],
        ['password', 'second'],
      ])
    },
  },
  {
    line: 'C7',
    title: 'an authHandler that answers by a promise; a type that does not exist is skipped and said so',
    async run(ssh2, world) {
      const wishes = ['nonsense', 'password', false] as const
      let at = 0
      const { client } = await pair(ssh2, world, {
        client: {
          authHandler: (() => {
            if (at > wishes.length) throw new Error('asked without end')
            return Promise.resolve(wishes[at++])
          }) as never,
        },
        onConnection: (c) => c.on('authentication', (ctx: AuthContext) => ctx.reject()),
      })
      const [error] = (await next(client, 'error')) as [Error & { attempts: { method: string }[] }]
      deepStrictEqual(error.attempts.map(({ method }) => method).sort(), ['nonsense', 'password'])
    },
  },
  {
    line: 'B27',
    covers: ['C13', '1.6 publickey'],
    title:
      'an RSA key: algo ssh-rsa, the hash beside, a signature that verifies with it and, when remembered, without',
    async run(ssh2, world) {
      const file = sharedKeyFile('rsa-2048')
      const parsed = ssh2.utils.parseKey(file.publicLine)
      if (parsed instanceof Error) throw parsed
      const hashes: unknown[] = []
      await readyPair(ssh2, world, {
        client: { privateKey: file.privateText, password: undefined as never },
        onConnection: (c) =>
          c.on('authentication', (context: AuthContext) => {
            if (context.method !== 'publickey') return context.reject()
            const ctx = context as PublicKeyAuthContext & { hashAlgo?: string }
            strictEqual(ctx.key.algo, 'ssh-rsa')
            if (ctx.signature) {
              hashes.push(ctx.hashAlgo)
              strictEqual(parsed.verify(ctx.blob as Buffer, ctx.signature, ctx.hashAlgo as never), true)
            }
            ctx.accept()
          }),
      })
      strictEqual(hashes.length, 1)
      match(String(hashes[0]), /^sha(?:256|512)$/)
    },
  },
  {
    line: 'C13 two arguments',
    title: 'the signature of a context verifies without its hash, and sigAlgo names it',
    async run(ssh2, world) {
      const file = sharedKeyFile('rsa-2048')
      const parsed = ssh2.utils.parseKey(file.publicLine)
      if (parsed instanceof Error) throw parsed
      let sigAlgo: unknown
      await readyPair(ssh2, world, {
        client: { privateKey: file.privateText, password: undefined as never },
        onConnection: (c) =>
          c.on('authentication', (context: AuthContext) => {
            if (context.method !== 'publickey') return context.reject()
            const ctx = context as PublicKeyAuthContext & { sigAlgo?: string }
            if (ctx.signature) {
              strictEqual(parsed.verify(ctx.blob as Buffer, ctx.signature), true)
              sigAlgo = ctx.sigAlgo
            }
            ctx.accept()
          }),
      })
      match(String(sigAlgo), /sha(?:256|512)/i)
    },
  },
  {
    line: '1.6 abort',
    title: 'abort: the client goes away before the answer',
    async run(ssh2, world) {
      let aborted: Promise<unknown> | undefined
      let asked: () => void = () => undefined
      const wait = new Promise<void>((resolve) => (asked = resolve))
      const { client } = await pair(ssh2, world, {
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            aborted = next(ctx, 'abort')
            asked()
          }),
      })
      client.on('error', () => undefined)
      await wait
      client.end()
      await aborted
    },
  },
  {
    line: '1.6 common',
    covers: ['1.6 username', '1.6 service', '1.6 none', '1.6 password', '1.6 reject'],
    title: 'user name under both names, service, method, password',
    async run(ssh2, world) {
      const seen: unknown[] = []
      await readyPair(ssh2, world, {
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            const own = ctx as unknown as Record<string, unknown>
            seen.push([own['user'], own['username'], own['service'], own['method'], own['password']])
            if (ctx.method === 'password') ctx.accept()
            else ctx.reject(['password'])
          }),
      })
      deepStrictEqual(seen, [
        ['user', 'user', 'ssh-connection', 'none', undefined],
        ['user', 'user', 'ssh-connection', 'password', 'password'],
      ])
    },
  },
  {
    line: 'C4',
    covers: ['1.2 change password', 'B28'],
    title:
      'change password: the second argument is a function that also tells the language, the third the same',
    async run(ssh2, world) {
      await readyPair(ssh2, world, {
        onClient: (c) =>
          c.on('change password', ((prompt: string, language: unknown, done: (password: string) => void) => {
            strictEqual(prompt, 'expired')
            strictEqual(String(language), '')
            strictEqual(typeof language, 'function')
            done('new')
          }) as never),
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'password') return ctx.reject()
            ctx.requestChange('expired', (password: string) => {
              strictEqual(password, 'new')
              ctx.accept()
            })
          }),
      })
    },
  },
  {
    line: '1.6 requestChange then reject',
    title: 'a new password may be refused; the login then goes on with what is left',
    async run(ssh2, world) {
      let rounds = 0
      const { client } = await pair(ssh2, world, {
        onClient: (c) =>
          c.on('change password', (_prompt: string, done: (password: string) => void) => done('weak')),
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'password') return ctx.reject()
            rounds++
            ctx.requestChange('expired', () => ctx.reject())
          }),
      })
      const [error] = (await next(client, 'error')) as [Error]
      match(error.message, /All configured authentication methods failed/)
      ok(rounds >= 1)
    },
  },
  {
    line: 'B16',
    title: 'a host key that cannot sign: errors on both sides',
    async run(ssh2, world) {
      const key = ssh2.utils.parseKey(sharedKeyFile('ed25519', 'host').privateText)
      if (key instanceof Error) throw key
      key.sign = () => new Error('no pen') as never
      let told: (error: Error) => void = () => undefined
      const serverError = new Promise<Error>((resolve) => (told = resolve))
      const { client } = await pair(ssh2, world, {
        server: { hostKeys: [{ key }] as never },
        onConnection: (c) => c.on('error', told),
      })
      const [error] = (await next(client, 'error')) as [Error]
      match(error.message, /KEY_EXCHANGE_FAILED/)
      match((await serverError).message, /signature generation failed/i)
    },
  },
  {
    line: 'B13',
    title: 'a key that cannot sign: the server never sees a signature, and the login fails',
    async run(ssh2, world) {
      const key = ssh2.utils.parseKey(userKey().private)
      if (key instanceof Error) throw key
      key.sign = () => new Error('no pen') as never
      const seen: boolean[] = []
      const { client } = await pair(ssh2, world, {
        client: { privateKey: key as never, password: undefined as never },
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'publickey') return ctx.reject()
            seen.push(ctx.signature !== undefined)
            ctx.accept()
          }),
      })
      const errors = record(client, ['error'])
      await next(client, 'close')
      deepStrictEqual(seen, [false])
      strictEqual(errors.length, 1)
      const error = errors[0]?.[1] as unknown as { message: string; attempts: { reason: string }[] }
      match(error.message, /All configured authentication methods failed/)
      match(String(error.attempts.at(-1)?.reason), /signature.*no pen/)
    },
  },
]
