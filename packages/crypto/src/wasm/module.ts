/** The WebAssembly module behind chacha20-poly1305: its loading and its exports. */

import { base64Decode } from '@hawser/wire'
import { moduleBase64 } from './module.generated.ts'

/** What packages/crypto/assembly/index.ts exports; it says what each does. */
export interface ChachaPolyExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  seal(sequence: number, length: number): void
  open(sequence: number, length: number): number
  lengthField(sequence: number, field: number): number
  beginPacket(sequence: number): number
  authenticate(length: number): void
  finishTag(): void
  verifyTag(): number
  chacha20(length: number, counter: number, nonce0: number, nonce1: number, nonce2: number): void
  beginMac(): void
}

/** Where things lie in the module's memory, as in packages/crypto/assembly/layout.ts. */
export const layout = { keys: 0, tag: 64, data: 512, memory: 65_536 } as const

/** The little of the web platform's WebAssembly that is used; missing in some runtimes. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/**
 * Compiles and starts the module, synchronously, in about a millisecond.
 * Undefined where there is no WebAssembly, no SIMD, or a content security policy forbids compiling:
 * trying is the only way to find out, and the caller has something to fall back to.
 */
export function instantiate(): ChachaPolyExports | undefined {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: WebAssemblyApi }
  if (WebAssembly === undefined) return undefined
  try {
    const module = new WebAssembly.Module(base64Decode(moduleBase64) as Uint8Array)
    return new WebAssembly.Instance(module).exports as ChachaPolyExports
  } catch {
    return undefined
  }
}
