/** `KeyObject`s of node:crypto: as ours, and ours as theirs. */

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { defaultProvider } from '@hawser/crypto'
import { erase, UsageError } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import { readPkcs8, writePkcs8 } from '../formats/pkcs8.ts'
import { readSpki, writeSpki } from '../formats/spki.ts'
import type { PrivateKey, PublicKey } from '../key.ts'
import { publicKeyOf, readPublicBlob } from '../public-blob.ts'
import { type PrivateKeyOptions, privateKeyOf, privateParts } from '../sign.ts'

/** Our key of a private KeyObject. Throws KeyError for types that SSH does not use. */
export function privateKeyFromKeyObject(
  key: KeyObject,
  options: PrivateKeyOptions & { readonly comment?: string } = {},
): PrivateKey {
  if (key.type !== 'private') throw new UsageError(`a private KeyObject is needed, not a ${key.type} one`)
  const { backend } = options.crypto ?? defaultProvider
  const der = plain(key.export({ type: 'pkcs8', format: 'der' }))
  try {
    return privateKeyOf(readPkcs8(der, backend), options.comment ?? '', options, 'KeyObject')
  } finally {
    erase(der)
  }
}

/** Our key of a public KeyObject, or the public half of a private one. Throws KeyError for types that SSH does not use. */
export function publicKeyFromKeyObject(key: KeyObject): PublicKey {
  if (key.type === 'secret') throw new UsageError('a public or private KeyObject is needed, not a secret one')
  const half = key.type === 'private' ? createPublicKey(key as unknown as string) : key
  return publicKeyOf(readSpki(plain(half.export({ type: 'spki', format: 'der' }))))
}

/** The KeyObject of a key of ours, private for a private one. Throws KeyError for types that node:crypto has no form for. */
export function toKeyObject(key: PrivateKey | PublicKey): KeyObject {
  if ('publicKey' in key) {
    const der = writePkcs8(privateParts(key))
    try {
      return createPrivateKey({ key: der as Buffer, format: 'der', type: 'pkcs8' })
    } finally {
      erase(der)
    }
  }
  const parts = readPublicBlob(key.blob)
  if (parts === undefined)
    throw new KeyError('SSH_KEY_UNSUPPORTED', `there is no KeyObject of keys of type ${key.type}`)
  return createPublicKey({ key: writeSpki(parts) as Buffer, format: 'der', type: 'spki' })
}

/** The same memory as a Uint8Array: slice() of a Buffer would not copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
