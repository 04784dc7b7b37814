/** Keys of every type through the real ssh-agent: also those that only pass by, of security keys, and those that are broken. */

import { join } from 'node:path'
import { connectAgent } from '@hawser/agent'
import { agentAt } from '@hawser/agent/node'
import { defaultProvider } from '@hawser/crypto'
import { createVerifier, generateKey, readAgentKey, type Signer } from '@hawser/keys'
import { findProgram, run, temporaryFolder } from '@hawser/test-kit'
import { Reader, Writer } from '@hawser/wire'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveAgent, type RealAgent, sshAdd, startAgent } from './agent-kit.ts'

const data = new TextEncoder().encode('what is to be signed')

describe.skipIf(!haveAgent)('ssh-agent', () => {
  let agent: RealAgent
  beforeAll(async () => {
    agent = await startAgent([])
  })
  afterAll(() => agent?.stop())

  test.each([
    ['sk-ssh-ed25519@openssh.com', 'ed25519', 'ED25519-SK'],
    ['sk-ecdsa-sha2-nistp256@openssh.com', 'ecdsa-256', 'ECDSA-SK'],
  ] as const)(
    'takes a key of type %s from us, shows it, and asks the missing token',
    async (type, plain, shown) => {
      // The public half of any key will do: the private one is in the token, and a handle stands for it.
      const { publicKey } = await (plain === 'ed25519'
        ? generateKey('ed25519')
        : generateKey('ecdsa', { bits: 256 }))
      const fields = new Reader(publicKey.blob)
      fields.string()
      const form = new Writer()
        .string(type)
        .bytes(fields.rest())
        .string('ssh:')
        .byte(1)
        .string('handle')
        .string('')
        .string('token')
      const key = readAgentKey(new Reader(form.finish()))
      const client = connectAgent(await agentAt(agent.path).open())
      await client.add(key, { securityKeyProvider: 'internal' })
      const signer = (await client.identities()).find((each) => each.publicKey.type === type) as Signer
      expect(signer.publicKey.blob).toEqual(key.publicKey.blob)
      expect(signer.algorithms).toEqual([type])
      expect((await sshAdd(agent.path, ['-l'])).text).toContain(`token (${shown})`)
      await expect(signer.sign(type, data)).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
      await client.remove(signer.publicKey)
      expect(await client.list()).toEqual([])
      client.close()
    },
  )

  test('passes DSA on where it still can do it', async () => {
    const path = join(temporaryFolder('dsa'), 'key')
    const made = await run(findProgram('ssh-keygen') as string, ['-q', '-t', 'dsa', '-N', '', '-f', path])
    const taken = made.code === 0 ? await sshAdd(agent.path, ['-q', path]) : made
    const client = connectAgent(await agentAt(agent.path).open())
    const signers = await client.identities()
    if (taken.code === 0) {
      const [signer] = signers as [Signer]
      expect(signer.publicKey.type).toBe('ssh-dss')
      const signature = await signer.sign('ssh-dss', data)
      const verify = createVerifier(defaultProvider, { insecure: true })
      expect(verify(signer.publicKey, 'ssh-dss', data, signature)).toBe(true)
    } else expect(signers).toEqual([])
    client.close()
  })

  test('refuses a library of a smartcard that is not there, and gives no extension that it does not know', async () => {
    const client = connectAgent(await agentAt(agent.path).open())
    await expect(client.addSmartcard('/usr/lib/no-such.so', '1234', { confirm: true })).rejects.toMatchObject(
      {
        code: 'SSH_AGENT_REFUSED',
      },
    )
    await expect(client.removeSmartcard('/usr/lib/no-such.so')).rejects.toMatchObject({
      code: 'SSH_AGENT_REFUSED',
    })
    client.close()
  })
})
