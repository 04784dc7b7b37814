import * as crypto from 'node:crypto'
import { Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { KeyError } from '../errors.ts'
import { formatPublicKey } from '../format.ts'
import { parsePublicKey } from '../parse.ts'
import { createVerifier } from '../verify.ts'
import { privateKeyFromKeyObject, publicKeyFromKeyObject, toKeyObject } from './index.ts'

type Pair = crypto.KeyPairKeyObjectResult

const made: readonly (readonly [name: string, make: () => Pair])[] = [
  ['ed25519', () => crypto.generateKeyPairSync('ed25519')],
  ['P-256', () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['P-384', () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['P-521', () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['rsa', () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['dsa', () => crypto.generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })],
]

describe('KeyObjects', () => {
  test.each(made)('%s: both ways', (_name, make) => {
    const pair = make()
    const key = privateKeyFromKeyObject(pair.privateKey, { comment: 'mine' })
    expect(key.comment).toBe('mine')
    const publicKey = publicKeyFromKeyObject(pair.publicKey)
    expect(publicKey.blob).toEqual(key.publicKey.blob)
    expect(publicKeyFromKeyObject(pair.privateKey)).toEqual(publicKey)
    expect(formatPublicKey(publicKey, { format: 'pem' })).toBe(
      pair.publicKey.export({ type: 'spki', format: 'pem' }),
    )
    expect(toKeyObject(key).equals(pair.privateKey)).toBe(true)
    expect(toKeyObject(publicKey).equals(pair.publicKey)).toBe(true)
    for (const algorithm of key.algorithms) {
      const data = crypto.randomBytes(20)
      expect(createVerifier()(publicKey, algorithm, data, key.sign(algorithm, data) as Uint8Array)).toBe(true)
    }
  })

  test('others are refused', () => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('x25519')
    expect(() => privateKeyFromKeyObject(privateKey)).toThrow(/X25519/)
    expect(() => publicKeyFromKeyObject(publicKey)).toThrow(KeyError)
    expect(() => privateKeyFromKeyObject(publicKey)).toThrow(/private KeyObject/)
    expect(() => publicKeyFromKeyObject(crypto.createSecretKey(Buffer.from('x')))).toThrow(/secret/)
    expect(() => toKeyObject(parsePublicKey(new Writer().string('x@example.com').finish().slice()))).toThrow(
      /no KeyObject/,
    )
  })
})

test('DSA signatures of OpenSSL verify where old algorithms are asked for, and only there', () => {
  const { privateKey, publicKey } = (made[5] as (typeof made)[number])[1]()
  const key = publicKeyFromKeyObject(publicKey)
  const verify = createVerifier(undefined, { insecure: true })
  for (let round = 0; round < 20; round++) {
    const data = crypto.randomBytes(round)
    const raw = crypto.sign('sha1', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const blob = new Writer().string('ssh-dss').string(raw).finish().slice()
    expect(verify(key, 'ssh-dss', data, blob)).toBe(true)
    expect(createVerifier()(key, 'ssh-dss', data, blob)).toBe(false)
    for (const at of [blob.length - 1, blob.length - 21]) {
      const bad = blob.slice()
      ;(bad[at] as number) ^= 1
      expect(verify(key, 'ssh-dss', data, bad)).toBe(false)
    }
    const zeros = new Writer().string('ssh-dss').string(new Uint8Array(40)).finish().slice()
    expect(verify(key, 'ssh-dss', data, zeros)).toBe(false)
  }
  expect(() => privateKeyFromKeyObject(privateKey).sign('ssh-dss', new Uint8Array(1))).toThrow(
    /DSA is broken/,
  )
})
