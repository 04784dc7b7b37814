/** The shapes of algorithms: frozen data objects that the transport picks by their SSH names. */

import type { Backend, HashName } from './backend.ts'

/** Keys of one direction, as long as the negotiated algorithms asked for (RFC 4253 §7.2). */
export interface DirectionKeys {
  readonly iv: Uint8Array
  readonly key: Uint8Array
  /** Empty for ciphers that authenticate by themselves. */
  readonly macKey: Uint8Array
}

export interface CipherAlgorithm {
  readonly name: string
  /** Bytes of key and iv that the key derivation must give. */
  readonly keySize: number
  readonly ivSize: number
  /** Authenticates by itself: no MAC is used, whatever was negotiated. */
  readonly aead: boolean
  /** Bytes after which new keys are due (RFC 4344 §3.2); Infinity for `none`. */
  readonly rekeyAfterBytes: number
  readonly insecure?: true
  sealer(backend: Backend, keys: DirectionKeys, mac?: MacAlgorithm): PacketSealer
  opener(backend: Backend, keys: DirectionKeys, mac?: MacAlgorithm): PacketOpener
}

/** Encrypts whole packets of one direction. */
export interface PacketSealer {
  /** Alignment of the part that the padding must fill, at least 8. */
  readonly blockSize: number
  /** Whether the length field is outside of what is aligned (AEAD and -etm: RFC 5647, PROTOCOL). */
  readonly clearLength: boolean
  readonly tagSize: number
  /**
   * Appends to `out` what goes on the wire for `packet` (length field, padding length, payload, padding) with sequence number `seq`.
   * `packet` is scratch memory of the caller: it is not kept, and nothing appended is a view of it, but it may be overwritten.
   */
  seal(seq: number, packet: Uint8Array, out: Uint8Array[]): void
}

/** Decrypts whole packets of one direction. A packet is opened by `packetLength`, then `open`, in turn. */
export interface PacketOpener {
  /** Bytes that `packetLength` needs. */
  readonly headSize: number
  readonly blockSize: number
  readonly clearLength: boolean
  readonly tagSize: number
  /**
   * Errors must not show at which byte they were found: whoever changes packets on the way could learn their content from it
   * (CBC with a MAC of the clear packet; CVE-2008-5161). As much as the longest packet has is read before any is told.
   */
  readonly hidesErrors?: true
  /** The length field in the first `headSize` bytes. Not authenticated yet: bound it before use. */
  packetLength(seq: number, head: Uint8Array): number
  /**
   * `packet` is the whole packet as received: length field, ciphertext, tag (4 + packetLength + tagSize bytes).
   * Gives padding length, payload and padding, in memory that the caller may keep.
   * Throws {@link MacError} and is dead afterwards when the packet is not authentic.
   */
  open(seq: number, packet: Uint8Array): Uint8Array
}

export interface MacAlgorithm {
  readonly name: string
  readonly keySize: number
  readonly tagSize: number
  /** Computed over the ciphertext (encrypt-then-MAC, OpenSSH PROTOCOL §1.5). */
  readonly etm: boolean
  readonly insecure?: true
  /** Tag over sequence number and `parts`. */
  create(backend: Backend, key: Uint8Array): (seq: number, ...parts: readonly Uint8Array[]) => Uint8Array
}

/** A group for finite-field key exchange; unsigned big-endian. */
export interface ModpGroup {
  readonly prime: Uint8Array
  readonly generator: Uint8Array
}

/**
 * A key agreement in the shape of a KEM, which fits DH, ECDH and post-quantum hybrids.
 * Values are as they stand in the messages: strings as they are, mpints as unsigned bytes.
 * `finish` and `respond` throw {@link AgreementError} for a peer value that must be refused.
 */
export interface AgreementAlgorithm {
  readonly name: string
  readonly hash: HashName
  /** Which messages carry it and how init, reply and K enter the exchange hash: RFC 5656 §4, RFC 4253 §8, RFC 4419. */
  readonly form: 'ecdh' | 'dh' | 'dh-gex'
  /** How K enters the hash and the key derivation: mpint (classic) or string (post-quantum hybrids). */
  readonly secretEncoding: 'mpint' | 'string'
  /** Recordings of today stay secret from the quantum computers of tomorrow. */
  readonly postQuantum?: true
  readonly insecure?: true
  initiate(
    backend: Backend,
    group?: ModpGroup,
  ): { readonly init: Uint8Array; finish(reply: Uint8Array): Uint8Array }
  respond(
    backend: Backend,
    init: Uint8Array,
    group?: ModpGroup,
  ): { readonly reply: Uint8Array; readonly secret: Uint8Array }
}

/** Packets in, packets out; state is kept from packet to packet (RFC 4253 §6.2). */
export interface Compressor {
  /** The payload `head ‖ body`, compressed; memory that the next call uses again. */
  compress(head: Uint8Array, body?: Uint8Array): Uint8Array
}
export interface Decompressor {
  /**
   * In memory of its own. Throws {@link CompressionError} for what is no stream, and past `limit` bytes of output,
   * before more are inflated; it must not be used afterwards.
   */
  decompress(payload: Uint8Array, limit: number): Uint8Array
}

export interface CompressionAlgorithm {
  readonly name: string
  /** Starts only after authentication (zlib@openssh.com). */
  readonly delayed: boolean
  readonly insecure?: true
  /** Undefined for `none`: payloads pass as they are. */
  compressor?(): Compressor
  decompressor?(): Decompressor
}

/** Everything that negotiation can choose from, in the order of preference. */
export interface CryptoProvider {
  readonly backend: Backend
  readonly agreements: readonly AgreementAlgorithm[]
  readonly ciphers: readonly CipherAlgorithm[]
  readonly macs: readonly MacAlgorithm[]
  readonly compressions: readonly CompressionAlgorithm[]
}

/** Names per category, as they go into KEXINIT; direction-neutral. */
export interface AlgorithmNames {
  readonly kex: readonly string[]
  readonly serverHostKey: readonly string[]
  readonly cipher: readonly string[]
  readonly mac: readonly string[]
  readonly compression: readonly string[]
}
