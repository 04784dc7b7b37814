import {
  fingerprint,
  formatKnownHost,
  formatPublicKey,
  generateKey,
  type PublicKey,
  parseKnownHosts,
  sshfpRecords,
} from '@hawser/keys'
import type { HostKeyOffer } from '@hawser/session'
import { describe, expect, test } from 'vitest'
import {
  acceptAnyHostKey,
  type HostKeyPolicy,
  type HostKeyQuestion,
  HostKeyRejectedError,
  hostKeyVerifier,
  preferKnown,
} from './host-key.ts'
import type { SshfpResolver } from './sshfp.ts'

const target = { host: 'example.net', port: 2222 }
const [mine, others] = (await Promise.all([generateKey('ed25519'), generateKey('ed25519')])).map(
  ({ publicKey }) => publicKey,
) as [PublicKey, PublicKey]

function offer(key: PublicKey, o: Partial<HostKeyOffer> = {}): HostKeyOffer {
  return { key, algorithm: 'ssh-ed25519', first: true, changed: false, ...o }
}

async function verdict(policy: HostKeyPolicy, given: HostKeyOffer): Promise<unknown> {
  try {
    return await hostKeyVerifier(policy, target)(given)
  } catch (error) {
    return error
  }
}

describe('host key policies', () => {
  const line = formatKnownHost(target.host, target.port, mine)
  const policies: [string, HostKeyPolicy][] = [
    ['a SHA-256 fingerprint', { fingerprints: [fingerprint(mine)] }],
    ['a SHA-256 fingerprint with padding', { fingerprints: [`${fingerprint(mine)}=`] }],
    ['an MD5 fingerprint', { fingerprints: [fingerprint(mine, 'md5')] }],
    ['one of several fingerprints', { fingerprints: [`SHA256:${'A'.repeat(43)}`, fingerprint(mine)] }],
    ['a key', { keys: [mine] }],
    ['a known_hosts line', { knownHosts: line }],
    ['an answer', { ask: ({ key }) => key === mine }],
    ['an answer that takes its time', { ask: async ({ key }) => key === mine }],
  ]
  test.each(policies)('%s accepts its key and no other', async (_, policy) => {
    expect(await verdict(policy, offer(mine))).toBe(true)
    const refused = await verdict(policy, offer(others))
    expect(refused).toBeInstanceOf(HostKeyRejectedError)
    expect(refused).toMatchObject({
      code: 'SSH_HOST_KEY_REJECTED',
      host: 'example.net',
      port: 2222,
      fingerprint: fingerprint(others),
    })
    expect((refused as Error).message).toContain(fingerprint(others))
  })

  test('an error names both fingerprints', async () => {
    for (const policy of [
      { fingerprints: [fingerprint(mine)] },
      { keys: [mine] },
      { knownHosts: line },
    ] satisfies HostKeyPolicy[]) {
      const error = (await verdict(policy, offer(others))) as HostKeyRejectedError
      expect(error.message).toContain(fingerprint(mine))
      expect(error.expected).toEqual([fingerprint(mine)])
    }
  })

  test('known_hosts: unknown, changed and revoked are told apart', async () => {
    const reason = async (text: string): Promise<unknown> =>
      ((await verdict({ knownHosts: text }, offer(others))) as HostKeyRejectedError).reason
    expect(await reason('')).toBe('unknown')
    expect(await reason(line)).toBe('changed')
    expect(await reason(`@revoked ${formatKnownHost(target.host, target.port, others)}`)).toBe('revoked')
  })

  test('accept-new is asked about unknown hosts only, and only true accepts', async () => {
    const asked: HostKeyQuestion[] = []
    const acceptNew = (answer: boolean) => (question: HostKeyQuestion) => {
      asked.push(question)
      return answer
    }
    expect(await verdict({ knownHosts: '', acceptNew: acceptNew(true) }, offer(others))).toBe(true)
    expect(asked).toMatchObject([{ host: 'example.net', port: 2222, fingerprint: fingerprint(others) }])
    expect(await verdict({ knownHosts: line, acceptNew: acceptNew(true) }, offer(others))).toMatchObject({
      reason: 'changed',
    })
    expect(asked).toHaveLength(1)
    expect(await verdict({ knownHosts: '', acceptNew: acceptNew(false) }, offer(others))).toMatchObject({
      reason: 'refused',
    })
  })

  test('only true accepts, nothing that looks like it', async () => {
    for (const answer of [1, 'yes', {}, undefined, null] as unknown[]) {
      const policy = { ask: () => answer as boolean }
      expect(await verdict(policy, offer(mine))).toBeInstanceOf(HostKeyRejectedError)
      expect(await verdict({ ask: async () => answer as boolean }, offer(mine))).toBeInstanceOf(
        HostKeyRejectedError,
      )
    }
  })

  test('a person is not asked again at a rekey, unless the key has changed', async () => {
    let asked = 0
    const verify = hostKeyVerifier({ ask: () => ++asked > 0 }, target)
    await verify(offer(mine))
    await verify(offer(mine, { first: false }))
    expect(asked).toBe(1)
    await verify(offer(others, { first: false, changed: true }))
    expect(asked).toBe(2)
  })

  test('a fingerprint policy refuses a key that changes at a rekey', async () => {
    const verify = hostKeyVerifier({ fingerprints: [fingerprint(mine)] }, target)
    expect(await verify(offer(mine, { first: false }))).toBe(true)
    expect(() => verify(offer(others, { first: false, changed: true }))).toThrow(HostKeyRejectedError)
  })

  test('accepting any key takes the constant of that name', async () => {
    expect(await verdict(acceptAnyHostKey, offer(others))).toBe(true)
  })

  const unusable: [string, unknown, RegExp][] = [
    ['nothing', undefined, /must be/],
    ['true', true, /must be/],
    ['an empty list of fingerprints', { fingerprints: [] }, /at least one/],
    ['a fingerprint of another form', { fingerprints: ['abc'] }, /"abc" is not a fingerprint/],
    ['a short fingerprint', { fingerprints: ['SHA256:abc'] }, /is not a fingerprint/],
    ['no keys', { keys: [] }, /at least one/],
    ['an object of something else', { trust: true }, /must be/],
  ]
  test.each(unusable)('%s is refused at the door', (_, policy, message) => {
    expect(() => hostKeyVerifier(policy as HostKeyPolicy, target)).toThrow(message)
  })

  test('known_hosts needs a name to look up', () => {
    expect(() => hostKeyVerifier({ knownHosts: line }, { host: '', port: 22 })).toThrow(/option host/)
  })

  test('types of known keys are told, to be asked for first', () => {
    const names = ['rsa-sha2-512', 'ecdsa-sha2-nistp256', 'ssh-ed25519']
    const edFirst = ['ssh-ed25519', 'rsa-sha2-512', 'ecdsa-sha2-nistp256']
    expect(preferKnown(names, { knownHosts: line }, target)).toEqual(edFirst)
    expect(preferKnown(names, { knownHosts: line }, { host: 'elsewhere', port: 22 })).toEqual(names)
    expect(preferKnown(names, { keys: [mine] }, target)).toEqual(edFirst)
    expect(preferKnown(names, acceptAnyHostKey, target)).toEqual(names)
  })

  test('certificates are asked for first where an authority is known, and only there', () => {
    const names = ['rsa-sha2-512', 'ssh-ed25519']
    const knownHosts = `@cert-authority ${formatKnownHost(target.host, target.port, others)}\n${line}`
    expect(preferKnown(names, { knownHosts }, target)).toEqual([
      'rsa-sha2-512-cert-v01@openssh.com',
      'ssh-ed25519-cert-v01@openssh.com',
      'ssh-ed25519',
      'rsa-sha2-512',
    ])
    expect(preferKnown(names, { knownHosts }, { host: 'elsewhere', port: 22 })).toEqual(names)
  })
})

describe('SSHFP', () => {
  const at = (key: PublicKey, authenticated: boolean): SshfpResolver => {
    return () => ({ records: sshfpRecords(key), authenticated })
  }
  const none: SshfpResolver = () => ({ records: [], authenticated: true })

  test.each<[string, SshfpResolver, unknown]>([
    ['an authenticated match is accepted', at(mine, true), true],
    ['an authenticated mismatch is refused', at(others, true), { reason: 'refused' }],
    ['a match that anybody could have sent is not enough', at(mine, false), { reason: 'unknown' }],
    ['no record says nothing', none, { reason: 'unknown' }],
    [
      'only a plain true authenticates',
      () => ({ records: sshfpRecords(mine), authenticated: 1 as unknown as boolean }),
      { reason: 'unknown' },
    ],
  ])('an unknown host of known_hosts: %s', async (_, sshfp, expected) => {
    const got = await verdict({ knownHosts: '', sshfp }, offer(mine))
    if (expected === true) expect(got).toBe(true)
    else expect(got).toMatchObject(expected as object)
  })

  test('records that are not authenticated only inform who is asked', async () => {
    const seen: HostKeyQuestion[] = []
    const ask = (question: HostKeyQuestion): boolean => seen.push(question) > 0
    for (const key of [mine, others]) {
      const sshfp = at(key, false)
      expect(await verdict({ knownHosts: '', acceptNew: ask, sshfp }, offer(mine))).toBe(true)
      expect(await verdict({ ask, sshfp }, offer(mine))).toBe(true)
      expect(await verdict({ ask: () => false, sshfp }, offer(mine))).toMatchObject({ reason: 'refused' })
    }
    const [match, mismatch] = [
      { status: 'match', authenticated: false },
      { status: 'mismatch', authenticated: false },
    ]
    expect(seen.map(({ sshfp }) => sshfp)).toEqual([match, match, mismatch, mismatch])
  })

  test('known, changed and revoked keys are decided without DNS', async () => {
    const sshfp: SshfpResolver = () => expect.unreachable('DNS was asked')
    const line = formatKnownHost(target.host, target.port, mine)
    expect(await verdict({ knownHosts: line, sshfp }, offer(mine))).toBe(true)
    expect(await verdict({ knownHosts: line, sshfp }, offer(others))).toMatchObject({ reason: 'changed' })
    const revoked = { knownHosts: `@revoked * ${formatPublicKey(mine)}`, sshfp }
    expect(await verdict(revoked, offer(mine))).toMatchObject({ reason: 'revoked' })
  })

  test('by DNS alone', async () => {
    expect(await verdict({ sshfp: at(mine, true) }, offer(mine))).toBe(true)
    for (const sshfp of [at(mine, false), at(others, true), none])
      expect(await verdict({ sshfp }, offer(mine))).toMatchObject({ reason: 'refused' })
    expect(() => hostKeyVerifier({ sshfp: none }, { host: '', port: 22 })).toThrow('needs the option host')
  })

  test('what the resolver rejects with is the reason', async () => {
    const failure = new Error('SERVFAIL')
    const sshfp: SshfpResolver = () => Promise.reject(failure)
    expect(await verdict({ knownHosts: '', sshfp }, offer(mine))).toBe(failure)
  })
})

test('a changed key: the entries of known_hosts with file and line', async () => {
  const line = formatKnownHost(target.host, target.port, mine)
  const knownHosts = parseKnownHosts([
    { file: '/a', text: '' },
    { file: '/b', text: `\n${line}\n` },
  ])
  const refused = await verdict({ knownHosts }, offer(others))
  expect(refused).toMatchObject({ known: [{ file: '/b', line: 2 }], expected: [fingerprint(mine)] })
  expect((refused as Error).message).toContain(`${fingerprint(mine)} (/b line 2)`)
  expect((await verdict({ knownHosts: line }, offer(others))) as Error).toMatchObject({
    message: expect.stringContaining('(known_hosts line 1)'),
  })
})
