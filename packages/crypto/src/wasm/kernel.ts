/** What chacha20-poly1305@openssh.com needs to be computed; done by WebAssembly or, where that is not to be had, by noble. */

/**
 * Everywhere `key` is the 64 bytes of the cipher's key (payload's K_2, then length field's K_1), `seq` the sequence number,
 * and a packet begins with its length field of four bytes. Inputs are not changed; results are fresh memory.
 */
export interface PacketKernel {
  readonly name: 'wasm' | 'noble'
  /** The clear value of the encrypted length field in the first four bytes of `head`. */
  packetLength(key: Uint8Array, seq: number, head: Uint8Array): number
  /** ChaCha20 over what follows the length field, either way. */
  payload(key: Uint8Array, seq: number, data: Uint8Array): Uint8Array
  /** For a clear `packet` and its encrypted payload: writes the encrypted length field and the tag to the 20 bytes of `to`. */
  frame(key: Uint8Array, seq: number, packet: Uint8Array, ciphertext: Uint8Array, to: Uint8Array): void
  /** Whether the tag at the end of an encrypted packet fits; in constant time. */
  verify(key: Uint8Array, seq: number, packet: Uint8Array): boolean
  /** Everything in one call, where that saves time. */
  readonly whole?: WholePackets
}

export interface WholePackets {
  /** The longest packet that can be taken, in bytes, its tag included. */
  readonly limit: number
  /** Writes the encrypted packet and its tag to `to`, which is 16 bytes longer than the clear `packet`. */
  seal(key: Uint8Array, seq: number, packet: Uint8Array, to: Uint8Array): void
  /** The clear payload of an encrypted packet; undefined when its tag does not fit. */
  open(key: Uint8Array, seq: number, packet: Uint8Array): Uint8Array | undefined
}
