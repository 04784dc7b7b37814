import { base64Encode, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { issueCertificate } from '../certificates/issue.ts'
import { certificateSigner } from '../certificates/signer.ts'
import { generateKey } from '../generate.ts'
import { parsePrivateKey } from '../parse.ts'
import { files, lines } from '../testing/fixtures.ts'
import { codeOf, providers, seeded } from '../testing/kit.ts'
import { parseAllowedSigners } from '../trust/allowed-signers.ts'
import {
  formatMessageSignature,
  type MessageSignature,
  parseMessageSignature,
  signMessage,
  verifyMessage,
} from './sshsig.ts'
import { verifyMessageBy } from './verify-by.ts'

const key = parsePrivateKey(files.ed25519)
const message = 'hello\n'

/** By ssh-keygen -Y sign of OpenSSH 9.2, over `message`, for `file`. */
const byEd25519 = `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg1JGW0zr6KyXU9n1VOVrCtQdVVS
26/sf3tc3Ikj+OlaUAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx
OQAAAED6VMJQ4XW0N+73POACIhmNbhCS9uhC1fZ8++qk99LQ0cHDoXWIC9oz+VYgqS6TwF
0JuYaDpjZSrJqwDf8Ef0UC
-----END SSH SIGNATURE-----
`
/** The same with -Ohashalg=sha256. */
const byRsa = `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAARcAAAAHc3NoLXJzYQAAAAMBAAEAAAEBAM14Ef3do21wFvgwtyzN1F
84ntQXoK/6+NQtFVocmn3BK+w6KFfLPdXi1NO4FROIg+Zpg44daof0e1EzSLhQpDs60RXT
O4KbZWFR6kc9tMKr8mEKNVucDCdwuvB2x0f2cwAGaIlJeMtihD2NxaiMy8A5giJJMBtsCW
rC/N4UcpcQdXC9yDX+s2qrhXSCezs5ebSaczwoBmRJtfopt83/8hK1fR4MZMwEc74lVitf
FNScw4mt1sFJfNtcs3ELFGixPKNnZ/3Bo1Xf6Fw297P26GfkswPk1yiopLzEmI//gVgN0I
XtjNs9bRrQSNDncrrN/GHc6PHPa07Ul76IuxbOR/sAAAAEZmlsZQAAAAAAAAAGc2hhMjU2
AAABFAAAAAxyc2Etc2hhMi01MTIAAAEAyklSTng6+exYVjzSXBiKSM8mNzzIvxX+Z5xKFq
VCaoD7tx/hNPARLM4NR13hLlKiM1zpIINe22kLZMpdw2W7TvrAAG2Y2nxq8mAO2WhPbZ6a
ASSbih1BmKNTPb1SLd5iLmZYiGYla7VtF7j0JyQ86RlaBD6r1lIsRs+mudMjG7H+aRL2JR
tZ8nJkMMlVypAb56Y0VBg1e3/0PWP9thOCZ2KZPgDPqDJFVqyYF++3RQWeg98eGS+NPKTy
HVW+PZ3zSQwCFiymlEaNCV477YSQsYx+Gncji6vHwpAKebDtna99Tk7an4muwJ2uYftg3q
dXM//6j4eH0KTfQXP5PJa3DQ==
-----END SSH SIGNATURE-----
`

describe.each(providers)('signatures of ssh-keygen by %s', (_, crypto) => {
  test.each([
    ['ed25519', byEd25519, files.ed25519, 'sha512'],
    ['rsa', byRsa, files.rsa, 'sha256'],
  ] as const)('%s: fits, and ours is the same', async (__, armour, file, hash) => {
    const signature = parseMessageSignature(armour)
    expect(signature).toMatchObject({ namespace: 'file', hash })
    const o = { namespace: 'file', crypto }
    expect(await verifyMessage(message, signature, o)).toBe(true)
    expect(await verifyMessage(utf8Encode(message), signature, o)).toBe(true)
    expect(await verifyMessage('hello', signature, o)).toBe(false)
    expect(await verifyMessage(message, signature, { ...o, namespace: 'git' })).toBe(false)
    const ours = await signMessage(message, parsePrivateKey(file, { crypto }), { ...o, hash })
    expect(formatMessageSignature(ours)).toBe(armour)
  })
})

describe('messages that come in pieces', () => {
  const signature = parseMessageSignature(byEd25519)
  const pieces = [...utf8Encode(message)].map((byte) => Uint8Array.of(byte))
  const check = (source: Parameters<typeof verifyMessage>[0]): Promise<boolean> =>
    verifyMessage(source, signature, { namespace: 'file' })

  test('an array, a generator, an async generator, a web stream', async () => {
    expect(await check(pieces)).toBe(true)
    expect(await check(new Set(pieces))).toBe(true)
    expect(
      await check(
        (async function* () {
          for (const piece of pieces) yield await Promise.resolve(piece)
        })(),
      ),
    ).toBe(true)
    expect(await check([...pieces, Uint8Array.of(0)])).toBe(false)
    const left = [...pieces]
    let released = 0
    const stream = {
      getReader: () => ({
        read: () =>
          Promise.resolve(left.length === 0 ? { done: true } : { done: false, value: left.shift() }),
        releaseLock: () => {
          released++
        },
      }),
    }
    expect(await check(stream)).toBe(true)
    expect(released).toBe(1)
  })

  test('what a stream fails with comes out, and what is no stream is refused', async () => {
    const broken = (async function* () {
      yield await Promise.resolve(Uint8Array.of(1))
      throw new Error('the disk is gone')
    })()
    await expect(check(broken)).rejects.toThrow('the disk is gone')
    await expect(check(['text'] as unknown as Uint8Array[])).rejects.toThrow(/Uint8Arrays/)
    await expect(check({} as unknown as Uint8Array)).rejects.toThrow(/stream of bytes/)
    await expect(check(7 as unknown as Uint8Array)).rejects.toThrow(/stream of bytes/)
  })
})

test('every bit of a signature counts, and any cut refuses it', async () => {
  const { blob } = await signMessage(message, key, { namespace: 'file' })
  const random = seeded(3)
  for (let round = 0; round < 300; round++) {
    const spoiled = Uint8Array.from(blob)
    const at = random(blob.length)
    spoiled[at] = (spoiled[at] as number) ^ (1 << random(8))
    let read: MessageSignature | undefined
    const code = codeOf(() => {
      read = parseMessageSignature(spoiled)
    })
    if (read === undefined) expect(code).toMatch(/^SSH_KEY_(?:FORMAT|INVALID|UNSUPPORTED)$/)
    else expect(await verifyMessage(message, read, { namespace: 'file' }), `bit of byte ${at}`).toBe(false)
  }
  for (let length = 0; length < blob.length; length++)
    expect(codeOf(() => parseMessageSignature(blob.subarray(0, length)))).toBe('SSH_KEY_FORMAT')
})

describe('refused', () => {
  const build = (o: { version?: number; namespace?: string; hash?: string; magic?: string }): Uint8Array =>
    new Writer()
      .bytes(utf8Encode(o.magic ?? 'SSHSIG'))
      .uint32(o.version ?? 1)
      .string(key.publicKey.blob)
      .string(o.namespace ?? 'file')
      .string('')
      .string(o.hash ?? 'sha512')
      .string('')
      .finish()

  test.each([
    ['another version', { version: 2 }, 'SSH_KEY_UNSUPPORTED'],
    ['an empty namespace', { namespace: '' }, 'SSH_KEY_FORMAT'],
    ['a zero byte in it', { namespace: 'a\0' }, 'SSH_KEY_FORMAT'],
    ['SHA-1', { hash: 'sha1' }, 'SSH_KEY_UNSUPPORTED'],
    ['another magic', { magic: 'SSHSIX' }, 'SSH_KEY_FORMAT'],
  ])('%s', (_, o, code) => {
    const armour = `-----BEGIN SSH SIGNATURE-----\n${base64Encode(build(o))}\n-----END SSH SIGNATURE-----\n`
    expect(codeOf(() => parseMessageSignature(armour))).toBe(code)
  })

  test.each([
    ['nothing', ''],
    ['other armour', byEd25519.replaceAll('SSH SIGNATURE', 'PGP SIGNATURE')],
    ['two blocks', byEd25519 + byEd25519],
    ['words in front', `signed:\n${byEd25519}`],
    ['no end', byEd25519.slice(0, 200)],
    ['too much', ' '.repeat(300_000)],
  ])('%s', (_, text) => {
    expect(codeOf(() => parseMessageSignature(text))).toBe('SSH_KEY_FORMAT')
    expect(codeOf(() => parseMessageSignature(utf8Encode(text)))).toBe('SSH_KEY_FORMAT')
  })

  test('signing without a namespace, by SHA-1, or by a broken algorithm', async () => {
    await expect(signMessage('', key, { namespace: '' })).rejects.toThrow(/namespace/)
    await expect(signMessage('', key, { namespace: 'x', hash: 'sha1' as 'sha256' })).rejects.toThrow(/sha512/)
    const old = parsePrivateKey(files.rsa, { insecure: true })
    await expect(signMessage('', old, { namespace: 'x', algorithm: 'ssh-rsa' })).rejects.toThrow(
      /not signed by ssh-rsa/,
    )
    expect((await signMessage('', old, { namespace: 'x', algorithm: 'rsa-sha2-256' })).namespace).toBe('x')
  })

  test('a signature by SHA-1 inside', async () => {
    const old = parsePrivateKey(files.rsa, { insecure: true })
    const signature = await signMessage('', old, { namespace: 'x' })
    const raw = await old.sign('ssh-rsa', utf8Encode('anything'))
    expect(await verifyMessage('', { ...signature, signature: raw }, { namespace: 'x' })).toBe(false)
  })
})

describe('by whom', () => {
  const now = new Date('2026-05-01T12:00:00Z')

  test('a key of a line, a certificate of an authority, nobody else', async () => {
    const authority = await generateKey('ed25519')
    const certificate = await issueCertificate(
      { kind: 'user', key: key.publicKey, keyId: '', principals: ['bob@example.com'], forceCommand: 'x' },
      authority,
    )
    const signers = parseAllowedSigners(
      `alice@example.com ${lines.ed25519}\n*@example.com cert-authority ssh-ed25519 ${base64Encode(authority.publicKey.blob)}\n`,
    )
    const plain = await signMessage(message, key, { namespace: 'file' })
    const certified = await signMessage(message, certificateSigner(key, certificate), { namespace: 'file' })
    const ask = async (
      signature: MessageSignature,
      identity: string,
      text = message,
    ): Promise<number | string> => {
      const verdict = await verifyMessageBy(text, signature, { namespace: 'file', signers, identity, now })
      return verdict.valid ? verdict.entry.line : verdict.message
    }
    expect(await ask(plain, 'alice@example.com')).toBe(1)
    expect(await ask(plain, 'bob@example.com')).toMatch(/no line/)
    expect(await ask(plain, 'alice@example.com', 'other')).toMatch(/does not fit the message/)
    expect(await ask(certified, 'bob@example.com')).toBe(2)
    expect(await ask(certified, 'alice@example.com')).toMatch(/line 2: for bob@example.com, not for alice/)
    expect(await ask(await signMessage(message, key, { namespace: 'x' }), 'alice@example.com')).toMatch(
      /is for "x"/,
    )
  })
})
