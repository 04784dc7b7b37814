/** The encryption that old PEM files state in their headers (RFC 1421 §4.6.1.1, as OpenSSL does it). Weak: one round of MD5. */

import type { Backend } from '@hawser/crypto'
import { concat, erase, hexDecode, hexEncode } from '@hawser/wire'
import { type ArmouredBlock, decodeBlock, encodeBlock } from '../armour.ts'
import { KeyError } from '../errors.ts'
import {
  checkEncrypted,
  decryptDer,
  encryptDer,
  type PemCipher,
  pemCipher,
  pemCiphers,
} from './encrypted-der.ts'
import type { ReadOptions } from './format.ts'

/** The bytes of a block, decrypted where its headers say that it is encrypted. Throws {@link KeyError}. */
export function decodePem(block: ArmouredBlock, format: string, options: ReadOptions): Uint8Array {
  const procType = block.headers.get('proc-type')
  if (procType === undefined) return decodeBlock(block)
  const [name = '', ivText = ''] = (block.headers.get('dek-info') ?? '').split(',').map((part) => part.trim())
  const shown = name.slice(0, 64).toLowerCase()
  const facts = { format, kdf: 'md5', ...(shown === '' ? {} : { cipher: shown }) }
  if (!/^4\s*,\s*ENCRYPTED$/.test(procType) || shown === '')
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${format}: the header Proc-Type needs to be "4,ENCRYPTED" and DEK-Info to name a cipher`,
      facts,
    )
  const cipher = pemCiphers.find((row) => row.name === shown)
  if (cipher === undefined)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${format}: encrypted by ${shown}, which cannot be read; rewrite the file as an OpenSSH private key: ssh-keygen -p -f <file>`,
      facts,
    )
  const iv = hexDecode(ivText)
  if (iv === undefined || iv.length !== cipher.blockSize)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${format}: the iv in DEK-Info is not ${cipher.blockSize} bytes in hexadecimal`,
      facts,
    )
  const ciphertext = decodeBlock(block)
  checkEncrypted(ciphertext, cipher, facts)
  const { backend, passphrase } = options
  if (passphrase === undefined || passphrase.length === 0)
    throw new KeyError(
      'SSH_KEY_PASSPHRASE_NEEDED',
      `${format}: encrypted by ${cipher.name}, and no passphrase was given`,
      facts,
    )
  const key = derive(backend, cipher, passphrase, iv)
  try {
    return decryptDer(backend, cipher, key, iv, ciphertext, facts)
  } finally {
    erase(key)
  }
}

/** The text of an encrypted block. Throws {@link KeyError} for a cipher that there is none of. */
export function encodeEncryptedPem(
  backend: Backend,
  label: string,
  plain: Uint8Array,
  passphrase: Uint8Array,
  cipherName: string,
): string {
  const cipher = pemCipher(cipherName, label)
  const iv = backend.random(cipher.blockSize)
  const key = derive(backend, cipher, passphrase, iv)
  const ciphertext = encryptDer(backend, cipher, key, iv, plain)
  erase(key)
  const headers = [
    'Proc-Type: 4,ENCRYPTED',
    `DEK-Info: ${cipher.name.toUpperCase()},${hexEncode(iv).toUpperCase()}`,
  ]
  return encodeBlock(label, ciphertext, 64, headers)
}

/** OpenSSL's EVP_BytesToKey with one round of MD5: each digest over the one before, the passphrase and the first half of an iv. */
function derive(backend: Backend, cipher: PemCipher, passphrase: Uint8Array, iv: Uint8Array): Uint8Array {
  const salt = iv.subarray(0, 8)
  let output = new Uint8Array(0)
  let last = output
  while (output.length < cipher.keySize) {
    last = backend.hash('md5', last, passphrase, salt) as Uint8Array<ArrayBuffer>
    const longer = concat(output, last) as Uint8Array<ArrayBuffer>
    erase(output)
    output = longer
  }
  return output.subarray(0, cipher.keySize)
}
