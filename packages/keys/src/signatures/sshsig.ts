/** Signatures over files and messages (OpenSSH PROTOCOL.sshsig): made, read, checked, in armour. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { ProtocolError, Reader, UsageError, utf8DecodeStrict, utf8Encode, Writer } from '@hawser/wire'
import { decodeBlock, encodeBlock, findBlocks } from '../armour.ts'
import { isCertificate } from '../certificates/certificate.ts'
import { signatureAlgorithmOf } from '../certificates/check.ts'
import { certificateAlgorithm, certificateVerifier, plainAlgorithm } from '../certificates/signer.ts'
import { KeyError, reading } from '../errors.ts'
import type { PublicKey, Signer } from '../key.ts'
import { publicKeyFromBlob } from '../public-blob.ts'
import { createVerifier, type KeyPolicy } from '../verify.ts'
import { digestOfMessage, type MessageHash, type MessageSource, messageHashes } from './message.ts'

const format = 'SSH signature'
const label = 'SSH SIGNATURE'
const magic = utf8Encode('SSHSIG')
const version = 1
/** A signature holds a key, at most a certificate with all its principals, and one raw signature. */
const mostBytes = 131_072
/** Lines of base64 as ssh-keygen breaks them. */
const lineWidth = 70

/** By which algorithms messages are signed: everything but RSA with SHA-1 and DSA, as in OpenSSH. */
const algorithms: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

export interface MessageSignature {
  /** Who signed: a key, or a certificate. */
  readonly publicKey: PublicKey
  /** What the signature is for, such as `file`, `git` or `mail@example.com`: it is good for nothing else. */
  readonly namespace: string
  readonly hash: MessageHash
  /** The SSH signature blob inside. */
  readonly signature: Uint8Array
  /** All of it in binary, which is what stands in the armour. */
  readonly blob: Uint8Array
}

export interface SignMessageOptions {
  /** `file` is ssh-keygen's word for files; elsewhere a name of your own, with `@` and a domain of yours. */
  readonly namespace: string
  /** Default: sha512. */
  readonly hash?: MessageHash
  /** Default: the first that the signer has and that messages may be signed by. */
  readonly algorithm?: string
  readonly crypto?: CryptoProvider
}

export interface VerifyMessageOptions
  extends Pick<KeyPolicy, 'minRsaBits' | 'touchRequired' | 'verifyRequired'> {
  /** What the signature must be for. */
  readonly namespace: string
  readonly crypto?: CryptoProvider
}

/** Signs a message, which may be a stream. Rejects with UsageError for a signer or namespace that cannot be used. */
export async function signMessage(
  message: MessageSource,
  signer: Signer,
  { namespace, hash = 'sha512', algorithm: wanted, crypto = defaultProvider }: SignMessageOptions,
): Promise<MessageSignature> {
  if (namespace === '' || namespace.includes('\0'))
    throw new UsageError(
      'a namespace says what the signature is for, such as file or git; it cannot be empty',
    )
  if (!messageHashes.includes(hash))
    throw new UsageError(`messages are hashed by sha512 or sha256, not ${hash}`)
  const usable = signer.algorithms.filter((name) => algorithms.includes(plainAlgorithm(name)))
  const algorithm = wanted ?? usable[0]
  if (algorithm === undefined || !usable.includes(algorithm))
    throw new UsageError(
      `messages are not signed by ${wanted ?? (signer.algorithms.join(', ') || 'nothing')}, but by ${algorithms.join(', ')}`,
    )
  const digest = await digestOfMessage(message, hash, crypto)
  const signature = await signer.sign(algorithm, signedData(namespace, hash, digest))
  const blob = new Writer(512)
    .bytes(magic)
    .uint32(version)
    .string(signer.publicKey.blob)
    .string(namespace)
    .string('')
    .string(hash)
    .string(signature)
    .finish()
  return readSignature(blob)
}

/** Reads a signature: its armour, or the binary inside. Throws {@link KeyError}. Nothing is checked yet but its form. */
export function parseMessageSignature(data: string | Uint8Array): MessageSignature {
  if (data.length > mostBytes * 2)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: ${data.length} bytes are too many`, { format })
  if (data instanceof Uint8Array && magic.every((byte, at) => data[at] === byte)) return readSignature(data)
  const text = typeof data === 'string' ? data : (utf8DecodeStrict(data) ?? '')
  const [block, ...more] = findBlocks(text)
  if (block === undefined || more.length > 0 || block.label !== label || !/^\s{0,100}-----BEGIN /.test(text))
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${format}: needs one block BEGIN ${label}, and nothing in front of it`,
      {
        format,
      },
    )
  return readSignature(decodeBlock(block))
}

/** The armour, as ssh-keygen writes it, with a line end behind its last line. */
export function formatMessageSignature(signature: MessageSignature): string {
  return encodeBlock(label, signature.blob, lineWidth)
}

/**
 * Whether the signature is its key's own, over this message, for this namespace (`ssh-keygen -Y check-novalidate`). It does not say that
 * the key is anyone's in particular: see {@link verifyMessageBy}. Never throws for what is in the signature.
 */
export async function verifyMessage(
  message: MessageSource,
  signature: MessageSignature,
  options: VerifyMessageOptions,
): Promise<boolean> {
  const digest = await digestOfMessage(message, signature.hash, options.crypto ?? defaultProvider)
  return verifyDigest(digest, signature, options)
}

function verifyDigest(
  digest: Uint8Array,
  { publicKey, namespace, hash, signature }: MessageSignature,
  { namespace: wanted, crypto, ...policy }: VerifyMessageOptions,
): boolean {
  if (namespace !== wanted) return false
  const plain = signatureAlgorithmOf(signature)
  if (plain === undefined || !algorithms.includes(plain)) return false
  const verify = certificateVerifier(createVerifier(crypto, policy))
  const algorithm = isCertificate(publicKey) ? certificateAlgorithm(plain) : plain
  return verify(publicKey, algorithm, signedData(namespace, hash, digest), signature)
}

function readSignature(bytes: Uint8Array): MessageSignature {
  if (bytes.length > mostBytes)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: ${bytes.length} bytes, the limit is ${mostBytes}`, {
      format,
    })
  const blob = Uint8Array.from(bytes)
  return reading(format, () => {
    const from = new Reader(blob, format)
    if (!from.bytes(magic.length).every((byte, at) => byte === magic[at]))
      throw new ProtocolError('does not start with SSHSIG')
    const found = from.uint32()
    if (found !== version)
      throw new KeyError('SSH_KEY_UNSUPPORTED', `${format}: version ${found} is not known here`, { format })
    const publicKey = publicKeyFromBlob(from.string())
    const namespace = utf8DecodeStrict(from.string())
    if (namespace === undefined || namespace === '' || namespace.includes('\0'))
      throw new ProtocolError('the namespace is empty or no text')
    // Reserved, and to be passed over; it is signed as what it must be: empty.
    from.string()
    const hash = from.ascii()
    if (!isMessageHash(hash))
      throw new KeyError(
        'SSH_KEY_UNSUPPORTED',
        `${format}: hashes by ${JSON.stringify(hash.slice(0, 40))} are not accepted`,
        {
          format,
        },
      )
    const signature = from.string()
    from.end()
    return Object.freeze({ publicKey, namespace, hash, signature, blob })
  })
}

/** What is signed: not the message, so that a signature for logging in can never be one over a message. */
function signedData(namespace: string, hash: MessageHash, digest: Uint8Array): Uint8Array {
  return new Writer(128).bytes(magic).string(namespace).string('').string(hash).string(digest).finish()
}

function isMessageHash(name: string): name is MessageHash {
  return (messageHashes as readonly string[]).includes(name)
}
