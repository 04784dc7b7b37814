/** A security key in software, for tests: it signs as OpenSSH's PROTOCOL.u2f has it, with the flags and counter that it is told. */

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createSigner, type PublicKey, publicKeyFromBlob, type Signer } from '@hawser/keys'
import { Writer } from '@hawser/wire'

export type AuthenticatorType = 'ed25519' | 'ecdsa' | 'webauthn'

export interface Touch {
  /** Default: true. */
  readonly userPresent?: boolean
  /** Whether a PIN was given. Default: false. */
  readonly userVerified?: boolean
}

const algorithms = {
  ed25519: 'sk-ssh-ed25519@openssh.com',
  ecdsa: 'sk-ecdsa-sha2-nistp256@openssh.com',
  webauthn: 'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
} as const
const origin = 'https://keys.example'

export class SoftwareAuthenticator {
  readonly publicKey: PublicKey
  readonly type: AuthenticatorType
  readonly #application: string
  readonly #key: KeyObject
  /** Of the last signature; the next has one more. */
  counter = 0

  constructor(type: AuthenticatorType, application = type === 'webauthn' ? 'keys.example' : 'ssh:') {
    const pair =
      type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.type = type
    this.#key = pair.privateKey
    this.#application = application
    const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' })
    const blob =
      type === 'ed25519'
        ? new Writer().string(algorithms.ed25519).string(bytesOf(x))
        : new Writer()
            .string(algorithms.ecdsa)
            .string('nistp256')
            .string(Buffer.concat([Uint8Array.of(4), bytesOf(x), bytesOf(y)]))
    this.publicKey = publicKeyFromBlob(blob.string(application).finish().slice())
  }

  /** What logs in by this key. Each signature takes a turn of the event loop, as a finger would. */
  signer(touch: Touch = {}): Signer {
    const algorithm = algorithms[this.type]
    return createSigner(
      this.publicKey,
      async ({ data }) => {
        await new Promise((resolve) => setImmediate(resolve))
        return this.sign(data, touch)
      },
      { encoding: 'ssh', algorithms: [algorithm] },
    )
  }

  sign(data: Uint8Array, { userPresent = true, userVerified = false }: Touch = {}): Uint8Array {
    const tail = new Writer()
      .byte((userPresent ? 1 : 0) | (userVerified ? 4 : 0))
      .uint32(++this.counter)
      .finish()
      .slice()
    const client =
      this.type === 'webauthn'
        ? Buffer.from(
            JSON.stringify({
              type: 'webauthn.get',
              challenge: Buffer.from(data).toString('base64url'),
              origin,
              crossOrigin: false,
            }),
          )
        : undefined
    const signed = Buffer.concat([sha256(this.#application), tail, sha256(client ?? data)])
    const blob = new Writer().string(algorithms[this.type]).string(this.#raw(signed)).bytes(tail)
    if (client !== undefined) blob.string(origin).string(client).string('')
    return blob.finish().slice()
  }

  #raw(signed: Uint8Array): Uint8Array {
    if (this.type === 'ed25519') return sign(null, signed, this.#key)
    const raw = sign('sha256', signed, { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return new Writer()
      .mpint(unsigned(raw.subarray(0, 32)))
      .mpint(unsigned(raw.subarray(32)))
      .finish()
      .slice()
  }
}

function unsigned(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}

function bytesOf(base64url: string): Buffer {
  return Buffer.from(base64url, 'base64url')
}
