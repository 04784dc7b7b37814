import {
  certificateSigner,
  generateKey,
  issueCertificate,
  type PrivateKey,
  type Signer,
  writeAgentKey,
} from '@hawser/keys'
import { memoryPipes } from '@hawser/test-kit'
import { Reader, UsageError, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { type AgentClient, connectAgent } from './agent-client.ts'
import type { Clock } from './clock.ts'
import type { Destination } from './destinations.ts'
import { framed } from './frames.ts'
import { readKeyLimits, writeKeyLimits } from './key-limits.ts'
import { Keyring, type KeyringOptions } from './keyring.ts'
import type { ConfirmQuestion } from './keyring-view.ts'
import { agentLimits } from './limits.ts'
import { serveAgent } from './serve-agent.ts'
import type { SessionBinding } from './session-binding.ts'
import { strayed } from './way.ts'

const data = utf8Encode('what is to be signed')
const newKey = (): Promise<PrivateKey> => generateKey('ed25519')
const [key, other, alpha, beta, gamma] = (await Promise.all(Array.from({ length: 5 }, newKey))) as [
  PrivateKey,
  PrivateKey,
  PrivateKey,
  PrivateKey,
  PrivateKey,
]

/** A clock that goes by hand. */
class HandClock implements Clock {
  #now = 1_000_000
  #waiting: { at: number; run: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const one = { at: this.#now + ms, run }
    this.#waiting.push(one)
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== one)
    }
  }

  /** How long until the next thing happens. */
  get next(): number | undefined {
    const at = Math.min(...this.#waiting.map((each) => each.at))
    return at === Number.POSITIVE_INFINITY ? undefined : at - this.#now
  }

  pass(ms: number): void {
    this.#now += ms
    const due = this.#waiting.filter(({ at }) => at <= this.#now)
    this.#waiting = this.#waiting.filter(({ at }) => at > this.#now)
    for (const { run } of due) run()
  }
}

interface Served {
  readonly keyring: Keyring
  readonly clock: HandClock
  readonly refusals: string[]
  readonly client: () => AgentClient
}

function serve(options: KeyringOptions = {}, keys: readonly Signer[] = []): Served {
  const clock = new HandClock()
  const keyring = new Keyring(keys, { clock, ...options })
  const refusals: string[] = []
  return {
    keyring,
    clock,
    refusals,
    client: () => {
      const { a, b } = memoryPipes()
      void serveAgent(b, keyring, { refused: (error) => void refusals.push(String(error)) })
      return connectAgent(a)
    },
  }
}

/** Lets everything that needs no clock happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

describe('lifetimes', () => {
  test('a key is there until its time is over, and is disposed of then', async () => {
    const { keyring, clock, client } = serve()
    const agent = client()
    await agent.add(key, { lifetimeSeconds: 60 })
    await agent.add(other)
    const [held] = keyring.identities() as [Signer]
    clock.pass(59_999)
    expect(await agent.list()).toHaveLength(2)
    await held.sign('ssh-ed25519', data)
    clock.pass(1)
    expect(clock.next).toBeUndefined()
    expect((await agent.identities()).map(({ publicKey }) => publicKey.blob)).toEqual([other.publicKey.blob])
    await expect(held.sign('ssh-ed25519', data)).rejects.toThrow(/here no longer/)
    agent.close()
  })

  test('the longest time there is', async () => {
    const { clock, client } = serve()
    const agent = client()
    await agent.add(key, { lifetimeSeconds: 2 ** 32 - 1 })
    expect(clock.next).toBe(2 ** 31 - 1)
    for (let left = 2 ** 32 - 2; left > 0; left -= 2 ** 21) clock.pass(Math.min(left, 2 ** 21) * 1000)
    expect(await agent.list()).toHaveLength(1)
    clock.pass(1000)
    expect(await agent.list()).toEqual([])
    agent.close()
  })

  test('adding it again starts its time again, or takes it away', async () => {
    const { clock, client } = serve({ lifetimeSeconds: 10 })
    const agent = client()
    await agent.add(key)
    clock.pass(9000)
    await agent.add(key, { lifetimeSeconds: 2 })
    clock.pass(1500)
    expect(await agent.list()).toHaveLength(1)
    clock.pass(500)
    expect(await agent.list()).toEqual([])
    agent.close()
  })

  test('no time at all is refused', async () => {
    const { client, refusals } = serve()
    const agent = client()
    await expect(agent.add(key, { lifetimeSeconds: 0 })).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
    expect(refusals).toEqual([expect.stringContaining('0 seconds')])
    agent.close()
  })
})

describe('confirmation', () => {
  test('a key is not taken when there is nobody to ask', async () => {
    const { client, refusals } = serve()
    const agent = client()
    await expect(agent.add(key, { confirm: true })).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
    expect(refusals).toEqual([expect.stringContaining('nobody to ask')])
    agent.close()
  })

  test.each([
    ['true', () => true, true],
    ['true in time', () => Promise.resolve(true), true],
    ['false', () => false, false],
    ['something else that is true', () => 'yes' as unknown as boolean, false],
    ['an error', () => Promise.reject(new Error('closed')), false],
    [
      'an error at once',
      () => {
        throw new Error('no display')
      },
      false,
    ],
  ])('the answer %s', async (_name, answer, allowed) => {
    const questions: ConfirmQuestion[] = []
    const { client } = serve({
      confirm: (question) => {
        questions.push(question)
        return answer()
      },
    })
    const agent = client()
    await agent.add(key, { confirm: true })
    const signing = agent.sign(key.publicKey, 'ssh-ed25519', data)
    if (allowed) expect(await signing).toBeInstanceOf(Uint8Array)
    else await expect(signing).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
    expect(questions.map((question) => question.key.blob)).toEqual([key.publicKey.blob])
    expect(questions[0]?.signal.aborted).toBe(true)
    agent.close()
  })

  test('no answer is waited for no longer than said, and others are served meanwhile', async () => {
    const { client, clock } = serve({ confirm: () => new Promise(() => undefined), confirmTimeoutMs: 5000 })
    const agent = client()
    await agent.add(key, { confirm: true })
    const signing = agent.sign(key.publicKey, 'ssh-ed25519', data)
    const patient = expect(signing).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
    const second = client()
    expect(await second.list()).toHaveLength(1)
    expect(clock.next).toBe(5000)
    clock.pass(5000)
    await patient
    agent.close()
    second.close()
  })

  test('a key that was removed, or locked away, while somebody was asked does not sign', async () => {
    const answers: ((yes: boolean) => void)[] = []
    const { client, keyring } = serve({ confirm: () => new Promise((resolve) => void answers.push(resolve)) })
    const agent = client()
    for (const change of [() => keyring.lock(data), () => keyring.remove(key.publicKey)]) {
      await agent.add(key, { confirm: true })
      const signing = agent.sign(key.publicKey, 'ssh-ed25519', data)
      const refused = expect(signing).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
      await settle()
      change()
      answers.pop()?.(true)
      await refused
      await keyring.unlock(data).catch(() => undefined)
    }
    agent.close()
  })
})

describe('the lock', () => {
  test('each wrong passphrase is answered later than the one before, and nothing else waits', async () => {
    const { client, clock, keyring } = serve({}, [key])
    const agent = client()
    await agent.lock('open sesame')
    for (const late of [100, 200, 300]) {
      const wrong = expect(agent.unlock('open')).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
      await settle()
      expect(clock.next).toBe(late)
      const second = client()
      expect(await second.list()).toEqual([])
      second.close()
      clock.pass(late)
      await wrong
    }
    await agent.unlock('open sesame')
    await agent.lock('again')
    const fresh = expect(keyring.unlock(data)).rejects.toThrow(UsageError)
    await settle()
    expect(clock.next).toBe(100)
    clock.pass(100)
    await fresh
    agent.close()
  })

  test('tries of many clients come one after the other, and not too many wait', async () => {
    const { client, clock, refusals } = serve({}, [key])
    const first = client()
    await first.lock('right')
    const tries = Array.from({ length: 20 }, () =>
      client()
        .unlock('wrong')
        .catch(() => 'refused'),
    )
    await settle()
    expect(refusals.filter((text) => text.includes('too many tries'))).toHaveLength(12)
    let waited = 0
    for (let turn = 0; turn < 8; turn++) {
      waited += clock.next as number
      clock.pass(clock.next as number)
      await settle()
    }
    expect(await Promise.all(tries)).toEqual(Array(20).fill('refused'))
    expect(waited).toBe(100 + 200 + 300 + 400 + 500 + 600 + 700 + 800)
    await first.unlock('right')
    expect(await first.list()).toHaveLength(1)
    first.close()
  })
})

/** A session with `host`, as a client binds it. */
async function session(host: Signer, name: string, forwarding: boolean): Promise<SessionBinding> {
  const sessionId = utf8Encode(name.padEnd(32, '.'))
  const signature = await host.sign('ssh-ed25519', sessionId)
  return { hostKey: host.publicKey.blob, sessionId, signature, forwarding }
}

/** What a login to `user` signs (RFC 4252 §7), with the host key when it is hostbound. */
function login(
  { sessionId }: SessionBinding,
  user: string,
  o: { readonly hostKey?: Uint8Array; readonly of?: Signer; readonly service?: string } = {},
): Uint8Array {
  const to = new Writer()
    .string(sessionId)
    .byte(50)
    .string(user)
    .string(o.service ?? 'ssh-connection')
    .string(o.hostKey === undefined ? 'publickey' : 'publickey-hostbound-v00@openssh.com')
    .boolean(true)
    .string('ssh-ed25519')
    .string((o.of ?? key).publicKey.blob)
  if (o.hostKey !== undefined) to.string(o.hostKey)
  return to.finish()
}

const at = (host: Signer): Destination['to'] => ({
  host: 'host',
  keys: [{ key: host.publicKey, isAuthority: false }],
})

describe('destinations', () => {
  const refused = { code: 'SSH_AGENT_REFUSED' }
  const toAlpha: readonly Destination[] = [{ to: { ...at(alpha), user: 'ad?' } }]
  const overAlpha: readonly Destination[] = [{ to: at(alpha) }, { from: at(alpha), to: at(beta) }]

  async function limited(destinations: readonly Destination[], bindings: readonly SessionBinding[] = []) {
    const served = serve()
    const agent = served.client()
    await agent.add(key, { destinations })
    for (const binding of bindings) await agent.bindSession(binding)
    const sign = (bytes: Uint8Array): Promise<Uint8Array> => agent.sign(key.publicKey, 'ssh-ed25519', bytes)
    const seen = async (): Promise<number> => (await agent.list()).length
    return { ...served, agent, sign, seen }
  }

  test('are carried as they were given', () => {
    const limits = {
      lifetimeSeconds: 5,
      confirm: true,
      destinations: [{ from: at(alpha), to: { ...at(beta), user: 'x' } }],
      securityKeyProvider: '/lib/sk.so',
      certificates: { only: true, blobs: [alpha.publicKey.blob] },
    }
    const to = new Writer()
    writeKeyLimits(to, limits)
    expect(readKeyLimits(new Reader(to.finish()))).toEqual(limits)
  })

  test('here, such a key is seen, and signs nothing', async () => {
    const { sign, seen, refusals } = await limited(toAlpha)
    expect(await seen()).toBe(1)
    await expect(sign(login(await session(alpha, 'a', false), 'ada'))).rejects.toMatchObject(refused)
    expect(refusals.at(-1)).toMatch(/bound to no session/)
  })

  test('it signs the login to its host, as its user, and nothing else', async () => {
    const a = await session(alpha, 'a', false)
    const { sign, seen, refusals } = await limited(toAlpha, [a])
    expect(await seen()).toBe(1)
    expect(await sign(login(a, 'ada'))).toBeInstanceOf(Uint8Array)
    expect(await sign(login(a, 'ada', { hostKey: alpha.publicKey.blob }))).toBeInstanceOf(Uint8Array)
    for (const [bytes, why] of [
      [login(a, 'root'), /no host that the key is for/],
      [login(a, 'ada', { hostKey: beta.publicKey.blob }), /host key/],
      [login(a, 'ada', { of: other }), /something else than a login/],
      [login(a, 'ada', { service: 'sudo' }), /something else than a login/],
      [login(await session(alpha, 'b', false), 'ada'), /another session/],
      [data, /something else than a login/],
    ] as const) {
      await expect(sign(bytes)).rejects.toMatchObject(refused)
      expect(refusals.at(-1)).toMatch(why)
    }
  })

  test('for another host it is not there', async () => {
    const b = await session(beta, 'b', false)
    const { agent, sign, seen } = await limited(toAlpha, [b])
    expect(await seen()).toBe(0)
    await expect(sign(login(b, 'ada'))).rejects.toMatchObject(refused)
    // It can neither be removed nor taken the place of by somebody who does not see it.
    await expect(agent.remove(key.publicKey)).rejects.toMatchObject(refused)
    await expect(agent.add(key)).rejects.toMatchObject(refused)
    await expect(sign(login(b, 'ada'))).rejects.toMatchObject(refused)
  })

  test('forwarded to its only host, it is hidden; where it may go on, it signs with the host key named', async () => {
    const a = await session(alpha, 'a', true)
    expect(await (await limited(toAlpha, [a])).seen()).toBe(0)
    const way = await limited(overAlpha, [a])
    expect(await way.seen()).toBe(1)
    await expect(way.sign(login(a, 'ada'))).rejects.toMatchObject(refused)
    const b = await session(beta, 'b', false)
    await way.agent.bindSession(b)
    await expect(way.sign(login(b, 'ada'))).rejects.toMatchObject(refused)
    expect(await way.sign(login(b, 'ada', { hostKey: beta.publicKey.blob }))).toBeInstanceOf(Uint8Array)
  })

  test('a detour is not the way', async () => {
    const c = await session(gamma, 'c', true)
    const b = await session(beta, 'b', false)
    const { sign, seen } = await limited(overAlpha, [c, b])
    expect(await seen()).toBe(0)
    await expect(sign(login(b, 'ada', { hostKey: beta.publicKey.blob }))).rejects.toMatchObject(refused)
  })

  test('each client has a way of its own', async () => {
    const b = await session(beta, 'b', false)
    const { client, seen } = await limited(toAlpha, [b])
    expect(await seen()).toBe(0)
    expect(await client().list()).toHaveLength(1)
  })

  test('a host is known by a certificate of its authority, for its name', async () => {
    const authority = await newKey()
    const certified = async (principal: string): Promise<Signer> =>
      certificateSigner(
        beta,
        await issueCertificate(
          { kind: 'host', key: beta.publicKey, keyId: 'h', principals: [principal] },
          authority,
        ),
      )
    const destinations = [{ to: { host: 'host', keys: [{ key: authority.publicKey, isAuthority: true }] } }]
    for (const [principal, count] of [
      ['host', 1],
      ['elsewhere', 0],
    ] as const) {
      const host = await certified(principal)
      const b = await session(host, 'b', false)
      const { sign, seen } = await limited(destinations, [b])
      expect([principal, await seen()]).toEqual([principal, count])
      if (count === 1) await sign(login(b, 'ada'))
      else await expect(sign(login(b, 'ada'))).rejects.toMatchObject(refused)
    }
    // The authority itself is no host.
    const { seen } = await limited(destinations, [await session(authority, 'x', false)])
    expect(await seen()).toBe(0)
  })

  test('a binding that does not hold is refused, and hides such keys from then on', async () => {
    const a = await session(alpha, 'a', false)
    for (const bad of [
      { ...a, hostKey: beta.publicKey.blob },
      { ...a, signature: new Uint8Array(0) },
      { ...a, hostKey: utf8Encode('nonsense') },
      { ...a, sessionId: new Uint8Array(agentLimits.sessionId + 1) },
      { ...a, sessionId: new Uint8Array(0) },
    ]) {
      const { agent, seen } = await limited(toAlpha)
      expect(await seen()).toBe(1)
      await expect(agent.bindSession(bad)).rejects.toMatchObject(refused)
      expect(await seen()).toBe(0)
    }
  })

  test('bindings: twice the same is one, behind a login there is none, and there are not too many', async () => {
    const { agent } = await limited(toAlpha)
    const first = await session(alpha, '0', true)
    await agent.bindSession(first)
    await agent.bindSession(first)
    const stolen = { ...(await session(beta, '0', true)) }
    await expect(agent.bindSession(stolen)).rejects.toMatchObject(refused)
    for (let n = 1; n < agentLimits.sessions; n++) await agent.bindSession(await session(beta, `${n}`, true))
    await expect(agent.bindSession(await session(beta, 'x', true))).rejects.toMatchObject(refused)
    const { agent: second } = await limited(toAlpha, [await session(alpha, 'a', false)])
    await expect(second.bindSession(await session(beta, 'b', false))).rejects.toMatchObject(refused)
  })

  test('a way that goes on behind a login is none, whoever remembers it', async () => {
    const sessions = [await session(alpha, 'a', false), await session(beta, 'b', false)]
    expect(strayed(overAlpha, sessions, { user: 'ada' }, new Date(0))).toMatch(/for a login/)
  })

  test('what is known: query', async () => {
    const { client } = serve()
    expect(await client().extensions()).toEqual(['query', 'session-bind@openssh.com'])
  })
})

describe('limits that are not known, or not whole, are refused', () => {
  const hop = (user: string, host: string, keys: readonly Signer[], reserved = ''): Uint8Array => {
    const to = new Writer().string(user).string(host).string(reserved)
    for (const { publicKey } of keys) to.string(publicKey.blob).boolean(false)
    return to.finish()
  }
  const step = (from: Uint8Array, to: Uint8Array, reserved = ''): Uint8Array =>
    new Writer().string(new Writer().string(from).string(to).string(reserved).finish()).finish()
  const none = hop('', '', [])
  const good = hop('', 'host', [alpha])
  const restricted = (contents: Uint8Array): Writer =>
    new Writer().byte(255).string('restrict-destination-v00@openssh.com').string(contents)

  test.each([
    ['an extension nobody knows', new Writer().byte(255).string('restrict@openssh.com')],
    ['a number nobody knows', new Writer().byte(3).uint32(1)],
    ['a lifetime twice', new Writer().byte(1).uint32(9).byte(1).uint32(99)],
    ['a lifetime cut short', new Writer().byte(1).byte(0)],
    ['no destination', restricted(new Uint8Array(0))],
    ['destinations twice', restricted(step(none, good)).bytes(restricted(step(none, good)).finish())],
    ['a destination without keys', restricted(step(none, hop('', 'host', [])))],
    ['a destination without a name', restricted(step(none, hop('', '', [alpha])))],
    ['a user where it comes from', restricted(step(hop('ada', 'host', [alpha]), good))],
    ['a host without keys where it comes from', restricted(step(hop('', 'host', []), good))],
    ['something for later in a host', restricted(step(none, hop('', 'host', [alpha], 'x')))],
    ['something for later in a step', restricted(step(none, good, 'x'))],
    ['a security key', new Writer().byte(255).string('sk-provider@openssh.com').string('internal')],
    [
      'certificates beside a key',
      new Writer().byte(255).string('associated-certs-v00@openssh.com').boolean(true).string(''),
    ],
  ])('%s', async (_name, limits) => {
    const { a, b } = memoryPipes()
    const keyring = new Keyring()
    void serveAgent(b, keyring)
    const answer = new Promise<Uint8Array>((resolve) => {
      a.onData = resolve
    })
    a.resume()
    const to = new Writer().byte(25)
    writeAgentKey(to, key)
    a.write(framed(to.bytes(limits.finish()).finish()))
    expect(await answer).toEqual(Uint8Array.of(0, 0, 0, 1, 5))
    expect(keyring.identities()).toEqual([])
  })
})

test('a key that a store does not take is not left in memory', async () => {
  const { a, b } = memoryPipes()
  const given: PrivateKey[] = []
  void serveAgent(b, {
    identities: () => [],
    add: (one) => {
      given.push(one)
      throw new Error('no')
    },
  })
  const agent = connectAgent(a)
  await expect(agent.add(key)).rejects.toMatchObject({ code: 'SSH_AGENT_REFUSED' })
  expect(() => given[0]?.sign('ssh-ed25519', data)).toThrow(/disposed of/)
  agent.close()
})
