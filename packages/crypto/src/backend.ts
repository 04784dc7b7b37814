/** What the algorithms need from a runtime. Two implementations: `backend.node.ts` and `backend.noble.ts`. */

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512'
export type CurveName = 'nistp256' | 'nistp384' | 'nistp521'

/** Public values of a key, as unsigned big-endian bytes without leading zeros (points uncompressed: 04 x y). */
export type PublicKeyParts =
  | { readonly type: 'ed25519'; readonly publicKey: Uint8Array }
  | { readonly type: 'ecdsa'; readonly curve: CurveName; readonly publicKey: Uint8Array }
  | { readonly type: 'rsa'; readonly n: Uint8Array; readonly e: Uint8Array }

/** Private values of a key. The owner may erase the arrays once the key is no longer used. */
export type PrivateKeyParts =
  | { readonly type: 'ed25519'; readonly publicKey: Uint8Array; readonly seed: Uint8Array }
  | {
      readonly type: 'ecdsa'
      readonly curve: CurveName
      readonly publicKey: Uint8Array
      /** The scalar, as long as the curve's order. */
      readonly scalar: Uint8Array
    }
  | {
      readonly type: 'rsa'
      readonly n: Uint8Array
      readonly e: Uint8Array
      readonly d: Uint8Array
      readonly p: Uint8Array
      readonly q: Uint8Array
      /** q^-1 mod p */
      readonly iqmp: Uint8Array
    }

/** A MAC with its key prepared: the tag over the parts, one after the other. */
export type MacFunction = (...parts: readonly Uint8Array[]) => Uint8Array

/** A running hash: give it data in pieces, then take the digest once. */
export interface RunningHash {
  update(data: Uint8Array): void
  digest(): Uint8Array
}

/** A running cipher: state is kept from call to call. Block modes take whole blocks only. */
export interface StreamCipher {
  update(data: Uint8Array): Uint8Array
}

/** RFC 7914 §2: 128 · n · r bytes of memory, gone through p times. */
export interface ScryptCost {
  /** A power of two above 1. */
  readonly n: number
  readonly r: number
  readonly p: number
}

/** RFC 9106 §3.1. */
export interface Argon2Cost {
  readonly variant: 'argon2d' | 'argon2i' | 'argon2id'
  /** In KiB. */
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}

/** An AEAD with its key prepared. */
export interface Aead {
  /** Ciphertext of the same length as `plain`, and the tag. */
  seal(
    nonce: Uint8Array,
    aad: Uint8Array,
    plain: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly tag: Uint8Array }
  /** The plaintext; undefined when the tag does not fit. */
  open(nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array | undefined
}

/** A fresh key pair of a key agreement; `derive` throws RangeError for a peer value that must be refused. */
export interface AgreementKeyPair {
  readonly publicKey: Uint8Array
  derive(peer: Uint8Array): Uint8Array
}

/** A key encapsulation mechanism. Both verbs throw RangeError for a peer value that must be refused. */
export interface Kem {
  generate(): {
    readonly publicKey: Uint8Array
    /** The secret in `ciphertext`; one that nobody knows for a ciphertext that was made up (implicit rejection). */
    decapsulate(ciphertext: Uint8Array): Uint8Array
  }
  /** A fresh secret, and what carries it to the owner of `publicKey`. */
  encapsulate(publicKey: Uint8Array): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array }
}

/** A signature scheme of FIPS 204. RangeError for keys of the wrong length. */
export interface MlDsa {
  /** The key of a seed, expanded once. */
  signer(seed: Uint8Array): {
    readonly publicKey: Uint8Array
    /** With fresh randomness in it; `context` has at most 255 bytes. */
    sign(message: Uint8Array, context: Uint8Array): Uint8Array
    /** Overwrites what was expanded. */
    dispose(): void
  }
  /** False for anything malformed. */
  verify(publicKey: Uint8Array, message: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean
}

/**
 * Synchronous throughout, but for signing and key generation, which may wait (WebCrypto).
 * Inputs are never changed and never kept, but for keys.
 */
export interface Backend {
  readonly name: 'node' | 'noble'
  /** Random bytes from a pool where that is cheaper; fit for keys. */
  random(length: number): Uint8Array
  hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array
  /** For data that comes in pieces over time, such as a stream. */
  hashing(name: HashName): RunningHash
  hmac(name: HashName, key: Uint8Array): MacFunction
  aesGcm(key: Uint8Array): Aead
  aesCtr(key: Uint8Array, iv: Uint8Array): StreamCipher
  aesCbc(key: Uint8Array, iv: Uint8Array, direction: 'encrypt' | 'decrypt'): StreamCipher
  /** DES-EDE3 with a key of 24 bytes and an iv of 8: for old key files only. */
  tripleDesCbc(key: Uint8Array, iv: Uint8Array, direction: 'encrypt' | 'decrypt'): StreamCipher
  /** Keys from passphrases (RFC 8018 §5.2, RFC 7914, RFC 9106). They cost what is asked for: bound it before. RangeError for impossible costs. */
  pbkdf2(
    hash: HashName,
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    length: number,
  ): Uint8Array
  scrypt(password: Uint8Array, salt: Uint8Array, cost: ScryptCost, length: number): Uint8Array
  argon2(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost, length: number): Uint8Array
  /** Raw ChaCha20 (64-bit counter, 64-bit nonce in 16 bytes: counter little-endian, then nonce), where the runtime has a fast one. */
  chacha20?(key: Uint8Array, counterAndNonce: Uint8Array, data: Uint8Array): Uint8Array
  x25519(): AgreementKeyPair
  /** Public keys and peers as uncompressed points; the secret is the x coordinate, as long as the field. */
  ecdh(curve: CurveName): AgreementKeyPair
  /** ML-KEM-768 (FIPS 203): keys of 1184 bytes, ciphertexts of 1088, secrets of 32. */
  readonly mlKem768: Kem
  /** ML-DSA-44: seeds of 32 bytes, keys of 1312, signatures of 2420. Only where it was asked for: `withMlDsa` of `@hawser/crypto/ml-dsa`. */
  readonly mlDsa44?: MlDsa
  /** base^exponent mod modulus over unsigned big-endian bytes; as long as the modulus. No primality test of anything. */
  modPow(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array
  /**
   * A signing function with the key prepared. Signatures are raw: ed25519 64 bytes; ecdsa r ‖ s, each as long as the order;
   * rsa PKCS#1 v1.5, as long as n. `hash` is ignored for ed25519.
   */
  signer(key: PrivateKeyParts): (hash: HashName, data: Uint8Array) => Uint8Array | Promise<Uint8Array>
  /** The matching check. False for anything malformed; throws only for an unusable key (RangeError). */
  verifier(key: PublicKeyParts): (hash: HashName, data: Uint8Array, signature: Uint8Array) => boolean
  generateKey(
    spec:
      | { readonly type: 'ed25519' }
      | { readonly type: 'ecdsa'; readonly curve: CurveName }
      | { readonly type: 'rsa'; readonly bits: number },
  ): Promise<PrivateKeyParts>
  /** The public half of a private ed25519 seed or ecdsa scalar. */
  publicFromPrivate(
    key:
      | { readonly type: 'ed25519'; readonly seed: Uint8Array }
      | { readonly type: 'ecdsa'; readonly curve: CurveName; readonly scalar: Uint8Array },
  ): Uint8Array
}
