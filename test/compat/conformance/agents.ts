/** Cases about agents: a program's own, and AgentProtocol. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { once } from 'node:events'
import type { AgentProtocol, BaseAgent, ParsedKey } from 'ssh2'
import { type Case, exec, pair, readyPair, type Ssh2, serving, userKey } from './kit.ts'

type Call = [string, ...unknown[]]

/** An agent with one key, of which it shows the public half. Not an instance of anything. */
function methodsOf(ssh2: Ssh2, calls: Call[]) {
  const key = parsed(ssh2, userKey().private)
  return {
    getIdentities(done: (error: Error | null, keys: ParsedKey[]) => void) {
      calls.push(['getIdentities'])
      done(null, [parsed(ssh2, userKey().public)])
    },
    sign(shown: ParsedKey, data: Buffer, options: object, done: (error: Error | null, made: Buffer) => void) {
      calls.push(['sign', shown.type, shown.isPrivateKey(), Object.keys(options)])
      done(null, key.sign(data) as Buffer)
    },
  }
}

function parsed(ssh2: Ssh2, data: string | Buffer): ParsedKey {
  const key = ssh2.utils.parseKey(data)
  if (key instanceof Error) throw key
  return key
}

function protocols(ssh2: Ssh2): { client: AgentProtocol; server: AgentProtocol } {
  const client = new ssh2.AgentProtocol(true)
  const server = new ssh2.AgentProtocol(false)
  client.pipe(server).pipe(client)
  return { client, server }
}

export const agentCases: readonly Case[] = [
  {
    line: 'B29',
    title:
      'an agent of a program: one getIdentities, one sign with (key, data, {hash}, callback), and the login succeeds',
    async run(ssh2, world) {
      const calls: Call[] = []
      const Own = class extends (ssh2.BaseAgent as unknown as new () => object) {}
      const agent = Object.assign(new Own(), methodsOf(ssh2, calls)) as unknown as BaseAgent
      const seen: string[] = []
      const { client } = await pair(ssh2, world, {
        client: { agent, password: undefined as never },
        onConnection: (connection) =>
          connection.on('authentication', (ctx) => {
            seen.push(ctx.method)
            if (ctx.method === 'publickey') ctx.accept()
            else ctx.reject(['publickey'])
          }),
      })
      await once(client, 'ready')
      deepStrictEqual(calls, [['getIdentities'], ['sign', 'ssh-ed25519', false, ['hash']]])
      deepStrictEqual(seen, ['none', 'publickey', 'publickey'])
    },
  },
  {
    line: 'C8',
    title: 'agent may be an object that has only the two methods',
    async run(ssh2, world) {
      const calls: Call[] = []
      const agent = methodsOf(ssh2, calls) as unknown as BaseAgent
      const { client } = await pair(ssh2, world, {
        client: { agent, password: undefined as never },
        onConnection: (connection) =>
          connection.on('authentication', (ctx) =>
            ctx.method === 'publickey' ? ctx.accept() : ctx.reject(['publickey']),
          ),
      })
      await once(client, 'ready')
      strictEqual(calls.length, 2)
    },
  },
  {
    line: '1.17 AgentProtocol',
    title: 'lists keys without their private halves and signs, with and without options',
    async run(ssh2, world) {
      const { client, server } = protocols(ssh2)
      world.defer(() => client.destroy())
      const key = parsed(ssh2, userKey().private)
      const hashes: unknown[] = []
      server.on('identities', (request) => server.getIdentitiesReply(request, [key]))
      server.on('sign', (request, _key, data, options) => {
        hashes.push(options.hash)
        server.signReply(request, key.sign(data) as Buffer)
      })
      const keys = await new Promise<ParsedKey[]>((resolve) =>
        client.getIdentities((_e, all) => resolve(all ?? [])),
      )
      deepStrictEqual(
        keys.map((one) => [one.type, one.isPrivateKey()]),
        [['ssh-ed25519', false]],
      )
      const data = Buffer.from('data')
      const made = await new Promise((resolve) =>
        client.sign(key, data, (_e, signature) => resolve(signature)),
      )
      strictEqual(key.verify(data, made as Buffer), true)
      deepStrictEqual(hashes, [undefined])
    },
  },
  {
    line: '1.17 AgentProtocol end',
    title: 'destroying it fails what waits',
    async run(ssh2) {
      const client = new ssh2.AgentProtocol(true)
      const failed = new Promise<Error | undefined>((resolve) =>
        client.getIdentities((error) => resolve(error)),
      )
      client.destroy()
      match((await failed)?.message ?? '', /No reply/)
    },
  },
  {
    line: '1.17 createAgent',
    title: 'a path gives an OpenSSHAgent, which tells when nobody is there; a bare BaseAgent has no methods',
    async run(ssh2) {
      const agent = ssh2.createAgent('/nonexistent/agent.sock')
      ok(agent instanceof ssh2.OpenSSHAgent && agent instanceof ssh2.BaseAgent)
      const error = await new Promise<Error | null | undefined>((resolve) => agent.getIdentities(resolve))
      match(error?.message ?? '', /Failed to connect to agent/)
    },
  },
  {
    line: '1.4 agentForward',
    title: 'with an agent, the option of exec asks for auth-agent before exec',
    async run(ssh2, world) {
      const seen: string[] = []
      const { client } = await readyPair(ssh2, world, {
        client: { agent: '/nonexistent/agent.sock' },
        onConnection: serving((session) => {
          session.on('auth-agent', (accept) => {
            seen.push('auth-agent')
            ;(accept as (() => void) | undefined)?.()
          })
          session.on('exec', (accept) => {
            seen.push('exec')
            const stream = accept()
            stream.exit(0)
            stream.end()
          })
        }),
      })
      await exec(client, 'x', { agentForward: true })
      deepStrictEqual(seen, ['auth-agent', 'exec'])
    },
  },
]
