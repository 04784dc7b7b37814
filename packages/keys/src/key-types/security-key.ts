/** sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com: keys inside of FIDO security keys (OpenSSH PROTOCOL.u2f). */

import type { Backend } from '@hawser/crypto'
import { concat, type Reader, type Writer } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import { nistp256 } from './ecdsa.ts'
import { ed25519 } from './ed25519.ts'
import type {
  SecurityKeyFile,
  SkEcdsaPrivate,
  SkEcdsaPublic,
  SkEd25519Private,
  SkEd25519Public,
} from './parts.ts'
import type { KeyTypeRow } from './row.ts'

export const skEd25519: KeyTypeRow<SkEd25519Public, SkEd25519Private> = {
  name: 'sk-ssh-ed25519@openssh.com',
  readPublic(from) {
    const { publicKey } = ed25519.readPublic(from)
    return { type: 'sk-ed25519', publicKey, application: readApplication(from) }
  },
  writePublic(to, { publicKey, application }) {
    to.string(publicKey).string(application)
  },
  readPrivate: (from) => ({ ...skEd25519.readPublic(from), ...readHandle(from) }),
  writePrivate(to, key) {
    skEd25519.writePublic(to, key)
    writeHandle(to, key)
  },
  ...signatureForm((encoded) => ed25519.decodeSignature(encoded, { type: 'ed25519', publicKey: encoded })),
}

export const skEcdsa: KeyTypeRow<SkEcdsaPublic, SkEcdsaPrivate> = {
  name: 'sk-ecdsa-sha2-nistp256@openssh.com',
  readPublic(from) {
    const { publicKey } = nistp256.readPublic(from)
    return { type: 'sk-ecdsa', publicKey, application: readApplication(from) }
  },
  writePublic(to, { publicKey, application }) {
    to.string('nistp256').string(publicKey).string(application)
  },
  readPrivate: (from) => ({ ...skEcdsa.readPublic(from), ...readHandle(from) }),
  writePrivate(to, key) {
    skEcdsa.writePublic(to, key)
    writeHandle(to, key)
  },
  ...signatureForm((encoded) =>
    nistp256.decodeSignature(encoded, { type: 'ecdsa', curve: 'nistp256', publicKey: encoded }),
  ),
}

/** Bits of the flags in a signature (FIDO authenticator data). */
const flagBits = { userPresent: 1, userVerified: 4 } as const

/** What a security key says beside its signature, and signs. */
export interface SecurityKeyFacts {
  /** Somebody touched it. */
  readonly userPresent: boolean
  /** Somebody gave it the PIN or a finger. */
  readonly userVerified: boolean
  /** Of all signatures of the security key, or of this key; one that does not grow hints at a copy. 0 where it is not kept. */
  readonly counter: number
  /** The web site for which a browser asked, in signatures by `webauthn-sk-ecdsa-sha2-nistp256@openssh.com`. */
  readonly origin?: string
}

/** Reads what follows the signature in a blob: byte flags, uint32 counter. */
export function readSecurityKeyFacts(from: Reader): SecurityKeyFacts & { readonly flags: number } {
  const flags = from.byte()
  const counter = from.uint32()
  return {
    flags,
    counter,
    userPresent: (flags & flagBits.userPresent) !== 0,
    userVerified: (flags & flagBits.userVerified) !== 0,
  }
}

/** What the security key signed: SHA-256 of the application, flags, counter, SHA-256 of the data. */
export function securityKeyMessage(
  backend: Backend,
  application: Uint8Array,
  { flags, counter }: { readonly flags: number; readonly counter: number },
  data: Uint8Array,
): Uint8Array {
  const rest = new Uint8Array(5)
  const view = new DataView(rest.buffer)
  view.setUint8(0, flags)
  view.setUint32(1, counter)
  return concat(backend.hash('sha256', application), rest, backend.hash('sha256', data))
}

/** The values with which the crypto package checks what {@link securityKeyMessage} gives. */
export function innerKey(key: SkEd25519Public | SkEcdsaPublic): Parameters<Backend['verifier']>[0] {
  return key.type === 'sk-ed25519'
    ? { type: 'ed25519', publicKey: key.publicKey }
    : { type: 'ecdsa', curve: 'nistp256', publicKey: key.publicKey }
}

function readApplication(from: Reader): Uint8Array {
  return from.string().slice()
}

function readHandle(from: Reader): SecurityKeyFile {
  return { flags: from.byte(), keyHandle: from.string().slice(), reserved: from.string().slice() }
}

function writeHandle(to: Writer, { flags, keyHandle, reserved }: SecurityKeyFile): void {
  to.byte(flags).string(keyHandle).string(reserved)
}

function signatureForm(decodeSignature: (encoded: Uint8Array) => Uint8Array | undefined): {
  readonly encodeSignature: () => Uint8Array
  readonly decodeSignature: (encoded: Uint8Array) => Uint8Array | undefined
} {
  return {
    encodeSignature() {
      throw new KeyError('SSH_KEY_UNSUPPORTED', 'the private half of this key is in a security key')
    },
    decodeSignature,
  }
}
