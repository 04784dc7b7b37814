import { concat, latin1Encode, Reader, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { decodeBlock, findBlocks } from '../armour.ts'
import { formatPrivateKey } from '../format.ts'
import type { PublicKey } from '../key.ts'
import { parsePrivateKey, parsePublicKey } from '../parse.ts'
import { parseMessageSignature, verifyMessage } from '../signatures/sshsig.ts'
import { files } from '../testing/fixtures.ts'
import { codeOf, providers } from '../testing/kit.ts'
import { createVerifier, securityKeyFacts, whyUnusable } from '../verify.ts'

/** Of OpenSSH: regress/unittests/sshsig/testdata. */
const signatures = {
  'sk-ssh-ed25519@openssh.com': `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAgmxoNhd
Biu5zpuKUJgMgrhhI54b7OatE7Yz23Tf//sscAAAAEc3NoOgAAAAh1bml0dGVzdAAAAAAA
AAAGc2hhNTEyAAAAZwAAABpzay1zc2gtZWQyNTUxOUBvcGVuc3NoLmNvbQAAAEAi+7eTjW
/+LQ2M+sCD+KFtH1n7VFFJon/SZFsxODyV8cWTlFKj617Ys1Ur5TV6uaEXQhck8rBA2oQI
HTPANLIPARI0Vng=
-----END SSH SIGNATURE-----
`,
  'sk-ecdsa-sha2-nistp256@openssh.com': `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAH8AAAAic2stZWNkc2Etc2hhMi1uaXN0cDI1NkBvcGVuc3NoLmNvbQ
AAAAhuaXN0cDI1NgAAAEEEoNVrmNFxPlXsTrKybBWLsclaHunkP6F5ss9qRBymcPZqMlno
b/hbO6GVhadyVZjrcmykOnb31GWGrkBPzr+DwAAAAARzc2g6AAAACHVuaXR0ZXN0AAAAAA
AAAAZzaGE1MTIAAAB3AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20A
AABIAAAAIHohGwyy8iKT3zwd1TYA9V/Ioo7h/3zCJUtyq/Qigt/HAAAAIGzidTwq7D/kFa
7Xjcp/KkdbIs4MfQpfAW/0OciajlpzARI0Vng=
-----END SSH SIGNATURE-----
`,
} as const
const message = latin1Encode('This is a test, this is only a test')

describe.each(providers)('signatures of security keys over %s', (_name, crypto) => {
  test.each(Object.entries(signatures))('%s: as OpenSSH made them', async (type, text) => {
    const parsed = parseMessageSignature(text)
    expect(parsed.publicKey.type).toBe(type)
    expect(await verifyMessage(message, parsed, { namespace: 'unittest', crypto })).toBe(true)
    expect(await verifyMessage(latin1Encode('else'), parsed, { namespace: 'unittest', crypto })).toBe(false)
    expect(securityKeyFacts(parsed.signature)).toEqual({
      userPresent: true,
      userVerified: false,
      counter: 0x12345678,
    })
    // Every byte of it counts: flags and counter too.
    for (let at = 0; at < parsed.signature.length; at++) {
      const signature = parsed.signature.slice()
      ;(signature[at] as number) ^= 1
      expect(await verifyMessage(message, { ...parsed, signature }, { namespace: 'unittest', crypto })).toBe(
        false,
      )
    }
  })

  test('a touch is asked for unless it is said otherwise, and a PIN where that is said', async () => {
    // An emulated security key: ours, with the frame around it made by hand (OpenSSH PROTOCOL.u2f).
    const inner = parsePrivateKey(files.ed25519, { crypto })
    const type = 'sk-ssh-ed25519@openssh.com'
    const blob = new Writer().string(type)
    const point = new Reader(inner.publicKey.blob)
    point.string()
    const key: PublicKey = parsePublicKey(blob.string(point.string()).string('ssh:here').finish().slice())
    const sign = async (flags: number): Promise<Uint8Array> => {
      const { hash } = crypto.backend
      const tail = Uint8Array.of(flags, 0, 0, 1, 0)
      const signed = concat(hash('sha256', utf8Encode('ssh:here')), tail, hash('sha256', message))
      const from = new Reader(await inner.sign('ssh-ed25519', signed))
      from.string()
      return new Writer().string(type).string(from.string()).bytes(tail).finish().slice()
    }
    const accepts = async (flags: number, policy = {}): Promise<boolean> =>
      createVerifier(crypto, policy)(key, type, message, await sign(flags))
    expect(await accepts(1)).toBe(true)
    expect(await accepts(5)).toBe(true)
    expect(await accepts(0)).toBe(false)
    expect(await accepts(4)).toBe(false)
    expect(await accepts(0, { touchRequired: false })).toBe(true)
    expect(await accepts(1, { verifyRequired: true })).toBe(false)
    expect(await accepts(5, { verifyRequired: true })).toBe(true)
    expect(securityKeyFacts(await sign(5))).toEqual({ userPresent: true, userVerified: true, counter: 256 })
    expect(whyUnusable(key, { crypto })).toBeUndefined()
    const longer = concat(await sign(1), Uint8Array.of(0))
    expect(createVerifier(crypto)(key, type, message, longer)).toBe(false)
    expect(securityKeyFacts(longer)).toBeUndefined()
    expect(securityKeyFacts(await inner.sign('ssh-ed25519', message))).toBeUndefined()
  })
})

describe('private files of security keys', () => {
  test.each([
    ['skEd25519', 'sk-ssh-ed25519@openssh.com', 'ED25519-SK test key #1'],
    ['skEcdsa', 'sk-ecdsa-sha2-nistp256@openssh.com', 'ECDSA-SK test key #1'],
  ] as const)('%s of OpenSSH is read, and written with all that it holds', (name, type, comment) => {
    const key = parsePrivateKey(files[name])
    expect([key.publicKey.type, key.comment]).toEqual([type, comment])
    // All but the two random numbers, by which a wrong passphrase shows, is the same.
    const [before, after] = [files[name], formatPrivateKey(key)].map((text) => {
      const bytes = decodeBlock(findBlocks(text)[0] as never).slice()
      const start = 15 + 8 + 8 + 4 + 4 + 4 + key.publicKey.blob.length + 4
      return bytes.fill(0, start, start + 8)
    })
    expect(after).toEqual(before)
    const encrypted = formatPrivateKey(key, { passphrase: 'x', rounds: 1 })
    expect(parsePrivateKey(encrypted, { passphrase: 'x' }).publicKey).toEqual(key.publicKey)
  })

  test('cannot sign, and say what to do; nor be written in other formats', () => {
    const key = parsePrivateKey(files.skEd25519)
    expect(key.algorithms).toEqual([])
    expect(() => key.sign('sk-ssh-ed25519@openssh.com', message)).toThrow(/security key.*ssh-agent/)
    for (const format of ['pem', 'pkcs8', 'ppk', 'jwk'] as const)
      expect(codeOf(() => formatPrivateKey(key, { format }))).toBe('SSH_KEY_UNSUPPORTED')
  })
})
