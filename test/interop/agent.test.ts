/** Agents: ours against the real ssh-add and ssh, the real ssh-agent through our client and server. */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { AgentError, connectAgent, Keyring, serveAgent } from '@hawser/agent'
import { agentAt, connectCygwin, listenAgent, streamChannel } from '@hawser/agent/node'
import { generateKey, parsePrivateKey } from '@hawser/keys'
import {
  findProgram,
  keyFileTypes,
  makeKeyFile,
  runNow,
  runSsh,
  type Sshd,
  sharedKeyFile,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveAgent, type RealAgent, sshAdd, startAgent } from './agent-kit.ts'
import { clientOf, publicLine, userKey } from './kit.ts'

describe.skipIf(!haveAgent)('with the real ssh-agent', () => {
  describePeers(['sshd', 'ssh'], 'through sshd', () => {
    const files = keyFileTypes.map((type) => sharedKeyFile(type))
    let agent: RealAgent
    let sshd: Sshd

    beforeAll(async () => {
      const sshdOptions = {
        userKeys: keyFileTypes,
        authorizedKeys: [publicLine(userKey.publicKey)],
        extra: ['AllowAgentForwarding yes'],
      }
      agent = await startAgent(files)
      sshd = await startSshd(sshdOptions)
    })
    afterAll(async () => {
      await sshd?.stop()
      await agent?.stop()
    })

    test('the list is that of ssh-add', async () => {
      const client = connectAgent(await agentAt(agent.path).open())
      const list = await client.identities()
      expect(
        list.map(({ publicKey }) => `${publicLine(publicKey).split(' ')[1]} ${publicKey.comment}`),
      ).toEqual(files.map(({ publicLine: line }) => line.split(' ').slice(1).join(' ')))
      client.close()
    })

    test.each(keyFileTypes)('logs in by its key of type %s', async (type) => {
      const client = connectAgent(await agentAt(agent.path).open())
      const wanted = sharedKeyFile(type).publicLine.split(' ')[1]
      const signer = (await client.identities()).find(
        ({ publicKey }) => Buffer.from(publicKey.blob).toString('base64') === wanted,
      )
      if (signer === undefined) throw new Error('the agent does not have it')
      for (const algorithm of signer.algorithms) {
        const only = { ...signer, algorithms: [algorithm] }
        const connection = await clientOf(sshd, { auth: [{ method: 'publickey', signer: only }] })
        await connection.close()
      }
      client.close()
    })

    test('programs over there see its keys, every one of them', async () => {
      const client = await clientOf(sshd, { agent: agentAt(agent.path) })
      const { text: expected } = await sshAdd(agent.path, ['-l'])
      for (const again of [false, true]) {
        const result = await (await client.exec('ssh-add -l', { agentForward: true })).text()
        expect([again, result.stdout, result.code]).toEqual([again, expected, 0])
      }
      const both = await Promise.all(
        [1, 2].map(async () => (await client.exec('ssh-add -L', { agentForward: true })).text()),
      )
      expect(both.map(({ stdout }) => stdout.split('\n').length)).toEqual([
        files.length + 1,
        files.length + 1,
      ])
      await client.close()
    })

    test('a keyring of our own is forwarded too, and without it nothing is', async () => {
      const key = await generateKey('ed25519', { comment: 'ours' })
      const client = await clientOf(sshd, { agent: new Keyring([key]) })
      const { stdout } = await (await client.exec('ssh-add -L', { agentForward: true })).text()
      expect(stdout).toBe(`${publicLine(key.publicKey).replace(/ interop$/, '')} ours\n`)
      await client.close()
      const other = await clientOf(sshd)
      await expect(other.exec('ssh-add -L', { agentForward: true })).rejects.toThrow(/option agent/)
      expect(await (await other.exec('echo "${SSH_AUTH_SOCK-none}"')).text()).toMatchObject({
        stdout: 'none\n',
      })
      await other.close()
    })

    test('two hops: the second server sees the keys, and is logged in to by one of them', async () => {
      const second = await startSshd({ userKeys: ['ecdsa-384'] })
      const client = await clientOf(sshd, { agent: agentAt(agent.path) })
      const hop = `ssh -A -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -p ${second.port} ${second.user}@127.0.0.1 ssh-add -l`
      const result = await (await client.exec(hop, { agentForward: true })).text()
      expect(result).toMatchObject({ code: 0, stdout: (await sshAdd(agent.path, ['-l'])).text })
      expect(second.log()).toMatch(/Accepted publickey for \S+ from \S+ port \d+ ssh2: ECDSA/)
      await client.close()
      await second.stop()
    })

    test('an agent that is gone when it should sign: one clear reason, and the next method', async () => {
      const mortal = await startAgent([sharedKeyFile('ed25519')])
      const client = connectAgent(await agentAt(mortal.path).open())
      const signers = await client.identities()
      await mortal.stop()
      const auth = signers.map((signer) => ({ method: 'publickey', signer }) as const)
      const failure = await clientOf(sshd, { auth }).catch((error: unknown) => error)
      expect(failure).toMatchObject({
        code: 'SSH_AUTHENTICATION_FAILED',
        cause: { code: 'SSH_AGENT_CLOSED' },
        attempts: [{ method: 'publickey', outcome: 'given-up' }, { method: 'none' }],
      })
      const connection = await clientOf(sshd, { auth: [...auth, { method: 'publickey', signer: userKey }] })
      expect(connection.session.phase).toBe('ready')
      await connection.close()
    })

    test('a forwarded agent that is gone fails the program over there, and nothing else', async () => {
      const client = await clientOf(sshd, { agent: agentAt(join(temporaryFolder('gone'), 'sock')) })
      const result = await (await client.exec('ssh-add -l', { agentForward: true })).text()
      expect(result.code).not.toBe(0)
      expect((await (await client.exec('echo on')).text()).stdout).toBe('on\n')
      await client.close()
    })

    test.each(['ed25519', 'rsa-3072'] as const)(
      'a certificate of a %s key in the agent logs in',
      async (type) => {
        const ca = makeKeyFile('ed25519')
        const key = makeKeyFile(type)
        runNow(findProgram('ssh-keygen') as string, [
          '-q',
          '-s',
          ca.path,
          '-I',
          'me',
          '-n',
          sshd.user,
          `${key.path}.pub`,
        ])
        const caFile = join(temporaryFolder('ca'), 'ca.pub')
        writeFileSync(caFile, `${ca.publicLine}\n`)
        const trusting = await startSshd({ extra: [`TrustedUserCAKeys ${caFile}`] })
        const certified = await startAgent([key])
        const client = connectAgent(await agentAt(certified.path).open())
        const signers = await client.identities()
        const signer = signers.find(({ publicKey }) => publicKey.type.includes('-cert-v01'))
        if (signer === undefined) throw new Error('the agent has no certificate')
        const connection = await clientOf(trusting, { auth: [{ method: 'publickey', signer }] })
        expect(trusting.log()).toMatch(/Accepted certificate ID "me"/)
        await connection.close()
        client.close()
        await certified.stop()
        await trusting.stop()
      },
    )

    test('keys are added, removed, locked away', async () => {
      const mine = await startAgent([])
      const client = connectAgent(await agentAt(mine.path).open())
      for (const file of files) await client.add(parsePrivateKey(file.privateText))
      const { text } = await sshAdd(mine.path, ['-L'])
      expect(text.trim().split('\n')).toEqual(files.map(({ publicLine: line }) => line))
      const [first] = await client.identities()
      if (first === undefined) throw new Error('no key')
      await client.remove(first.publicKey)
      expect(await client.list()).toHaveLength(files.length - 1)
      await client.lock('secret')
      expect(await client.list()).toEqual([])
      await expect(client.unlock('wrong')).rejects.toThrow(AgentError)
      await client.unlock('secret')
      await client.removeAll()
      expect(await client.list()).toEqual([])
      await client.add(userKey, { lifetimeSeconds: 3600, confirm: true })
      expect(await client.list()).toHaveLength(1)
      await expect(client.extension('nobody@knows.this')).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
      client.close()
      await mine.stop()
    })
  })
})

describe.skipIf(!haveAgent)('our agent', () => {
  describePeers(['sshd', 'ssh'], 'serves ssh-add and ssh', () => {
    const folder = temporaryFolder('our-agent')
    const path = join(folder, 'sock')
    const keyring = new Keyring()
    let server: Server
    let sshd: Sshd

    beforeAll(async () => {
      server = await listenAgent(path, keyring)
      sshd = await startSshd({ userKeys: keyFileTypes })
    })
    afterAll(async () => {
      server?.close()
      await sshd?.stop()
    })

    test('ssh-add adds, lists, deletes, locks', async () => {
      expect(await sshAdd(path, ['-l'])).toMatchObject({ code: 1, text: 'The agent has no identities.\n' })
      for (const type of keyFileTypes)
        expect(await sshAdd(path, ['-q', sharedKeyFile(type).path])).toMatchObject({ code: 0 })
      expect((await sshAdd(path, ['-L'])).text.trim().split('\n')).toEqual(
        keyFileTypes.map((type) => sharedKeyFile(type).publicLine),
      )
      expect((await sshAdd(path, ['-l'])).text).toContain('(ED25519)')
      expect(await sshAdd(path, ['-t', '60', sharedKeyFile('ed25519').path])).toMatchObject({ code: 0 })
      expect(await sshAdd(path, ['-d', sharedKeyFile('rsa-2048').path])).toMatchObject({ code: 0 })
      expect(keyring.identities()).toHaveLength(keyFileTypes.length - 1)
      expect(await sshAdd(path, ['-T', `${sharedKeyFile('ecdsa-256').path}.pub`])).toMatchObject({ code: 0 })
    })

    test.each(['ed25519', 'ecdsa-521', 'rsa-3072'] as const)('ssh logs in by its %s key', async (type) => {
      const file = sharedKeyFile(type)
      const result = await runSsh({
        port: sshd.port,
        env: { SSH_AUTH_SOCK: path },
        options: [`IdentityAgent=${path}`, `IdentityFile=${file.path}.pub`, 'IdentitiesOnly=yes'],
        command: 'echo in',
      })
      expect(result).toMatchObject({ code: 0, text: 'in\n' })
    })

    test('ssh -A takes it along', async () => {
      const result = await runSsh({
        port: sshd.port,
        options: [`IdentityAgent=${path}`, 'IdentitiesOnly=no', `ForwardAgent=${path}`],
        command: 'ssh-add -L',
      })
      expect(result.stderr).not.toContain('denied')
      expect(result.text).toBe((await sshAdd(path, ['-L'])).text)
    })

    test('ssh-add -D empties it', async () => {
      expect(await sshAdd(path, ['-D'])).toMatchObject({ code: 0 })
      expect(keyring.identities()).toEqual([])
    })

    test('a second server at the same place is an error, and does not touch the first', async () => {
      await expect(listenAgent(path, new Keyring())).rejects.toMatchObject({ code: 'EADDRINUSE' })
      expect(await sshAdd(path, ['-l'])).toMatchObject({ code: 1 })
    })

    test('a client that cannot be understood is cut off, and the others are served', async () => {
      const failed: Error[] = []
      const place = join(folder, 'hostile')
      const strict = await listenAgent(place, new Keyring(), { failed: (error) => void failed.push(error) })
      const socket = connectTcp(place)
      socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
      socket.resume()
      await once(socket, 'close')
      expect(failed).toMatchObject([{ code: 'SSH_LIMIT_AGENT_MESSAGE' }])
      expect(await sshAdd(place, ['-l'])).toMatchObject({ code: 1 })
      strict.close()
    })
  })
})

describe('places of agents', () => {
  test('nobody there: the error says where', async () => {
    const path = join(temporaryFolder('nobody'), 'sock')
    await expect(agentAt(path).open()).rejects.toMatchObject({
      code: 'SSH_AGENT_UNREACHABLE',
      message: expect.stringContaining(path),
    })
    await expect(agentAt('pageant').open()).rejects.toMatchObject({ code: 'SSH_AGENT_UNREACHABLE' })
  })

  /** A fake of Cygwin's side: a socket file, and a server that does the greeting and then serves a keyring. */
  async function cygwin(greet: (secret: Buffer) => Buffer, keyring: Keyring) {
    const secret = Buffer.from('0123456789abcdef0011223344556677', 'hex')
    const seen: Buffer[] = []
    const server = createServer(async (socket) => {
      const take = async (count: number): Promise<Buffer> => {
        for (;;) {
          const bytes = socket.read(count) as Buffer | null
          if (bytes !== null) return bytes
          await once(socket, 'readable')
        }
      }
      seen.push(await take(16))
      socket.write(greet(secret))
      seen.push(await take(12))
      socket.write(Buffer.alloc(12))
      await serveAgent(streamChannel(socket), keyring)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const file = join(temporaryFolder('cygwin'), 'agent.sock')
    const { port } = server.address() as { port: number }
    writeFileSync(file, `!<socket >${port} s 67452301-EFCDAB89-33221100-77665544\0`)
    return { file, secret, seen, close: () => server.close() }
  }

  test("Cygwin's socket file: the secret, the numbers, then the agent", async () => {
    const fake = await cygwin((secret) => secret, new Keyring([userKey]))
    const client = connectAgent(streamChannel(await connectCygwin(fake.file)))
    expect((await client.identities()).map(({ publicKey }) => publicKey.blob)).toEqual([
      userKey.publicKey.blob,
    ])
    expect(fake.seen[0]).toEqual(fake.secret)
    expect(fake.seen[1]?.readUInt32LE(0)).toBe(process.pid)
    client.close()
    fake.close()
  })

  test('somebody else at the port of a socket file is not talked to', async () => {
    const fake = await cygwin(() => Buffer.alloc(16), new Keyring())
    await expect(connectCygwin(fake.file)).rejects.toThrow(/does not know the secret/)
    fake.close()
  })

  test('a file that is no socket file is refused', async () => {
    const file = join(temporaryFolder('cygwin'), 'other')
    writeFileSync(file, 'hello')
    await expect(connectCygwin(file)).rejects.toThrow(/not the socket file/)
    await expect(connectCygwin(dirname(file))).rejects.toMatchObject({ code: 'SSH_AGENT_UNREACHABLE' })
  })
})
