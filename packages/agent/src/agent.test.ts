import { createVerifier, generateKey, type PrivateKey, type Signer, writeAgentKey } from '@hawser/keys'
import { memoryPipes } from '@hawser/test-kit'
import { utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { type AgentClient, connectAgent } from './agent-client.ts'
import type { AgentStore } from './agent-store.ts'
import { AgentError } from './errors.ts'
import { framed } from './frames.ts'
import { Keyring } from './keyring.ts'
import { serveAgent } from './serve-agent.ts'

const data = utf8Encode('what is to be signed')
const verify = createVerifier()
const ed25519 = await generateKey('ed25519', { comment: 'first' })
const rsa = await generateKey('rsa', { bits: 2048, comment: 'second' })

interface Pair {
  readonly client: AgentClient
  readonly served: Promise<void>
  readonly refusals: unknown[]
}

function pair(store: AgentStore): Pair {
  const { a, b } = memoryPipes()
  const refusals: unknown[] = []
  const served = serveAgent(b, store, { refused: (error) => void refusals.push(error) })
  return { client: connectAgent(a), served, refusals }
}

/** A client whose agent sends `message` for whatever comes. */
function hostile(message: Uint8Array): AgentClient {
  const { a, b } = memoryPipes()
  b.onData = () => void b.write(message)
  b.resume()
  return connectAgent(a)
}

describe('an agent of keys in memory', () => {
  test('shows its keys, which sign by each of their algorithms', async () => {
    const { client, served } = pair(new Keyring([ed25519, rsa]))
    const signers = await client.identities()
    expect(signers.map(({ publicKey }) => publicKey)).toEqual([ed25519.publicKey, rsa.publicKey])
    expect(signers.map(({ algorithms }) => algorithms)).toEqual([
      ['ssh-ed25519'],
      ['rsa-sha2-512', 'rsa-sha2-256'],
    ])
    for (const { publicKey, algorithms, sign } of signers)
      for (const algorithm of algorithms)
        expect(verify(publicKey, algorithm, data, await sign(algorithm, data))).toBe(true)
    client.close()
    await served
  })

  test('gives no signature by SHA-1, and none by keys that it does not have', async () => {
    const { client, refusals } = pair(new Keyring([rsa]))
    await expect(client.sign(rsa.publicKey, 'ssh-rsa', data)).rejects.toMatchObject({
      code: 'SSH_AGENT_REFUSED',
    })
    await expect(client.sign(ed25519.publicKey, 'ssh-ed25519', data)).rejects.toThrow(/refused to sign/)
    expect(refusals.map(String)).toEqual([
      expect.stringContaining('flags 0'),
      expect.stringContaining('a key that is not here'),
    ])
    client.close()
  })

  test('takes and removes keys', async () => {
    const keyring = new Keyring()
    const { client } = pair(keyring)
    await client.add(ed25519)
    await client.add(rsa)
    await client.add(ed25519)
    expect((await client.identities()).map(({ publicKey }) => publicKey)).toEqual([
      rsa.publicKey,
      ed25519.publicKey,
    ])
    const [held] = keyring.identities() as [Signer]
    await client.remove(rsa.publicKey)
    await expect(held.sign('rsa-sha2-512', data)).rejects.toThrow(/here no longer/)
    await expect(client.remove(rsa.publicKey)).rejects.toThrow(AgentError)
    await client.removeAll()
    expect(await client.list()).toEqual([])
    // Its own copy was taken: the caller's key still signs.
    expect(verify(rsa.publicKey, 'rsa-sha2-512', data, await rsa.sign('rsa-sha2-512', data))).toBe(true)
    client.close()
  })

  test('locked, it shows nothing and signs nothing, until it is unlocked by the same passphrase', async () => {
    const { client } = pair(new Keyring([ed25519]))
    await client.lock('open sesame')
    expect(await client.identities()).toEqual([])
    await expect(client.sign(ed25519.publicKey, 'ssh-ed25519', data)).rejects.toThrow(AgentError)
    await expect(client.add(rsa)).rejects.toThrow(AgentError)
    await expect(client.lock('again')).rejects.toThrow(AgentError)
    await expect(client.unlock('open')).rejects.toThrow(AgentError)
    await client.unlock('open sesame')
    expect(await client.identities()).toHaveLength(1)
    await expect(client.unlock('open sesame')).rejects.toThrow(AgentError)
    client.close()
  })

  test('read-only, it is not changed', async () => {
    const { client } = pair(new Keyring([ed25519], { readOnly: true }))
    await expect(client.removeAll()).rejects.toThrow(AgentError)
    await expect(client.add(rsa)).rejects.toThrow(AgentError)
    expect(await client.identities()).toHaveLength(1)
    client.close()
  })

  test('keys on security tokens pass as they are', async () => {
    const blob = new Writer()
      .string('sk-ssh-ed25519@openssh.com')
      .string(new Uint8Array(32))
      .string('ssh:')
      .finish()
    const made = new Writer().string('sk-ssh-ed25519@openssh.com').string('s').byte(1).uint32(7).finish()
    const token: Signer = {
      publicKey: { type: 'sk-ssh-ed25519@openssh.com', blob },
      algorithms: ['sk-ssh-ed25519@openssh.com'],
      sign: () => Promise.resolve(made),
    }
    const { client } = pair(new Keyring([token]))
    const [signer] = (await client.identities()) as [Signer]
    expect(signer.publicKey).toEqual(token.publicKey)
    expect(await signer.sign('sk-ssh-ed25519@openssh.com', data)).toEqual(made)
    client.close()
  })

  test('extensions: what the store knows, what it does not know, and what fails', async () => {
    const { client } = pair({
      identities: () => [],
      extension: (name, contents) => {
        if (name === 'query') return new Writer().string('query').string('echo@a.b').finish()
        if (name === 'echo@a.b') return contents
        if (name === 'fail@a.b') throw new Error('no')
        return undefined
      },
    })
    expect(await client.extensions()).toEqual(['query', 'echo@a.b'])
    expect(await client.extension('echo@a.b', data)).toEqual(data)
    await expect(client.extension('fail@a.b')).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
    await expect(client.extension('other@a.b')).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
    client.close()
  })

  test('requests are handed over one at a time, and answered in order', async () => {
    let running = 0
    let most = 0
    const { client } = pair({
      identities: async () => {
        most = Math.max(most, ++running)
        await Promise.resolve()
        running--
        return []
      },
    })
    expect(await Promise.all(Array.from({ length: 200 }, () => client.list()))).toHaveLength(200)
    expect(most).toBe(1)
    client.close()
  })

  test('an unknown constraint is refused', async () => {
    const { a, b } = memoryPipes()
    const refusals: unknown[] = []
    void serveAgent(b, new Keyring(), { refused: (error) => void refusals.push(error) })
    const answers: Uint8Array[] = []
    const answered = new Promise<void>((resolve) => {
      a.onData = (bytes) => {
        answers.push(bytes)
        resolve()
      }
    })
    a.resume()
    const to = new Writer().byte(25)
    writeAgentKey(to, ed25519)
    a.write(framed(to.byte(255).string('restrict@openssh.com').finish()))
    await answered
    expect(answers).toEqual([Uint8Array.of(0, 0, 0, 1, 5)])
    expect(String(refusals[0])).toMatch(/restrict@openssh.com/)
  })
})

describe('giving up', () => {
  const calls: readonly [string, (client: AgentClient, signal: AbortSignal) => Promise<unknown>][] = [
    ['list', (client, signal) => client.list({ signal })],
    ['identities', (client, signal) => client.identities({ signal })],
    ['sign', (client, signal) => client.sign(ed25519.publicKey, 'ssh-ed25519', data, { signal })],
    ['add', (client, signal) => client.add(ed25519, {}, { signal })],
    ['addSmartcard', (client, signal) => client.addSmartcard('x', '', {}, { signal })],
    ['removeSmartcard', (client, signal) => client.removeSmartcard('x', '', { signal })],
    ['remove', (client, signal) => client.remove(ed25519.publicKey, { signal })],
    ['removeAll', (client, signal) => client.removeAll({ signal })],
    ['lock', (client, signal) => client.lock('x', { signal })],
    ['unlock', (client, signal) => client.unlock('x', { signal })],
    ['extension', (client, signal) => client.extension('x', data, { signal })],
    ['extensions', (client, signal) => client.extensions({ signal })],
    [
      'bindSession',
      (client, signal) =>
        client.bindSession({ hostKey: data, sessionId: data, signature: data, forwarding: true }, { signal }),
    ],
  ]

  test.each(calls)('%s: rejects once, and the late answer is for nobody else', async (_name, call) => {
    const { a, b } = memoryPipes()
    let asked = 0
    b.onData = () => void asked++
    b.resume()
    const client = connectAgent(a)
    const controller = new AbortController()
    const given = call(client, controller.signal)
    const next = client.list()
    controller.abort(new Error('enough'))
    await expect(given).rejects.toMatchObject({ code: 'SSH_ABORTED', cause: { message: 'enough' } })
    const answers = new Writer().bytes(framed(Uint8Array.of(5))).bytes(framed(Uint8Array.of(12, 0, 0, 0, 0)))
    b.write(answers.finish())
    expect(await next).toEqual([])
    // Given up before: nothing is sent.
    const before = asked
    await expect(call(client, controller.signal)).rejects.toMatchObject({ code: 'SSH_ABORTED' })
    expect(asked).toBe(before)
    client.close()
  })
})

describe('an agent that is gone or hostile', () => {
  test('all that waits rejects, and all that follows', async () => {
    const { a, b } = memoryPipes()
    b.resume()
    const client = connectAgent(a)
    const waiting = [client.list(), client.sign(ed25519.publicKey, 'ssh-ed25519', data)]
    b.destroy()
    for (const request of waiting) await expect(request).rejects.toMatchObject({ code: 'SSH_AGENT_CLOSED' })
    await expect(client.identities()).rejects.toThrow(
      'the agent cannot list its keys: the agent closed the connection',
    )
    await client.closed
  })

  test('a line that fails is told with its reason', async () => {
    const { a, cut } = memoryPipes()
    const client = connectAgent(a)
    const waiting = client.list()
    cut(new Error('pulled'))
    await expect(waiting).rejects.toMatchObject({ code: 'SSH_AGENT_CLOSED', cause: { message: 'pulled' } })
  })

  test.each([
    ['too long', new Writer().uint32(0x7fffffff).finish()],
    ['of another type', framed(Uint8Array.of(14, 0, 0, 0, 0))],
    ['cut short', framed(Uint8Array.of(12, 0, 0, 0, 2, 0))],
    [
      'nobody asked for',
      new Writer()
        .bytes(framed(Uint8Array.of(5)))
        .bytes(framed(Uint8Array.of(5)))
        .finish(),
    ],
  ])('an answer that is %s ends the connection', async (_name, message) => {
    const client = hostile(message)
    const waiting = client.list()
    await expect(waiting).rejects.toThrow(AgentError)
    await client.closed
    await expect(client.list()).rejects.toMatchObject({ code: 'SSH_AGENT_PROTOCOL' })
  })

  test('a list of too many keys, and a stream that ends in the middle of an answer', async () => {
    const client = hostile(framed(new Writer().byte(12).uint32(2049).finish()))
    await expect(client.list()).rejects.toMatchObject({ code: 'SSH_AGENT_PROTOCOL' })
    const { a, b } = memoryPipes()
    b.onData = () => {
      b.write(Uint8Array.of(0, 0, 0, 5, 12, 0))
      b.end()
    }
    b.resume()
    const cut = connectAgent(a)
    const waiting = [cut.list(), cut.list(), cut.sign(ed25519.publicKey, 'ssh-ed25519', data)]
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'SSH_AGENT_CLOSED' })
  })

  test('a list of extensions that is none', async () => {
    const { client } = pair({ identities: () => [], extension: () => Uint8Array.of(0, 0, 0, 9, 1) })
    await expect(client.extensions()).rejects.toMatchObject({ code: 'SSH_AGENT_PROTOCOL' })
    client.close()
  })

  test('keys that are none are left out, and seen in the list', async () => {
    const bad = new Writer().string('ssh-ed25519').string('short').finish()
    const store: AgentStore = {
      identities: () => [{ ...signerOf(ed25519), publicKey: { type: 'ssh-ed25519', blob: bad } }, ed25519],
    }
    const { client } = pair(store)
    expect(await client.list()).toHaveLength(2)
    expect((await client.identities()).map(({ publicKey }) => publicKey)).toEqual([ed25519.publicKey])
    client.close()
  })

  test('a signature by another algorithm than was asked for is none', async () => {
    const store: AgentStore = {
      identities: () => [
        {
          publicKey: rsa.publicKey,
          algorithms: ['rsa-sha2-512'],
          sign: () => rsa.sign('rsa-sha2-256', data),
        },
      ],
    }
    const { client } = pair(store)
    await expect(client.sign(rsa.publicKey, 'rsa-sha2-512', data)).rejects.toThrow(/signed by rsa-sha2-256/)
    client.close()
  })

  test('a client that cannot be understood is cut off', async () => {
    const { a, b } = memoryPipes()
    const served = serveAgent(b, new Keyring())
    a.write(new Writer().uint32(agentTooLong).finish())
    await expect(served).rejects.toMatchObject({ code: 'SSH_LIMIT_AGENT_MESSAGE' })
    expect(b.isClosed).toBe(true)
  })
})

const agentTooLong = 262_145

function signerOf(key: PrivateKey): Signer {
  const { algorithms, publicKey } = key
  return { algorithms, publicKey, sign: (algorithm, bytes) => key.sign(algorithm, bytes) }
}
