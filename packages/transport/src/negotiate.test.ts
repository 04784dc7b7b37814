import { describe, expect, test } from 'vitest'
import { NegotiationError, PolicyError } from './errors.ts'
import type { KexInit } from './messages.ts'
import { guessedRight, negotiate } from './negotiate.ts'

const base: KexInit = {
  cookie: new Uint8Array(16),
  kexAlgorithms: ['k1', 'k2'],
  serverHostKeyAlgorithms: ['h1', 'h2'],
  encryptionAlgorithmsClientToServer: ['c1', 'c2'],
  encryptionAlgorithmsServerToClient: ['c1', 'c2'],
  macAlgorithmsClientToServer: ['m1', 'm2'],
  macAlgorithmsServerToClient: ['m1', 'm2'],
  compressionAlgorithmsClientToServer: ['none'],
  compressionAlgorithmsServerToClient: ['none'],
  languagesClientToServer: [],
  languagesServerToClient: [],
  firstKexPacketFollows: false,
  reserved: 0,
}
const known = {
  kex: ['k1', 'k2', 'k3'],
  serverHostKey: ['h1', 'h2', 'h3'],
  cipher: ['c1', 'c2', 'c3', 'gcm'],
  mac: ['m1', 'm2'],
  compression: ['none'],
}
const aead = (name: string): boolean => name === 'gcm'

function both(client: Partial<KexInit>, server: Partial<KexInit>) {
  const [c, s] = [
    { ...base, ...client },
    { ...base, ...server },
  ]
  return [
    negotiate({ role: 'client', ours: c, theirs: s, strict: true, aead, known }),
    negotiate({ role: 'server', ours: s, theirs: c, strict: true, aead, known }),
  ] as const
}

describe('negotiation', () => {
  test('takes the first of the client that the server has, in each row', () => {
    const [client, server] = both(
      {
        kexAlgorithms: ['k3', 'k2', 'k1'],
        serverHostKeyAlgorithms: ['h2', 'h1'],
        encryptionAlgorithmsClientToServer: ['c2', 'c1'],
        encryptionAlgorithmsServerToClient: ['c1'],
        macAlgorithmsClientToServer: ['m2'],
        macAlgorithmsServerToClient: ['m1'],
      },
      {},
    )
    expect(client).toEqual({
      kex: 'k2',
      serverHostKey: 'h2',
      cipherOut: 'c2',
      cipherIn: 'c1',
      macOut: 'm2',
      macIn: 'm1',
      compressionOut: 'none',
      compressionIn: 'none',
      strict: true,
    })
    expect(server).toMatchObject({ kex: 'k2', cipherOut: 'c1', cipherIn: 'c2', macOut: 'm1', macIn: 'm2' })
  })

  test('chooses no MAC beside a cipher that authenticates by itself, and wants none in common', () => {
    const [client] = both(
      { encryptionAlgorithmsClientToServer: ['gcm'], macAlgorithmsClientToServer: ['other'] },
      { encryptionAlgorithmsClientToServer: ['gcm'] },
    )
    expect(client).toMatchObject({ cipherOut: 'gcm', macOut: '', macIn: 'm1' })
  })

  test('a policy that is not met names both lists', () => {
    const theirs = { ...base, kexAlgorithms: ['old', 'older', 'ext-info-s'] }
    const input = {
      role: 'client',
      ours: base,
      theirs,
      strict: true,
      aead,
      known,
      postQuantumOnly: true,
    } as const
    let error: unknown
    try {
      negotiate(input)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(PolicyError)
    expect(error).toMatchObject({
      code: 'SSH_POLICY_POST_QUANTUM',
      ours: ['k1', 'k2'],
      theirs: ['old', 'older'],
      message: expect.stringContaining('we offer k1,k2, the peer offers old,older'),
    })
  })

  describe('without strict key exchange', () => {
    const chacha = 'chacha20-poly1305@openssh.com'
    const cbc = { cipher: ['aes256-cbc'], mac: ['hmac-sha1-etm@openssh.com'] }
    function agreed(
      { cipher, mac = ['m1'] }: { readonly cipher: readonly string[]; readonly mac?: readonly string[] },
      more: Partial<Parameters<typeof negotiate>[0]>,
      back = { cipher, mac },
    ) {
      const lists: KexInit = {
        ...base,
        encryptionAlgorithmsClientToServer: cipher,
        encryptionAlgorithmsServerToClient: back.cipher,
        macAlgorithmsClientToServer: mac,
        macAlgorithmsServerToClient: back.mac,
      }
      return () =>
        negotiate({
          ...{ role: 'client', ours: lists, theirs: lists, strict: false, refuseTerrapin: true, known },
          aead: (name) => name === 'gcm' || name === chacha,
          ...more,
        })
    }

    test.each([
      ['ChaCha20-Poly1305', agreed({ cipher: [chacha] }, {}), /, chacha20-poly1305@openssh.com would let/],
      ['in one direction', agreed({ cipher: ['c1'] }, {}, { cipher: [chacha], mac: ['m1'] }), /chacha20/],
      ['CBC with a MAC of the sealed packet', agreed(cbc, {}), /aes256-cbc with hmac-sha1-etm@openssh.com/],
      ['that of a server', agreed({ cipher: [chacha] }, { role: 'server' }), /chacha20/],
    ])('%s is refused, and the error says what to do', (_, attempt, said) => {
      expect(attempt).toThrow(PolicyError)
      expect(attempt).toThrow(said)
      expect(attempt).toThrow(/CVE-2023-48795.*update the peer.*policy.terrapin/)
      let error: unknown
      try {
        attempt()
      } catch (thrown) {
        error = thrown
      }
      expect(error).toMatchObject({ code: 'SSH_POLICY_TERRAPIN', policy: 'terrapin', disconnectReason: 3 })
    })

    test.each([
      ['GCM', agreed({ cipher: ['gcm', chacha] }, {})],
      ['CTR', agreed({ cipher: ['aes128-ctr', chacha], mac: ['hmac-sha1-etm@openssh.com'] }, {})],
      ['CBC with a MAC of the clear packet', agreed({ ...cbc, mac: ['hmac-sha1'] }, {})],
      ['everything with strict key exchange', agreed({ cipher: [chacha] }, { strict: true })],
      ['what is allowed', agreed(cbc, { refuseTerrapin: false })],
    ])('%s is taken', (_, attempt) => {
      expect(attempt).not.toThrow()
    })
  })

  test('never chooses a marker', () => {
    for (const marker of [
      'ext-info-c',
      'ext-info-s',
      'kex-strict-c-v00@openssh.com',
      'kex-strict-s-v00@openssh.com',
    ]) {
      expect(both({ kexAlgorithms: [marker, 'k2'] }, { kexAlgorithms: [marker, 'k2'] })[0].kex).toBe('k2')
      expect(() => both({ kexAlgorithms: [marker] }, { kexAlgorithms: [marker] })).toThrow(NegotiationError)
    }
  })

  const failures: readonly [string, Partial<KexInit>, 'client' | 'server', string, RegExp][] = [
    ['kex', { kexAlgorithms: ['k3'] }, 'client', 'kex', /allow k3 in algorithms.kex/],
    [
      'kex unknown',
      { kexAlgorithms: ['odd'] },
      'client',
      'kex',
      /none of the peer's is implemented here.*k1,k2,k3/,
    ],
    ['host key', { serverHostKeyAlgorithms: ['h3'] }, 'server', 'serverHostKey', /add a host key for h3/],
    [
      'cipher out',
      { encryptionAlgorithmsClientToServer: ['c3'] },
      'client',
      'cipherOut',
      /algorithms.cipher/,
    ],
    ['cipher in', { encryptionAlgorithmsServerToClient: ['c3'] }, 'client', 'cipherIn', /algorithms.cipher/],
    [
      'cipher as server',
      { encryptionAlgorithmsClientToServer: ['c3'] },
      'server',
      'cipherIn',
      /algorithms.cipher/,
    ],
    ['mac', { macAlgorithmsServerToClient: ['m9'] }, 'client', 'macIn', /implemented/],
    ['compression', { compressionAlgorithmsClientToServer: ['zlib'] }, 'client', 'compressionOut', /none/],
    ['nothing at all', { kexAlgorithms: [] }, 'client', 'kex', /the peer offers none/],
  ]
  for (const [name, theirs, role, category, hint] of failures)
    test(`says what is missing: ${name}`, () => {
      try {
        negotiate({ role, ours: base, theirs: { ...base, ...theirs }, strict: false, aead, known })
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(NegotiationError)
        const failure = error as NegotiationError
        expect(failure.category).toBe(category)
        expect(failure.message).toMatch(hint)
        expect(failure.disconnectReason).toBe(3)
        expect(failure.ours.length).toBeGreaterThan(0)
        expect(failure.theirs).toEqual(Object.values(theirs)[0])
      }
    })

  test('judges guesses by the first names, markers aside', () => {
    const guess = (lists: Partial<KexInit>): boolean => guessedRight(base, { ...base, ...lists })
    expect(guess({})).toBe(true)
    expect(guess({ kexAlgorithms: ['ext-info-c', 'k1'] })).toBe(true)
    expect(guess({ kexAlgorithms: ['k2', 'k1'] })).toBe(false)
    expect(guess({ serverHostKeyAlgorithms: ['h2', 'h1'] })).toBe(false)
    expect(guess({ encryptionAlgorithmsClientToServer: ['c2'] })).toBe(true)
  })
})
