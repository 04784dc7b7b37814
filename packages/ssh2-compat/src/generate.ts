/** ssh2's `utils.generateKeyPair` and its synchronous form: new keys as the texts of OpenSSH's files. */

import { generateKeyPairSync as nodeGenerate } from 'node:crypto'
import {
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  type PrivateKey,
  parsePrivateKey,
} from '@hawser/keys'

export type KeyPairType = 'rsa' | 'ecdsa' | 'ed25519'

export interface KeyPairOptions {
  /** rsa: 1024 to 16384, needed; ecdsa: 256, 384 or 521, needed. */
  bits?: number
  comment?: string
  /** The only format. */
  format?: 'new'
  /** Encrypts the private key; needs `cipher`. */
  passphrase?: string | Buffer
  /** Such as `aes256-cbc`. */
  cipher?: string
  /** Rounds of bcrypt; default 16. */
  rounds?: number
}

export interface KeyPairReturn {
  private: string
  public: string
}

export type KeyPairCallback = (err: Error | null, keyPair: KeyPairReturn) => void

/** What 1024 bits are read with, too. */
const policy = { insecure: true, minRsaBits: 1024 } as const

/** Makes a key pair. Throws at once for options that make no sense; what fails later comes by `callback`. */
export function generateKeyPair(type: KeyPairType, callback?: KeyPairCallback): void
export function generateKeyPair(
  type: KeyPairType,
  options: KeyPairOptions | undefined,
  callback?: KeyPairCallback,
): void
export function generateKeyPair(
  type: KeyPairType,
  options?: KeyPairOptions | KeyPairCallback,
  callback?: KeyPairCallback,
): void {
  const done = typeof options === 'function' ? options : callback
  const o = checked(type, typeof options === 'function' ? undefined : options)
  const settings = { ...policy, ...(o.bits === undefined ? {} : { bits: o.bits }) }
  generateKey(type, settings)
    .then((key) => texts(key, o))
    .then(
      (pair) => queueMicrotask(() => done?.(null, pair)),
      (error: Error) => queueMicrotask(() => done?.(error, undefined as never)),
    )
}

/** As {@link generateKeyPair}, at once. Throws for what cannot be made. */
export function generateKeyPairSync(type: KeyPairType, options?: KeyPairOptions): KeyPairReturn {
  const o = checked(type, options)
  return texts(parsePrivateKey(pem(type, o.bits), policy), o)
}

function pem(type: KeyPairType, bits: number | undefined): string {
  const { privateKey } =
    type === 'rsa'
      ? nodeGenerate('rsa', { modulusLength: bits as number })
      : type === 'ecdsa'
        ? nodeGenerate('ec', { namedCurve: `P-${bits}` })
        : nodeGenerate('ed25519')
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function checked(type: KeyPairType, options: KeyPairOptions | undefined): KeyPairOptions {
  const o = options ?? {}
  if (type !== 'rsa' && type !== 'ecdsa' && type !== 'ed25519')
    throw new Error(`Unsupported key type: ${String(type)} (rsa, ecdsa and ed25519 can be made)`)
  if (type === 'rsa' && !(Number.isInteger(o.bits) && Number(o.bits) >= 1024 && Number(o.bits) <= 16_384))
    throw new Error(`RSA bits must be 1024 to 16384, not ${o.bits}`)
  if (type === 'ecdsa' && ![256, 384, 521].includes(o.bits as number))
    throw new Error(`ECDSA bits must be 256, 384 or 521, not ${o.bits}`)
  if (o.format !== undefined && o.format !== 'new') throw new Error(`Unsupported format: ${String(o.format)}`)
  const { passphrase, cipher } = o
  if (passphrase !== undefined && passphrase.length > 0 && typeof cipher !== 'string')
    throw new Error('A cipher is needed to encrypt the private key, such as aes256-cbc')
  return type === 'ed25519' ? { ...o, bits: undefined as never } : o
}

function texts(key: PrivateKey, o: KeyPairOptions): KeyPairReturn {
  const comment = o.comment ?? ''
  const encrypted =
    o.passphrase === undefined || o.passphrase.length === 0
      ? {}
      : { passphrase: o.passphrase, cipher: o.cipher as string, rounds: o.rounds ?? 16 }
  return {
    private: formatPrivateKey(key, { format: 'openssh', comment, ...encrypted }),
    public: formatPublicKey(key.publicKey, { comment }),
  }
}
