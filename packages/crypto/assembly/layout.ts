/** Where everything lies in the module's one page of memory. `src/wasm/module.ts` knows KEYS, TAG and DATA. */

/** In: 64 bytes of key, the payload's (K_2) first, then the length field's (K_1), as key exchange gives them. */
export const KEYS: usize = 0
/** In and out: a tag of 16 bytes. */
export const TAG: usize = 64
/** Key stream of four blocks: 256 bytes. */
export const STREAM: usize = 128
/** The one-time key of Poly1305: r, then s. */
export const ONE_TIME_KEY: usize = 384
/** Poly1305's accumulator: five limbs of 26 bits, one per 32-bit word. */
export const ACCUMULATOR: usize = 416
/** The last, partial block of a message. */
export const LAST_BLOCK: usize = 448
/** In and out: the data. */
export const DATA: usize = 512
