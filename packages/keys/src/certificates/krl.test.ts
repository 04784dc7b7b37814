import { base64Decode, concat, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { readLine } from '../formats/openssh-line.ts'
import { generateKey } from '../generate.ts'
import { parsePrivateKey } from '../parse.ts'
import { files, lines } from '../testing/fixtures.ts'
import { codeOf, providers, seeded } from '../testing/kit.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { issueCertificate } from './issue.ts'
import { parseRevocationList, type RevokedBy } from './krl.ts'

/**
 * By ssh-keygen -k of OpenSSH 9.2, for certificates of the key of `lines.ed25519`: serials 5, 9-12, 77 and every third of 100-160, key
 * id "bad one"; and three keys: one as it is, one by SHA-1, one by SHA-256.
 */
const made = base64Decode(`
U1NIS1JMCgAAAAABAAAAAAAAAAcAAAAAawNGPgAAAAAAAAAAAAAAAAAAAAABAAAAcAAAADMAAAALc3NoLWVkMjU1MTkAAAAg1JGW
0zr6KyXU9n1VOVrCtQdVVS26/sf3tc3Ikj+OlaUAAAAAIgAAACAAAAAAAAAABQAAABQJJJJJJJJJJIAAAQAAAAAAAAAA8SMAAAAL
AAAAB2JhZCBvbmUCAAAAbAAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAEEE0YBeVcfpHZvcOhJmz8xc
EOUZNDFBKTaLZaqkNOo61+M2jGHS+EihZ2MQSD4gd5GFE9YcAMyXa+v76fZhgE4+1gMAAAAYAAAAFI/uulXpBdQ46sH/1VevBqzN
7N5WBQAAACQAAAAg8UiWvGFgGrItskVrn8KbUR/tIPVbG0m2gRagTsDGdNE=`) as Uint8Array
const asItIs =
  'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNGAXlXH6R2b3DoSZs/MXBDlGTQxQSk2i2WqpDTqOtfjNoxh0vhIoWdjEEg+IHeRhRPWHADMl2vr++n2YYBOPtY='
const bySha1 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPz7dp7JtLVJnVKsreFtPIrsooQ2hWpSEXEEfOe/30Fc'
const bySha256 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDSssuuSo6ZwrzZMuyS5zAdQ+1aZyBb7kCX1QZ6qGMDS'

const authority = parsePrivateKey(files.ed25519)
const other = await generateKey('ed25519')

function issue(serial: number | bigint, keyId = 'fine', by = authority): Promise<Certificate> {
  return issueCertificate({ kind: 'user', key: readLine(lines.p256), keyId, principals: ['u'], serial }, by)
}

describe.each(providers)('a list of ssh-keygen by %s', (_, crypto) => {
  const list = parseRevocationList(made, { crypto })

  test('says what it is', () => {
    expect(list).toMatchObject({ version: 7n, generated: 1_795_376_702n, comment: '', signedBy: [] })
  })

  test.each([
    ['as it is', asItIs, 'key'],
    ['by SHA-1', bySha1, 'sha1'],
    ['by SHA-256', bySha256, 'sha256'],
    ['not at all', lines.rsa, undefined],
  ])('revokes a key %s', (__, line, by) => {
    expect(list.check(readLine(line))?.by).toBe(by)
  })

  test('revokes certificates by serial and key id, of this authority only', async () => {
    const wanted = new Set([5, 9, 10, 11, 12, 77, ...Array.from({ length: 21 }, (___, at) => 100 + 3 * at)])
    for (let serial = 0; serial < 260; serial++)
      expect(list.check(await issue(serial))?.by, `serial ${serial}`).toBe(
        wanted.has(serial) ? 'serial' : undefined,
      )
    for (const serial of [2n ** 32n + 5n, 2n ** 64n - 1n])
      expect(list.check(await issue(serial))).toBeUndefined()
    expect(list.check(await issue(0, 'bad one'))?.by).toBe('key-id')
    expect(list.check((await issue(5)).publicKey)?.by).toBe('serial')
    expect(list.check(await issue(5, 'bad one', other))).toBeUndefined()
  })
})

/** A list of our own: head and sections. */
function build(...sections: readonly Uint8Array[]): Uint8Array {
  const head = new Writer()
    .bytes(utf8Encode('SSHKRL\n\0'))
    .uint32(1)
    .uint64(1n)
    .uint64(2n)
    .uint64(0n)
    .string('')
    .string('a list')
  return concat(head.finish(), ...sections)
}

function section(type: number, content: Writer): Uint8Array {
  return new Writer().byte(type).string(content.finish()).finish()
}

/** A section about certificates of `by`, with one part. */
function certificates(by: Uint8Array, type: number, part: Writer): Uint8Array {
  return section(1, new Writer().string(by).string('').byte(type).string(part.finish()))
}

const nobody = new Uint8Array(0)

describe('sections', () => {
  test.each<[string, Uint8Array, RevokedBy | undefined]>([
    ['serials of every authority', certificates(nobody, 0x20, new Writer().uint64(42n)), 'serial'],
    ['serials of another', certificates(other.publicKey.blob, 0x20, new Writer().uint64(42n)), undefined],
    [
      'a range to the end',
      certificates(nobody, 0x21, new Writer().uint64(42n).uint64(2n ** 64n - 1n)),
      'serial',
    ],
    ['a range in front of it', certificates(nobody, 0x21, new Writer().uint64(1n).uint64(41n)), undefined],
    ['a bitmap', certificates(nobody, 0x22, new Writer().uint64(40n).mpint(4n)), 'serial'],
    ['a bitmap without it', certificates(nobody, 0x22, new Writer().uint64(40n).mpint(11n)), undefined],
    ['an empty bitmap', certificates(nobody, 0x22, new Writer().uint64(42n).mpint(0n)), undefined],
    [
      'an extension that need not be known',
      section(255, new Writer().string('x').boolean(false).string('y')),
      undefined,
    ],
    [
      'one about certificates',
      certificates(nobody, 0x39, new Writer().string('x').boolean(false).string('y')),
      undefined,
    ],
    ['the key of the authority', section(2, new Writer().string(authority.publicKey.blob)), 'authority'],
  ])('%s', async (_, content, by) => {
    const list = parseRevocationList(build(content))
    expect(list.comment).toBe('a list')
    expect(list.check(await issue(42))?.by).toBe(by)
  })

  test.each<[string, Uint8Array, string]>([
    ['an unknown section', section(9, new Writer()), 'SSH_KEY_UNSUPPORTED'],
    ['an unknown part', certificates(nobody, 0x50, new Writer()), 'SSH_KEY_UNSUPPORTED'],
    [
      'a critical extension',
      section(255, new Writer().string('x').boolean(true).string('')),
      'SSH_KEY_UNSUPPORTED',
    ],
    [
      'a critical one about certificates',
      certificates(nobody, 0x39, new Writer().string('x').boolean(true).string('')),
      'SSH_KEY_UNSUPPORTED',
    ],
    ['serial 0', certificates(nobody, 0x20, new Writer().uint64(0n)), 'SSH_KEY_FORMAT'],
    ['a range backwards', certificates(nobody, 0x21, new Writer().uint64(7n).uint64(6n)), 'SSH_KEY_FORMAT'],
    ['a negative bitmap', certificates(nobody, 0x22, new Writer().uint64(1n).mpint(-1n)), 'SSH_KEY_FORMAT'],
    ['half a serial', certificates(nobody, 0x20, new Writer().uint32(1)), 'SSH_KEY_FORMAT'],
    ['a short fingerprint', section(3, new Writer().string(new Uint8Array(19))), 'SSH_KEY_FORMAT'],
    ['no key', section(2, new Writer().string('key')), 'SSH_KEY_FORMAT'],
    ['a byte too many', Uint8Array.of(1), 'SSH_KEY_FORMAT'],
  ])('refused: %s', (_, content, code) => {
    expect(codeOf(() => parseRevocationList(build(content)))).toBe(code)
  })

  test('another version of the format is refused', () => {
    const bytes = build()
    bytes[11] = 2
    expect(codeOf(() => parseRevocationList(bytes))).toBe('SSH_KEY_UNSUPPORTED')
  })
})

test('signatures must fit, and nothing may follow them', async () => {
  const body = build(section(2, new Writer().string(readLine(lines.p256).blob)))
  const sign = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const signed = concat(bytes, new Writer().byte(4).string(authority.publicKey.blob).finish())
    return concat(signed, new Writer().string(await authority.sign('ssh-ed25519', signed)).finish())
  }
  const signed = await sign(body)
  expect(parseRevocationList(signed).signedBy).toEqual([{ ...authority.publicKey, comment: undefined }])
  expect(parseRevocationList(await sign(signed)).signedBy).toHaveLength(2)
  const spoiled = Uint8Array.from(signed)
  spoiled[30] = (spoiled[30] as number) ^ 1
  expect(codeOf(() => parseRevocationList(spoiled))).toBe('SSH_KEY_INVALID')
  expect(codeOf(() => parseRevocationList(concat(signed, section(2, new Writer()))))).toBe('SSH_KEY_FORMAT')
})

describe('as text, one key per line', () => {
  test('keys and certificates stand for the key', () => {
    const list = parseRevocationList(`# lost laptops\n\n${lines.rsa}\n${lines.certificate}\n`)
    expect(list.check(readLine(lines.rsa))?.by).toBe('key')
    expect(list.check(readLine(lines.ed25519))?.by).toBe('key')
    expect(list.check(parseCertificate(lines.certificate))?.by).toBe('key')
    expect(list.check(readLine(lines.p256))).toBeUndefined()
  })

  test('a line that is no key refuses the file: nobody can say what it would revoke', () => {
    expect(codeOf(() => parseRevocationList(`${lines.rsa}\nssh-rsa oops\n`))).toBe('SSH_KEY_FORMAT')
    expect(parseRevocationList('').check(readLine(lines.rsa))).toBeUndefined()
  })
})

test('cut and spoiled lists give lists or KeyErrors', () => {
  for (let length = 0; length < made.length; length++)
    expect([undefined, 'SSH_KEY_FORMAT']).toContain(
      codeOf(() => parseRevocationList(made.subarray(0, length))),
    )
  const random = seeded(7)
  for (let round = 0; round < 3000; round++) {
    const spoiled = Uint8Array.from(made)
    for (let times = 0; times <= random(3); times++) spoiled[random(made.length)] = random(256)
    expect([undefined, 'SSH_KEY_FORMAT', 'SSH_KEY_UNSUPPORTED', 'SSH_KEY_INVALID']).toContain(
      codeOf(() => parseRevocationList(spoiled)),
    )
  }
})
