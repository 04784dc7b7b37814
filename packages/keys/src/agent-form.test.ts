import { Reader, Writer } from '@hawser/wire'
import { expect, test } from 'vitest'
import { readAgentKey, writeAgentKey } from './agent-form.ts'
import { issueCertificate } from './certificates/issue.ts'
import { certificateSigner, certificateVerifier } from './certificates/signer.ts'
import { KeyError } from './errors.ts'
import { generateKey } from './generate.ts'
import { createVerifier } from './verify.ts'

test.each([
  ['ed25519', 256],
  ['ecdsa', 256],
  ['ecdsa', 384],
  ['ecdsa', 521],
  ['rsa', 2048],
] as const)(
  'a key of type %s with %i bits comes back as it was, and the reader stands behind it',
  async (type, bits) => {
    const key = await generateKey(type, { bits, comment: 'grüße' })
    const to = new Writer()
    writeAgentKey(to, key)
    const from = new Reader(to.byte(7).finish())
    const back = readAgentKey(from)
    expect(back.publicKey).toEqual(key.publicKey)
    expect(back.comment).toBe('grüße')
    expect(from.byte()).toBe(7)
    expect(from.left).toBe(0)
  },
)

test.each([
  ['ed25519', 256],
  ['ecdsa', 256],
  ['ecdsa', 521],
  ['rsa', 2048],
] as const)('a key of type %s with %i bits keeps its certificate', async (type, bits) => {
  const plain = await generateKey(type, { bits, comment: 'grüße' })
  const certificate = await issueCertificate(
    { kind: 'user', key: plain.publicKey, keyId: 'id', principals: ['u'] },
    plain,
  )
  const key = certificateSigner(plain, certificate)
  const to = new Writer()
  writeAgentKey(to, key)
  const from = new Reader(to.byte(7).finish())
  const back = readAgentKey(from)
  expect(from.left).toBe(1)
  expect(back.publicKey).toEqual(key.publicKey)
  expect(back.algorithms).toEqual(key.algorithms)
  expect(back.comment).toBe('grüße')
  const [algorithm] = back.algorithms as [string]
  const data = Uint8Array.of(1, 2, 3)
  const verify = certificateVerifier(createVerifier())
  expect(verify(back.publicKey, algorithm, data, await back.sign(algorithm, data))).toBe(true)
  back.dispose()
  expect(() => back.sign(algorithm, data)).toThrow(/disposed/)
})

test('a certificate for another key is refused', async () => {
  const [one, two] = [await generateKey('ed25519'), await generateKey('ed25519')]
  const certificate = await issueCertificate(
    { kind: 'user', key: two.publicKey, keyId: '', principals: [] },
    one,
  )
  const to = new Writer()
  writeAgentKey(to, one)
  const from = new Reader(to.finish())
  from.string()
  const spliced = new Writer()
    .string(certificate.publicKey.type)
    .string(certificate.publicKey.blob)
    .bytes(from.rest())
  expect(() => readAgentKey(new Reader(spliced.finish()))).toThrow(/for another key/)
})

test.each([
  [
    'a certificate of a type that cannot sign here',
    new Writer().string('ssh-dss-cert-v01@openssh.com').string('1').finish(),
  ],
  ['nothing', new Writer().finish()],
  ['a type that is not ours', new Writer().string('ssh-dss').string('1').finish()],
  ['a key that ends early', new Writer().string('ssh-ed25519').string(new Uint8Array(32)).finish()],
])('%s is refused', (_name, bytes) => {
  expect(() => readAgentKey(new Reader(bytes))).toThrow(KeyError)
})
