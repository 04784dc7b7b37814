import { concat, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { formatPublicKey } from '../format.ts'
import { readLine } from '../formats/openssh-line.ts'
import { generateKey } from '../generate.ts'
import type { PrivateKey } from '../key.ts'
import { parsePrivateKey } from '../parse.ts'
import { publicKeyFromBlob } from '../public-blob.ts'
import { files, lines } from '../testing/fixtures.ts'
import { codeOf, providers, seeded } from '../testing/kit.ts'
import { createVerifier } from '../verify.ts'
import { type Certificate, forever, isCertificate, parseCertificate } from './certificate.ts'
import { type CertificateCheck, type CertificateProblem, checkCertificate } from './check.ts'
import { type CertificateRequest, issueCertificate } from './issue.ts'
import { parseRevocationList } from './krl.ts'
import { certificateListing } from './listing.ts'
import { certificateSigner, certificateVerifier } from './signer.ts'
import { formatTime, parseTime } from './time.ts'

const authority = await generateKey('ed25519', { comment: 'authority' })
const user = await generateKey('ecdsa', { comment: 'user' })
const now = new Date('2026-05-01T12:00:00Z')

function issue(changes: Partial<CertificateRequest> = {}, by: PrivateKey = authority): Promise<Certificate> {
  return issueCertificate(
    { kind: 'user', key: user.publicKey, keyId: 'test', principals: ['alice', 'bob'], ...changes },
    by,
  )
}

function check(
  certificate: Certificate,
  changes: Partial<CertificateCheck> = {},
): CertificateProblem | 'valid' {
  const verdict = checkCertificate(certificate, {
    kind: 'user',
    principals: ['alice'],
    authorities: [authority.publicKey],
    now,
    ...changes,
  })
  return verdict.valid ? 'valid' : verdict.reason
}

test('what ssh-keygen has issued is read field by field', () => {
  const certificate = parseCertificate(`# a comment\n${lines.certificate}\n`)
  expect(certificate).toMatchObject({
    kind: 'user',
    serial: 0n,
    keyId: 'id',
    principals: ['u'],
    validAfter: 0n,
    validBefore: forever,
    criticalOptions: [],
  })
  expect(certificate.extensions.map(({ name }) => name)).toEqual([
    'permit-X11-forwarding',
    'permit-agent-forwarding',
    'permit-port-forwarding',
    'permit-pty',
    'permit-user-rc',
  ])
  expect(certificate.key).toEqual(readLine(lines.ed25519))
  expect(isCertificate(certificate.publicKey)).toBe(true)
  expect(isCertificate(certificate.key)).toBe(false)
  expect(check(certificate, { principals: ['u'], authorities: [certificate.authority] })).toBe('valid')
  expect(parseCertificate(certificate.publicKey.blob).keyId).toBe('id')
})

describe('a certificate is believed only when everything fits', () => {
  const day = 86_400_000
  test.each<[string, CertificateProblem | 'valid', Partial<CertificateRequest>, Partial<CertificateCheck>]>([
    ['all in order', 'valid', {}, {}],
    ['one of several names asked for', 'valid', {}, { principals: ['zoe', 'bob'] }],
    ['for hosts where users are asked for', 'kind', { kind: 'host' }, {}],
    ['for users where hosts are asked for', 'kind', {}, { kind: 'host' }],
    ['no trusted authority', 'authority', {}, { authorities: [] }],
    ['another authority', 'authority', {}, { authorities: [user.publicKey] }],
    ['signature algorithm not accepted', 'signature', {}, { signatureAlgorithms: ['rsa-sha2-512'] }],
    ['not yet valid', 'not-yet-valid', { validAfter: new Date(now.getTime() + day) }, {}],
    ['valid from this second on', 'valid', { validAfter: now }, {}],
    ['ends at this second', 'expired', { validBefore: now }, {}],
    ['ends in the next second', 'valid', { validBefore: new Date(now.getTime() + 1000) }, {}],
    ['before 1970', 'not-yet-valid', {}, { now: new Date(-1000) }],
    ['another name', 'principal', {}, { principals: ['carol'] }],
    ['upper case', 'principal', {}, { principals: ['Alice'] }],
    ['no name at all', 'principal', { principals: [] }, {}],
    ['no name asked for', 'principal', {}, { principals: [] }],
    ['a pattern is no name for users', 'principal', { principals: ['*'] }, { hostPatterns: true }],
    ['an unknown critical option', 'critical-option', { criticalOptions: [{ name: 'x@example.com' }] }, {}],
    ['an unknown extension', 'valid', { extensions: ['x@example.com'] }, {}],
    [
      'a known flag with a value',
      'critical-option',
      { criticalOptions: [{ name: 'verify-required', value: 'x' }] },
      {},
    ],
    ['a known option without value', 'critical-option', { criticalOptions: [{ name: 'force-command' }] }, {}],
    ['from the right place', 'valid', { sourceAddress: ['10.0.0.0/8'] }, { address: '10.9.8.7' }],
    ['from another place', 'address', { sourceAddress: ['10.0.0.0/8'] }, { address: '11.9.8.7' }],
    ['from an unknown place', 'address', { sourceAddress: ['10.0.0.0/8'] }, {}],
    [
      'with ranges that make no sense',
      'critical-option',
      { criticalOptions: [{ name: 'source-address', value: '10.0.0.1/8' }] },
      { address: '10.0.0.1' },
    ],
    ['the key is revoked', 'revoked', {}, { revoked: parseRevocationList(formatPublicKey(user.publicKey)) }],
    [
      'the authority is revoked',
      'revoked',
      {},
      { revoked: parseRevocationList(formatPublicKey(authority.publicKey)) },
    ],
    ['something else is revoked', 'valid', {}, { revoked: parseRevocationList(lines.ed25519) }],
  ])('%s: %s', async (_, expected, request, question) => {
    expect(check(await issue(request), question)).toBe(expected)
  })

  test.each<[string, CertificateProblem | 'valid', Partial<CertificateRequest>, Partial<CertificateCheck>]>([
    ['its name', 'valid', { principals: ['host.example'] }, {}],
    ['no name: every host', 'valid', { principals: [] }, {}],
    ['another name', 'principal', { principals: ['other.example'] }, {}],
    ['a pattern, not asked for', 'principal', { principals: ['*.example'] }, {}],
    ['a pattern, asked for', 'valid', { principals: ['*.example'] }, { hostPatterns: true }],
    [
      'any critical option',
      'critical-option',
      { principals: [], criticalOptions: [{ name: 'force-command', value: 'x' }] },
      {},
    ],
  ])('of a host, %s: %s', async (_, expected, request, question) => {
    const certificate = await issue({ kind: 'host', ...request })
    expect(check(certificate, { kind: 'host', principals: ['host.example'], ...question })).toBe(expected)
  })

  test('every bit of what is signed counts', async () => {
    const certificate = await issue()
    const random = seeded(1)
    const { blob } = certificate.publicKey
    for (let round = 0; round < 300; round++) {
      const spoiled = Uint8Array.from(blob)
      const at = random(blob.length)
      spoiled[at] = (spoiled[at] as number) ^ (1 << random(8))
      let read: Certificate | undefined
      const code = codeOf(() => {
        read = parseCertificate(spoiled)
      })
      if (read === undefined) expect(code).toMatch(/^SSH_KEY_(?:FORMAT|INVALID)$/)
      else expect(check(read)).not.toBe('valid')
    }
  })

  test('cut at every byte it is refused', async () => {
    const { blob } = (await issue()).publicKey
    for (let length = 0; length < blob.length; length++)
      expect(codeOf(() => parseCertificate(blob.subarray(0, length)))).toBe('SSH_KEY_FORMAT')
    expect(codeOf(() => parseCertificate(concat(blob, Uint8Array.of(0))))).toBe('SSH_KEY_FORMAT')
  })

  test('an invalid time is a mistake of the caller', async () => {
    const certificate = await issue()
    expect(() => check(certificate, { now: new Date(Number.NaN) })).toThrow(/Date/)
  })
})

test('permissions are typed: what is demanded, and what is not allowed', async () => {
  const certificate = await issue({
    forceCommand: 'uptime',
    sourceAddress: ['192.0.2.0/24', '2001:db8::/32'],
    verifyRequired: true,
    extensions: ['permit-pty', 'no-touch-required'],
  })
  const verdict = checkCertificate(certificate, {
    kind: 'user',
    principals: ['alice'],
    authorities: [authority.publicKey],
    now,
    address: '2001:db8::7',
  })
  expect(verdict).toEqual({
    valid: true,
    permissions: {
      forceCommand: 'uptime',
      sourceAddress: '192.0.2.0/24,2001:db8::/32',
      verifyRequired: true,
      noTouchRequired: true,
      agentForwarding: false,
      portForwarding: false,
      pty: true,
      userRc: false,
      x11Forwarding: false,
    },
  })
})

describe('an authority does not sign', () => {
  test.each<[string, Partial<CertificateRequest>, RegExp]>([
    ['what would never be valid', { validAfter: 5n, validBefore: 5n }, /never be valid/],
    ['257 principals', { principals: Array.from({ length: 257 }, (_, at) => `u${at}`) }, /too many/],
    ['an empty principal', { principals: [''] }, /principal is empty/],
    ['a zero byte', { principals: ['a\0b'] }, /zero byte/],
    ['an option twice', { criticalOptions: [{ name: 'a' }, { name: 'a', value: 'b' }] }, /twice/],
    ['an option without a name', { extensions: [''] }, /without a name/],
    ['addresses that are none', { sourceAddress: ['here'] }, /no list of addresses/],
    ['a forced command for hosts', { kind: 'host', forceCommand: 'x' }, /for users/],
    ['a serial beyond 64 bits', { serial: 2n ** 64n }, /uint64/],
    ['a certificate', { key: parseCertificate(lines.certificate).publicKey }, /cannot be certified/],
  ])('%s', async (_, request, message) => {
    await expect(issue(request)).rejects.toMatchObject({
      code: 'SSH_USAGE',
      message: expect.stringMatching(message),
    })
  })

  test('as a certificate itself, nor by a signature that does not fit', async () => {
    const signer = certificateSigner(authority, await issue({ key: authority.publicKey }))
    const request = { kind: 'user', key: user.publicKey, keyId: '', principals: [] } as const
    await expect(issueCertificate(request, signer)).rejects.toThrow(/not with a certificate/)
    const liar = { ...authority, sign: (name: string) => authority.sign(name, utf8Encode('something else')) }
    await expect(issueCertificate(request, liar)).rejects.toMatchObject({ code: 'SSH_KEY_INVALID' })
    const mute = { ...authority, algorithms: [] }
    await expect(issueCertificate(request, mute)).rejects.toThrow(/signs by nothing/)
  })

  test('a certificate whose authority is a certificate is refused', async () => {
    const nested = await issue({ key: authority.publicKey })
    const { blob } = (await issue()).publicKey
    const inside = authority.publicKey.blob
    const at = blob.length - nested.signature.length - 4 - inside.length - 4
    const spliced = concat(
      blob.subarray(0, at),
      new Writer().string(nested.publicKey.blob).finish(),
      blob.subarray(at + 4 + inside.length),
    )
    expect(() => parseCertificate(spliced)).toThrow(/signed by a certificate/)
  })
})

describe.each(providers)('certificates by %s', (_, crypto) => {
  test.each([
    ['ed25519', files.ed25519],
    ['ecdsa', files.p256],
    ['rsa', files.rsa],
  ])('%s signs, and is certified, checked and presented', async (type, file) => {
    const key = parsePrivateKey(file, { crypto })
    const certificate = await issueCertificate(
      { kind: 'user', key: key.publicKey, keyId: type, principals: ['alice'] },
      key,
      { crypto },
    )
    expect(check(certificate, { authorities: [key.publicKey], crypto })).toBe('valid')
    const signer = certificateSigner(key, certificate)
    expect(signer.algorithms).toEqual(key.algorithms.map((name) => `${name}-cert-v01@openssh.com`))
    const [algorithm] = signer.algorithms
    const data = utf8Encode('data')
    const signature = await signer.sign(algorithm as string, data)
    const verify = certificateVerifier(createVerifier(crypto))
    expect(verify(signer.publicKey, algorithm as string, data, signature)).toBe(true)
    expect(verify(signer.publicKey, algorithm as string, utf8Encode('date'), signature)).toBe(false)
    expect(verify(signer.publicKey, key.algorithms[0] as string, data, signature)).toBe(false)
    expect(verify(key.publicKey, key.algorithms[0] as string, data, signature)).toBe(true)
    expect(verify(key.publicKey, algorithm as string, data, signature)).toBe(false)
  })
})

test('a certificate for another key cannot be presented', async () => {
  const certificate = await issue()
  expect(() => certificateSigner(authority, certificate)).toThrow(/another key/)
})

test('a malformed certificate verifies nothing', async () => {
  const { publicKey } = await issue()
  const cut = { type: publicKey.type, blob: publicKey.blob.subarray(0, 90) }
  const verify = certificateVerifier(createVerifier())
  expect(verify(cut, publicKey.type, cut.blob, cut.blob)).toBe(false)
  expect(
    verify({ type: publicKey.type, blob: authority.publicKey.blob }, publicKey.type, cut.blob, cut.blob),
  ).toBe(false)
})

test('key id and names must be text without zero bytes', () => {
  const build = (keyId: Uint8Array, principal: Uint8Array): Uint8Array =>
    new Writer()
      .string('ssh-ed25519-cert-v01@openssh.com')
      .string(new Uint8Array(32))
      .string(new Uint8Array(32))
      .uint64(1n)
      .uint32(1)
      .string(keyId)
      .string(new Writer().string(principal).finish())
      .uint64(0n)
      .uint64(forever)
      .string('')
      .string('')
      .string('')
      .string(authority.publicKey.blob)
      .string('')
      .finish()
  expect(parseCertificate(build(utf8Encode('é'), utf8Encode('ü')))).toMatchObject({
    keyId: 'é',
    principals: ['ü'],
  })
  for (const bad of [Uint8Array.of(0xff), Uint8Array.of(97, 0, 98)]) {
    expect(codeOf(() => parseCertificate(build(bad, utf8Encode('u'))))).toBe('SSH_KEY_FORMAT')
    expect(codeOf(() => parseCertificate(build(utf8Encode('u'), bad)))).toBe('SSH_KEY_FORMAT')
  }
})

test('what is no certificate is refused by name', () => {
  expect(() => parseCertificate(lines.ed25519)).toThrow(/ssh-ed25519 is no certificate/)
  expect(codeOf(() => parseCertificate(''))).toBe('SSH_KEY_FORMAT')
  expect(codeOf(() => parseCertificate(`${lines.certificate}\n${lines.certificate}`))).toBe('SSH_KEY_FORMAT')
  expect(() => parseCertificate(publicKeyFromBlob(readLine(lines.rsa).blob))).toThrow(/no certificate/)
})

test('the listing of ssh-keygen -L', () => {
  expect(certificateListing(parseCertificate(lines.certificate), { timeZone: 'utc' })).toBe(
    `        Type: ssh-ed25519-cert-v01@openssh.com user certificate
        Public key: ED25519-CERT SHA256:p6dM43j25ZcnIiUOa3h6oRxr+mmyX1HSEUulHSDwy6o
        Signing CA: ED25519 SHA256:p6dM43j25ZcnIiUOa3h6oRxr+mmyX1HSEUulHSDwy6o (using ssh-ed25519)
        Key ID: "id"
        Serial: 0
        Valid: forever
        Principals: 
                u
        Critical Options: (none)
        Extensions: 
                permit-X11-forwarding
                permit-agent-forwarding
                permit-port-forwarding
                permit-pty
                permit-user-rc
`,
  )
})

describe('times', () => {
  test.each([
    [0n, '1970-01-01T00:00:00'],
    [1_777_636_800n, '2026-05-01T12:00:00'],
    [253_402_300_799n, '9999-12-31T23:59:59'],
    [253_402_300_800n, '10000-01-01T00:00:00'],
    [67_768_036_191_676_799n, '2147485547-12-31T23:59:59'],
    [67_768_036_191_676_800n, 'UNKNOWN-TIME'],
  ])('%d is %s', (seconds, text) => {
    expect(formatTime(seconds, { timeZone: 'utc' })).toBe(text)
  })

  test.each([
    ['20260501', 1_777_593_600n],
    ['202605011200', 1_777_636_800n],
    ['20260501120001Z', 1_777_636_801n],
    ['20240229', 1_709_164_800n],
    ['20230229', undefined],
    ['20261301', undefined],
    ['202605012400', undefined],
    ['19691231', undefined],
    ['00700101', undefined],
    ['2026', undefined],
    ['20260501z', undefined],
    ['', undefined],
  ])('%s', (text, seconds) => {
    expect(parseTime(text, { timeZone: 'utc' })).toBe(seconds)
  })
})
