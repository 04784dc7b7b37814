/** Keys for some destinations only, and the other limits of ssh-add: the real ssh-agent with our client, our keyring with the real ssh. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAgent, Keyring } from '@hawser/agent'
import { agentAt, listenAgent } from '@hawser/agent/node'
import { Client as CompatClient } from '@hawser/ssh2-compat'
import { type KeyFile, makeKeyFile, runSsh, type Sshd, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveAgent, sshAdd, startAgent } from './agent-kit.ts'
import { clientOf } from './kit.ts'

describe.skipIf(!haveAgent)('limits on keys in agents', () => {
  describePeers(['sshd', 'ssh'], 'by ssh-add', () => {
    let key: KeyFile
    let alpha: Sshd
    let beta: Sshd
    let names: string
    const closing: (() => unknown)[] = []

    beforeAll(async () => {
      key = makeKeyFile('ed25519')
      const options = { authorizedKeys: [key.publicLine], extra: ['AllowAgentForwarding yes'] }
      alpha = await startSshd({ ...options, hostKeys: ['ed25519'] })
      beta = await startSshd({ ...options, hostKeys: ['ecdsa-256'] })
      names = join(temporaryFolder('names'), 'known_hosts')
      const lines = [alpha, beta].map((sshd, at) => {
        const [hostKey] = [...sshd.hostKeys.values()] as [KeyFile]
        return `${['alpha', 'beta'][at]} ${hostKey.publicLine}`
      })
      writeFileSync(names, `${lines.join('\n')}\n`)
    })
    afterAll(async () => {
      for (const close of closing) await close()
      await alpha?.stop()
      await beta?.stop()
    })

    /** Either kind of agent, with the key for `steps`, as `ssh-add -h` has them. */
    async function holding(kind: 'ssh-agent' | 'our agent', steps: readonly string[]): Promise<string> {
      let path: string
      if (kind === 'ssh-agent') {
        const agent = await startAgent([])
        closing.push(() => agent.stop())
        path = agent.path
      } else {
        path = join(temporaryFolder('ours'), 'sock')
        const server = await listenAgent(path, new Keyring())
        closing.push(() => server.close())
      }
      const limits = steps.flatMap((step) => ['-h', step])
      expect(await sshAdd(path, ['-q', '-H', names, ...limits, key.path])).toMatchObject({ code: 0 })
      return path
    }

    const hop = (sshd: Sshd): string =>
      `ssh -A -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -p ${sshd.port} ${sshd.user}@127.0.0.1 echo there`

    describe.each(['ssh-agent', 'our agent'] as const)('%s', (kind) => {
      test('our client logs in to the host that the key is for, and to no other', async () => {
        const auth = [{ method: 'agent', agent: agentAt(await holding(kind, ['alpha'])) }] as const
        const client = await clientOf(alpha, { auth })
        expect((await (await client.exec('echo in')).text()).stdout).toBe('in\n')
        await client.close()
        // It is not even offered there.
        await expect(clientOf(beta, { auth })).rejects.toMatchObject({
          code: 'SSH_AUTHENTICATION_FAILED',
          attempts: [{ method: 'none' }],
        })
      })

      test('a login that does not say which session it is for is refused', async () => {
        const agent = connectAgent(await agentAt(await holding(kind, ['alpha'])).open())
        const [signer] = await agent.identities()
        if (signer === undefined) throw new Error('no key')
        await expect(clientOf(alpha, { auth: [{ method: 'publickey', signer }] })).rejects.toMatchObject({
          code: 'SSH_AUTHENTICATION_FAILED',
          cause: { code: 'SSH_AGENT_REFUSED' },
        })
        agent.close()
      })

      test('the user counts too', async () => {
        const good = agentAt(await holding(kind, [`${alpha.user}@alpha`]))
        await (await clientOf(alpha, { auth: [{ method: 'agent', agent: good }] })).close()
        const bad = agentAt(await holding(kind, ['somebody-else@alpha']))
        await expect(clientOf(alpha, { auth: [{ method: 'agent', agent: bad }] })).rejects.toMatchObject({
          code: 'SSH_AUTHENTICATION_FAILED',
        })
      })

      test('forwarded by our client, it goes on to the second host, and only if it may', async () => {
        for (const [steps, reached] of [
          [['alpha', 'alpha>beta'], true],
          [['alpha'], false],
          [['alpha', 'beta'], false],
        ] as const) {
          const agent = agentAt(await holding(kind, steps))
          const client = await clientOf(alpha, { auth: [{ method: 'agent', agent }], agent })
          const seen = await (await client.exec('ssh-add -l', { agentForward: true })).text()
          expect([steps, seen.code]).toEqual([steps, reached ? 0 : 1])
          const result = await (await client.exec(hop(beta), { agentForward: 'again' })).text()
          expect([steps, result.stdout]).toEqual([steps, reached ? 'there\n' : ''])
          await client.close()
        }
      })

      test('a program of the compat package logs in and forwards it alike', async () => {
        const agent = await holding(kind, ['alpha', 'alpha>beta'])
        const program = (sshd: Sshd, command: string): Promise<string> =>
          new Promise((resolve, reject) => {
            const client = new CompatClient()
            client.on('error', reject).on('ready', () =>
              client.exec(command, (error, stream) => {
                if (error) return reject(error)
                let text = ''
                stream.on('data', (chunk: Buffer) => {
                  text += chunk.toString()
                })
                stream.on('close', () => {
                  client.end()
                  resolve(text)
                })
              }),
            )
            const { host, port, user: username } = sshd
            client.connect({ host, port, username, agent, agentForward: true })
          })
        expect(await program(alpha, 'echo in')).toBe('in\n')
        expect(await program(alpha, hop(beta))).toBe('there\n')
        await expect(program(beta, 'echo in')).rejects.toMatchObject({ level: 'client-authentication' })
      })

      test('the real ssh logs in and forwards it alike', async () => {
        const path = await holding(kind, ['alpha', 'alpha>beta'])
        const options = [`IdentityAgent=${path}`, `ForwardAgent=${path}`, 'IdentitiesOnly=no']
        expect(await runSsh({ port: alpha.port, options, command: 'echo in' })).toMatchObject({
          text: 'in\n',
        })
        expect(await runSsh({ port: alpha.port, options, command: hop(beta) })).toMatchObject({
          text: 'there\n',
        })
        expect(await runSsh({ port: beta.port, options, command: 'echo in' })).toMatchObject({ code: 255 })
      })
    })

    test('a keyring in the same program is held to it too', async () => {
      const keyring = new Keyring()
      const path = join(temporaryFolder('same'), 'sock')
      const server = await listenAgent(path, keyring)
      const limits = ['-h', 'alpha', '-h', 'alpha>beta']
      expect(await sshAdd(path, ['-q', '-H', names, ...limits, key.path])).toMatchObject({ code: 0 })
      const auth = [{ method: 'agent', agent: keyring }] as const
      const client = await clientOf(alpha, { auth, agent: keyring })
      const result = await (await client.exec(hop(beta), { agentForward: true })).text()
      expect(result.stdout).toBe('there\n')
      await client.close()
      await expect(clientOf(beta, { auth })).rejects.toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
      server.close()
    })

    test('-t, -c, -x, -X, -T and what there is no hardware for', async () => {
      let answer = true
      let asked = 0
      let now = 0
      const clock = { now: () => now, after: () => () => undefined }
      const keyring = new Keyring([], {
        clock,
        confirm: () => {
          asked++
          return answer
        },
      })
      const path = join(temporaryFolder('all'), 'sock')
      const server = await listenAgent(path, keyring)
      const listed = async (): Promise<number | undefined> => (await sshAdd(path, ['-l'])).code ?? undefined

      expect(await sshAdd(path, ['-q', '-t', '60', key.path])).toMatchObject({ code: 0 })
      expect(await listed()).toBe(0)
      now = 60_000
      expect(await listed()).toBe(1)

      expect(await sshAdd(path, ['-q', '-c', key.path])).toMatchObject({ code: 0 })
      expect(await sshAdd(path, ['-T', `${key.path}.pub`])).toMatchObject({ code: 0 })
      answer = false
      expect((await sshAdd(path, ['-T', `${key.path}.pub`])).code).not.toBe(0)
      expect(asked).toBe(2)

      expect(await sshAdd(path, ['-x'], 'secret')).toMatchObject({ code: 0 })
      expect(await listed()).toBe(1)
      expect((await sshAdd(path, ['-q', key.path])).code).not.toBe(0)
      expect(await sshAdd(path, ['-X'], 'secret')).toMatchObject({ code: 0 })
      expect(await listed()).toBe(0)

      expect((await sshAdd(path, ['-s', '/usr/lib/no-such-pkcs11.so'], '1234')).stderr).toMatch(
        /agent refused operation/,
      )
      expect((await sshAdd(path, ['-e', '/usr/lib/no-such-pkcs11.so'], '1234')).stderr).toMatch(
        /agent refused operation/,
      )
      expect((await sshAdd(path, ['-K'], '1234')).code).not.toBe(0)
      expect(await listed()).toBe(0)
      server.close()
    })
  })
})
