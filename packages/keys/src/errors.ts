/** Why a key, a file with a key or a passphrase cannot be used. */

import { ProtocolError, SshError, type SshErrorOptions } from '@hawser/wire'

export type KeyErrorCode =
  /** The bytes are no key file that we know, or they break the rules of their format. */
  | 'SSH_KEY_FORMAT'
  /** The key is encrypted and no passphrase was given. */
  | 'SSH_KEY_PASSPHRASE_NEEDED'
  /** The key does not decrypt: another passphrase, or a damaged file. */
  | 'SSH_KEY_PASSPHRASE_WRONG'
  /** The format, cipher, key type or size is known but cannot be used (here, or yet). */
  | 'SSH_KEY_UNSUPPORTED'
  /** The format is in order but the values are no key: halves that do not match, numbers out of range. */
  | 'SSH_KEY_INVALID'
  /** Deriving the key from the passphrase would cost more than the caller allows. */
  | 'SSH_KEY_KDF_LIMIT'

/** What is known about the file, in the words of its format; never contents. */
export interface KeyErrorFacts extends SshErrorOptions {
  readonly format?: string
  readonly cipher?: string
  readonly kdf?: string
}

/** The one error of everything here that reads keys; `code` tells what to do about it. */
export class KeyError extends SshError {
  declare readonly code: KeyErrorCode
  /** The format that was seen, such as `OpenSSH private key` or `PKCS#8`. */
  readonly format: string | undefined
  /** The cipher that the private part is encrypted with, by its name in the file. */
  readonly cipher: string | undefined
  /** How the passphrase becomes the cipher's key, by its name in the file. */
  readonly kdf: string | undefined

  constructor(code: KeyErrorCode, message: string, facts: KeyErrorFacts = {}) {
    super(code, message, facts)
    this.format = facts.format
    this.cipher = facts.cipher
    this.kdf = facts.kdf
  }
}

/** Runs a reader of `format`: whatever it finds to be too short, too long or malformed is a KeyError. */
export function reading<T>(format: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new KeyError('SSH_KEY_FORMAT', `${format}: ${error.message}`, { format, cause: error })
    throw error
  }
}

/** Runs a step of the crypto backend, which refuses values that are no key by RangeError. */
export function accepting<T>(format: string | undefined, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (error instanceof RangeError)
      throw new KeyError('SSH_KEY_INVALID', `${format === undefined ? '' : `${format}: `}${error.message}`, {
        ...(format === undefined ? {} : { format }),
        cause: error,
      })
    throw error
  }
}
