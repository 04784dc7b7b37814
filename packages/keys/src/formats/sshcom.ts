/** Private keys of ssh.com's SSH2, which PuTTY still writes: `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----`. Read, not written. */

import type { Backend } from '@hawser/crypto'
import { concat, equal, erase, Reader } from '@hawser/wire'
import { KeyError, reading } from '../errors.ts'
import { checkDsaPublic } from '../key-types/dsa.ts'
import type { PrivateParts } from '../key-types/index.ts'
import { checkRsaPublic, rsaBits } from '../key-types/rsa.ts'
import type { ReadOptions, ReadPrivate } from './format.ts'
import { readFrame } from './rfc4716.ts'

const name = 'ssh.com private key'
const begin = '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----'
const end = '---- END SSH2 ENCRYPTED PRIVATE KEY ----'
const magic = Uint8Array.of(0x3f, 0x6f, 0xf9, 0xeb)
const cipherName = '3des-cbc'

/** The longest private part, in bytes. */
const mostBytes = 65_536

/** Whether it is one, encrypted or not: the line says ENCRYPTED always. */
export function isSshCom(text: string): boolean {
  return text.trimStart().startsWith(begin)
}

/** Throws {@link KeyError}. */
export function readSshCom(text: string, options: ReadOptions): ReadPrivate {
  const { bytes, comment } = readFrame(text, begin, end, name)
  return reading(name, () => {
    const from = new Reader(bytes, 'file')
    if (!equal(from.bytes(magic.length), magic)) throw malformed('it does not start with its magic number')
    if (from.uint32() !== bytes.length) throw malformed('it is not as long as it says')
    const type = from.ascii()
    const cipher = from.ascii()
    const content = from.string()
    from.end()
    if (content.length > mostBytes) throw malformed(`${content.length} bytes of values are too many`)
    const plain = cipher === 'none' ? content.slice() : decrypt(content, cipher, options)
    try {
      return { parts: readValues(plain, type, cipher), comment: comment ?? '' }
    } finally {
      erase(plain, bytes)
    }
  })
}

function decrypt(content: Uint8Array, cipher: string, { backend, passphrase }: ReadOptions): Uint8Array {
  const facts = { format: name, cipher: cipher.slice(0, 64), kdf: 'md5' }
  if (cipher !== cipherName)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${name}: encrypted by ${JSON.stringify(facts.cipher)}, which is not known`,
      facts,
    )
  if (content.length === 0 || content.length % 8 !== 0)
    throw malformed(`${content.length} encrypted bytes are not whole blocks of 8`)
  if (passphrase === undefined || passphrase.length === 0)
    throw new KeyError(
      'SSH_KEY_PASSPHRASE_NEEDED',
      `${name}: encrypted by ${cipher}, and no passphrase was given`,
      facts,
    )
  const key = derive(backend, passphrase)
  const plain = backend.tripleDesCbc(key, new Uint8Array(8), 'decrypt').update(content)
  erase(key)
  // There is no checksum: the length in front must fit, to less than a block.
  const length = new DataView(plain.buffer, plain.byteOffset).getUint32(0)
  if (length > plain.length - 4 || plain.length - 4 - length > 7)
    throw new KeyError('SSH_KEY_PASSPHRASE_WRONG', `${name}: wrong passphrase, or the file is damaged`, facts)
  return plain.subarray(0, 4 + length)
}

/** MD5 of the passphrase, then of the passphrase and that. */
function derive(backend: Backend, passphrase: Uint8Array): Uint8Array {
  const first = backend.hash('md5', passphrase)
  const second = backend.hash('md5', passphrase, first)
  const key = concat(first, second.subarray(0, 8))
  erase(first, second)
  return key
}

function readValues(plain: Uint8Array, type: string, cipher: string): PrivateParts {
  const outer = new Reader(plain, 'private part')
  const from = new Reader(outer.string(), 'private part')
  outer.end()
  const parts = valuesOf(from, type, cipher)
  from.end()
  return parts
}

function valuesOf(from: Reader, type: string, cipher: string): PrivateParts {
  if (type.startsWith('if-modn{')) {
    // Its primes stand the other way round: the inverse is that of the first, modulo the second.
    const [e, d, n, iqmp, q, p] = numbers(from, 6) as Six
    checkRsaPublic({ n, e })
    return { type: 'rsa', n, e, d, iqmp, p, q }
  }
  if (type.startsWith('dl-modp{')) {
    if (from.uint32() !== 0) throw malformed('its DSA parameters are not in the file')
    const [p, g, q, y, x] = numbers(from, 5) as Six
    return { ...checkDsaPublic({ type: 'dsa', p, q, g, y }), x }
  }
  throw new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${name}: a key of type ${JSON.stringify(type.slice(0, 64))} cannot be used`,
    { format: name, cipher },
  )
}

type Six = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]

/** Each as a count of bits and the bytes that these need. */
function numbers(from: Reader, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, () => {
    const bits = from.uint32()
    if (bits === 0 || bits > rsaBits.most) throw malformed(`a number of ${bits} bits`)
    const bytes = from.bytes(Math.ceil(bits / 8)).slice()
    if (bytes[0] === 0) throw malformed('a number with a needless leading byte')
    return bytes
  })
}

function malformed(what: string): KeyError {
  return new KeyError('SSH_KEY_FORMAT', `${name}: ${what}`, { format: name })
}
