/** OpenSSH's private key files: `OPENSSH PRIVATE KEY`, openssh-key-v1 (OpenSSH PROTOCOL.key). */

import type { Backend } from '@hawser/crypto'
import { concat, equal, erase, latin1Encode, Reader, utf8Decode, Writer } from '@hawser/wire'
import { type ArmouredBlock, decodeBlock, encodeBlock } from '../armour.ts'
import { bcryptPbkdf } from '../bcrypt-pbkdf.ts'
import { KeyError, reading } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import { keyTypeNamed, keyTypeOf, type PrivateParts } from '../key-types/index.ts'
import { formatPublicBlob, publicKeyFromBlob } from '../public-blob.ts'
import type { PrivateFormat, ReadOptions, ReadPrivate } from './format.ts'
import {
  eraseSecret,
  type FileCipher,
  type FileSecret,
  fileCipher,
  fileCipherNames,
} from './openssh-ciphers.ts'

const name = 'OpenSSH private key'
const label = 'OPENSSH PRIVATE KEY'
const magic = latin1Encode('openssh-key-v1\0')

/** Alignment of the private part when it is not encrypted. */
const plainBlockSize = 8

export const openssh: PrivateFormat = {
  name,
  label,

  read(block, options) {
    const bytes = decodeBlock(block)
    return reading(name, () => {
      const file = readEnvelope(bytes)
      const plain = file.cipherName === 'none' ? readPlain(file) : decrypt(file, options)
      try {
        return readPrivatePart(plain, file)
      } finally {
        erase(plain, bytes)
      }
    })
  },

  readPublic(block: ArmouredBlock): PublicKey {
    return reading(name, () => publicKeyFromBlob(readEnvelope(decodeBlock(block)).publicBlob))
  },
}

interface Envelope {
  readonly cipherName: string
  readonly kdfName: string
  readonly kdfOptions: Uint8Array
  readonly publicBlob: Uint8Array
  readonly privatePart: Uint8Array
  /** What follows the private part: the tag of a cipher that has one. */
  readonly tag: Uint8Array
}

function readEnvelope(bytes: Uint8Array): Envelope {
  const from = new Reader(bytes, 'file')
  if (from.left < magic.length || !equal(from.bytes(magic.length), magic))
    throw new KeyError('SSH_KEY_FORMAT', `${name}: it does not start with openssh-key-v1`, { format: name })
  const cipherName = from.ascii()
  const kdfName = from.ascii()
  const kdfOptions = from.string()
  const count = from.uint32()
  if (count !== 1)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${name}: ${count} keys in one file, OpenSSH too reads one only`,
      {
        format: name,
      },
    )
  const publicBlob = from.string()
  const privatePart = from.string()
  return { cipherName, kdfName, kdfOptions, publicBlob, privatePart, tag: from.rest() }
}

function readPlain({ kdfName, kdfOptions, privatePart, tag }: Envelope): Uint8Array {
  if (
    kdfName !== 'none' ||
    kdfOptions.length > 0 ||
    tag.length > 0 ||
    privatePart.length % plainBlockSize !== 0
  )
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${name}: not encrypted, but it has a key derivation, a tag or no whole blocks`,
      {
        format: name,
        cipher: 'none',
        kdf: shown(kdfName),
      },
    )
  return privatePart
}

function decrypt(file: Envelope, { backend, passphrase, maxKdfRounds }: ReadOptions): Uint8Array {
  const facts = { format: name, cipher: shown(file.cipherName), kdf: shown(file.kdfName) }
  const cipher = fileCipher(file.cipherName)
  if (cipher === undefined)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${name}: encrypted by ${facts.cipher}, which cannot be read; change it: ssh-keygen -p -Z aes256-ctr -f <file>`,
      facts,
    )
  if (file.kdfName !== 'bcrypt')
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${name}: key derivation ${facts.kdf} is unknown, OpenSSH writes bcrypt`,
      facts,
    )
  const options = new Reader(file.kdfOptions, 'bcrypt options')
  const salt = options.string()
  const rounds = options.uint32()
  options.end()
  if (salt.length === 0 || rounds === 0)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${name}: bcrypt with ${salt.length} bytes of salt and ${rounds} rounds`,
      facts,
    )
  if (file.tag.length !== cipher.tagSize || file.privatePart.length % cipher.blockSize !== 0)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${name}: ${file.privatePart.length} bytes by ${cipher.name} and ${file.tag.length} behind them, where whole blocks of ${cipher.blockSize} and a tag of ${cipher.tagSize} are needed`,
      facts,
    )
  if (passphrase === undefined || passphrase.length === 0)
    throw new KeyError(
      'SSH_KEY_PASSPHRASE_NEEDED',
      `${name}: encrypted by ${cipher.name}, and no passphrase was given`,
      facts,
    )
  if (rounds > maxKdfRounds)
    throw new KeyError(
      'SSH_KEY_KDF_LIMIT',
      `${name}: asks for ${rounds} rounds of bcrypt, ${maxKdfRounds} are allowed (option maxKdfRounds)`,
      facts,
    )
  const secret = deriveSecret(backend, cipher, passphrase, salt, rounds)
  const plain = cipher.decrypt(backend, secret, file.privatePart, file.tag)
  eraseSecret(secret)
  // PROTOCOL.key: two copies of a random number, so that a wrong passphrase shows.
  if (plain === undefined || plain.length < 8 || !equal(plain.subarray(0, 4), plain.subarray(4, 8)))
    throw new KeyError('SSH_KEY_PASSPHRASE_WRONG', `${name}: wrong passphrase, or the file is damaged`, facts)
  return plain
}

function deriveSecret(
  backend: Backend,
  cipher: FileCipher,
  passphrase: Uint8Array,
  salt: Uint8Array,
  rounds: number,
): FileSecret {
  const { keySize, ivSize } = cipher
  const both = bcryptPbkdf(backend, passphrase, salt, rounds, keySize + ivSize)
  return { key: both.subarray(0, keySize), iv: both.subarray(keySize) }
}

/** Check numbers, type, fields, comment, padding 1, 2, 3 … */
function readPrivatePart(plain: Uint8Array, { publicBlob }: Envelope): ReadPrivate {
  const from = new Reader(plain, 'private part')
  if (from.uint32() !== from.uint32())
    throw new KeyError('SSH_KEY_FORMAT', `${name}: the two check numbers differ, the file is damaged`, {
      format: name,
    })
  const type = from.ascii()
  const row = keyTypeNamed(type)
  if (row === undefined)
    throw new KeyError('SSH_KEY_UNSUPPORTED', `${name}: a key of type ${shown(type)} cannot be used`, {
      format: name,
    })
  const parts = row.readPrivate(from)
  const comment = utf8Decode(from.string())
  const padding = from.rest()
  if (padding.length > 255 || padding.some((byte, index) => byte !== index + 1))
    throw new KeyError('SSH_KEY_FORMAT', `${name}: the padding is not 1, 2, 3 …, the file is damaged`, {
      format: name,
    })
  if (!equal(formatPublicBlob(parts), publicBlob))
    throw new KeyError(
      'SSH_KEY_INVALID',
      `${name}: its public half belongs to another key than its private one`,
      {
        format: name,
      },
    )
  return { parts, comment }
}

export interface OpenSshWriteOptions {
  readonly comment: string
  readonly passphrase: Uint8Array | undefined
  readonly cipher: string
  readonly rounds: number
}

/** What a new file is encrypted by, unless the caller says otherwise; the same as OpenSSH's. */
export const opensshDefaults = { cipher: 'aes256-ctr', rounds: 24, maxRounds: 1024 } as const

/** The text of a file with one key. Throws {@link KeyError} for a cipher that we do not have. */
export function writeOpenSsh(backend: Backend, key: PrivateParts, o: OpenSshWriteOptions): string {
  const encrypted = o.passphrase !== undefined && o.passphrase.length > 0
  const cipher = encrypted ? fileCipher(o.cipher) : undefined
  if (encrypted && cipher === undefined)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${name}: cannot encrypt by ${JSON.stringify(o.cipher)}; there are ${fileCipherNames.join(', ')}`,
      { format: name, cipher: o.cipher },
    )
  const plain = writePrivatePart(backend, key, o.comment, cipher?.blockSize ?? plainBlockSize)
  let salt: Uint8Array | undefined
  let sealed: { readonly ciphertext: Uint8Array; readonly tag: Uint8Array } = {
    ciphertext: plain,
    tag: new Uint8Array(0),
  }
  if (cipher !== undefined) {
    salt = backend.random(16)
    const secret = deriveSecret(backend, cipher, o.passphrase as Uint8Array, salt, o.rounds)
    sealed = cipher.encrypt(backend, secret, plain)
    eraseSecret(secret)
    erase(plain)
  }
  const file = new Writer(1024)
    .bytes(magic)
    .string(cipher?.name ?? 'none')
    .string(salt === undefined ? 'none' : 'bcrypt')
    .string(salt === undefined ? '' : new Writer().string(salt).uint32(o.rounds).finish())
    .uint32(1)
    .string(formatPublicBlob(key))
    .string(sealed.ciphertext)
    .bytes(sealed.tag)
    .finish()
  return encodeBlock(label, file, 70)
}

function writePrivatePart(
  backend: Backend,
  key: PrivateParts,
  comment: string,
  blockSize: number,
): Uint8Array {
  const row = keyTypeOf(key)
  const check = backend.random(4)
  const to = new Writer(4096).bytes(check).bytes(check).string(row.name)
  row.writePrivate(to, key)
  to.string(comment)
  const body = to.finish()
  const padding = Uint8Array.from(
    { length: (blockSize - (body.length % blockSize)) % blockSize },
    (_, i) => i + 1,
  )
  const plain = concat(body, padding)
  erase(body)
  return plain
}

/** A name out of a file, for messages: bounded. */
function shown(text: string): string {
  return text.slice(0, 64)
}
