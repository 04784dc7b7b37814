import { hexDecode, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { readLine } from '../formats/openssh-line.ts'
import { publicKeyFromBlob } from '../public-blob.ts'
import { lines } from '../testing/fixtures.ts'
import { codeOf, providers, seeded } from '../testing/kit.ts'
import { bubbleBabble, bubbleBabbleFingerprint } from './bubble-babble.ts'
import { describeKey, fingerprintLine } from './describe.ts'
import { fingerprint } from './fingerprint.ts'
import { randomart } from './randomart.ts'
import { checkSshfp, formatSshfp, parseSshfp, readSshfp, sshfpRecords } from './sshfp.ts'

/** What ssh-keygen of OpenSSH 9.2 prints about this key is below. */
const key = readLine(
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDSssuuSo6ZwrzZMuyS5zAdQ+1aZyBb7kCX1QZ6qGMDS c ed25519',
)
const dsa = readLine(lines.dsa)
const certificate = readLine(lines.certificate)

describe.each(providers)('fingerprints by %s', (_, crypto) => {
  test('ssh-keygen -l -E, for each hash', () => {
    expect(fingerprintLine(key, 'sha256', crypto)).toBe(
      '256 SHA256:8UiWvGFgGrItskVrn8KbUR/tIPVbG0m2gRagTsDGdNE c ed25519 (ED25519)',
    )
    expect(fingerprintLine(key, 'md5', crypto)).toBe(
      '256 MD5:d4:95:1a:b8:a6:96:6a:82:fc:ca:7b:3f:b1:30:df:e1 c ed25519 (ED25519)',
    )
    expect(fingerprint(key, 'sha512', crypto)).toBe(
      'SHA512:jJzZlDQU7BXnaIl4xb9rt4uEM2tIA4Q7xFNxSZDuz3v/s2yZ3ZOHCe3gH0ARmhZEvQfo6CsrjyFEaeqyGTntBQ',
    )
  })

  test('ssh-keygen -B', () => {
    expect(bubbleBabbleFingerprint(key, 'sha1', crypto)).toBe(
      'xuvof-zuzap-bycer-typoh-midun-fodag-sozig-kikan-gecid-lazuf-duxax',
    )
  })

  test('ssh-keygen -lv', () => {
    expect(`\n${randomart(key, 'md5', crypto)}\n`).toBe(`
+--[ED25519 256]--+
|         .  ..   |
|        .....    |
|        ...o     |
|       .o .      |
|       +S        |
|   o .+.         |
|..  +o= .        |
|o...o+ E         |
| +=+...          |
+------[MD5]------+
`)
    expect(`\n${randomart(key, 'sha512', crypto)}\n`).toBe(`
+--[ED25519 256]--+
|   . o+BB**++.   |
|   .= o+o=+Oo.   |
|  +. =..=+B.oo   |
| +  o.oOoo..o .  |
|. E  o=oS   .+   |
|.+ .  . +  .+..  |
|=.o o  + ++..=.*o|
|.* o.o. = o=+oX++|
|o . .ooo.+.oo=B=o|
+----[SHA512]-----+
`)
  })

  test('ssh-keygen -r, with and without -g', () => {
    const records = sshfpRecords(key, crypto)
    expect(records.map((record) => formatSshfp('h', record))).toEqual([
      'h IN SSHFP 4 1 fb3ffea004bde8588a930b4cfd46d99445273e32',
      'h IN SSHFP 4 2 f14896bc61601ab22db2456b9fc29b511fed20f55b1b49b68116a04ec0c674d1',
    ])
    expect(records.map((record) => formatSshfp('h', record, { generic: true }))).toEqual([
      'h IN TYPE44 \\# 22 04 01 fb3ffea004bde8588a930b4cfd46d99445273e32',
      'h IN TYPE44 \\# 34 04 02 f14896bc61601ab22db2456b9fc29b511fed20f55b1b49b68116a04ec0c674d1',
    ])
  })

  test('records are checked by SHA-256, and by SHA-1 only where nothing else is there', () => {
    const [sha1, sha256] = sshfpRecords(key, crypto)
    if (sha1 === undefined || sha256 === undefined) throw new Error('two records were expected')
    const other = { ...sha256, fingerprint: new Uint8Array(32) }
    expect(checkSshfp([sha1, sha256], key, crypto)).toBe('match')
    expect(checkSshfp([other, sha256], key, crypto)).toBe('match')
    expect(checkSshfp([sha1], key, crypto)).toBe('match')
    expect(checkSshfp([sha1, other], key, crypto)).toBe('mismatch')
    expect(checkSshfp([{ ...sha256, algorithm: 1 }], key, crypto)).toBe('unknown')
    expect(checkSshfp([], key, crypto)).toBe('unknown')
  })
})

test('types and sizes in the words of ssh-keygen', () => {
  expect(
    [lines.p256, lines.rsa, lines.dsa, lines.certificate].map((line) => describeKey(readLine(line))),
  ).toEqual([
    { label: 'ECDSA', bits: 256 },
    { label: 'RSA', bits: 2048 },
    { label: 'DSA', bits: 1024 },
    { label: 'ED25519-CERT', bits: 256 },
  ])
  expect(describeKey(publicKeyFromBlob(Uint8Array.of(0, 0, 0, 3, 120, 64, 121)))).toEqual({
    label: 'x@y',
    bits: 0,
  })
  const bare = publicKeyFromBlob(key.blob)
  expect(fingerprintLine(bare)).toMatch(/^256 SHA256:\S+ no comment \(ED25519\)$/)
})

test('a certificate has the fingerprint of its key, and a title without size where both do not fit', () => {
  expect(fingerprint(certificate)).toBe(fingerprint(readLine(lines.ed25519)))
  expect(randomart(certificate).split('\n')[0]).toBe('+-[ED25519-CERT]--+')
  const cut = publicKeyFromBlob(certificate.blob.subarray(0, 40))
  expect(fingerprint(cut)).toMatch(/^SHA256:\S{43}$/)
  expect(fingerprint(cut)).not.toBe(fingerprint(certificate))
  expect(codeOf(() => describeKey(cut))).toBe('SSH_KEY_FORMAT')
})

test('bubble babble: the vectors of its draft', () => {
  expect(bubbleBabble(new Uint8Array(0))).toBe('xexax')
  expect(bubbleBabble(utf8Encode('1234567890'))).toBe('xesef-disof-gytuf-katof-movif-baxux')
  expect(bubbleBabble(utf8Encode('Pineapple'))).toBe('xigak-nyryk-humil-bosek-sonax')
})

describe('reading SSHFP records', () => {
  const fp = 'f14896bc61601ab22db2456b9fc29b511fed20f55b1b49b68116a04ec0c674d1'
  const fingerprintBytes = hexDecode(fp)

  test.each([
    [`h IN SSHFP 4 2 ${fp}`, 'h'],
    [`h.example. 3600 IN SSHFP 4 2 ${fp.slice(0, 56)} ${fp.slice(56)}`, 'h.example.'],
    [`h.example.\tIN\t3600\tsshfp 4 2 ( ${fp.toUpperCase()} ) ; a note`, 'h.example.'],
    [`  IN SSHFP 4 2 ${fp}`, ''],
    [`IN SSHFP 4 2 ${fp}`, ''],
    [`SSHFP 4 2 ${fp}`, ''],
    [`@ SSHFP 4 2 ${fp}`, '@'],
    [`h IN TYPE44 \\# 34 04 02 ${fp}`, 'h'],
    [`h IN TYPE44 \\# 34 0402${fp}\r\n`, 'h'],
  ])('%s', (line, host) => {
    expect(parseSshfp(line)).toEqual({ host, algorithm: 4, hash: 2, fingerprint: fingerprintBytes })
  })

  test.each([
    '',
    'h IN A 127.0.0.1',
    `h IN SSHFP 4 2 ${fp}00`,
    `h IN SSHFP 4 1 ${fp}`,
    `h IN SSHFP 4 2 ${fp.slice(1)}`,
    `h IN SSHFP 4 ${fp}`,
    `h IN SSHFP 400 2 ${fp}`,
    'h IN SSHFP 4 2',
    `h CH SSHFP 4 2 ${fp}`,
    `h IN TYPE44 34 04 02 ${fp}`,
    `h IN TYPE44 \\# 35 04 02 ${fp}`,
    `h IN SSHFP 4 2 ${fp}${' '.repeat(5000)}`,
  ])('refused: %s', (line) => {
    expect(codeOf(() => parseSshfp(line))).toBe('SSH_KEY_FORMAT')
  })

  test('the wire form', () => {
    expect(readSshfp(Uint8Array.of(4, 2, ...(fingerprintBytes as Uint8Array)))).toEqual({
      algorithm: 4,
      hash: 2,
      fingerprint: fingerprintBytes,
    })
    expect(codeOf(() => readSshfp(Uint8Array.of(4)))).toBe('SSH_KEY_FORMAT')
    expect(codeOf(() => readSshfp(Uint8Array.of(4, 2, 1)))).toBe('SSH_KEY_FORMAT')
  })

  test('a certificate has no record, and a name cannot smuggle one in', () => {
    expect(codeOf(() => sshfpRecords(certificate))).toBe('SSH_KEY_UNSUPPORTED')
    expect(sshfpRecords(dsa).map(({ algorithm }) => algorithm)).toEqual([2, 2])
    const [record] = sshfpRecords(key)
    if (record === undefined) throw new Error('a record was expected')
    expect(() => formatSshfp('h\nx', record)).toThrow(/zone file/)
  })

  test('garbage gives results or KeyErrors', () => {
    const random = seeded(44)
    const words = ['h', 'IN', 'SSHFP', 'TYPE44', '\\#', '34', '04', '2', fp, '(', ')', ';', '', 'zz']
    for (let round = 0; round < 2000; round++) {
      const line = Array.from({ length: random(9) }, () => words[random(words.length)]).join(' ')
      expect([undefined, 'SSH_KEY_FORMAT']).toContain(codeOf(() => parseSshfp(line)))
    }
  })
})
