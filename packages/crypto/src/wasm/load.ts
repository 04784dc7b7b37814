/** Picks the packet kernel, once, when a connection first needs it. */

import type { PacketKernel } from './kernel.ts'
import { instantiate } from './module.ts'
import { nobleKernel } from './noble-kernel.ts'
import { wasmKernel } from './wasm-kernel.ts'

let chosen: PacketKernel | undefined

/** The kernel for this process: WebAssembly where it works, otherwise noble. */
export function packetKernel(): PacketKernel {
  chosen ??= chooseKernel()
  return chosen
}

/** The same without remembering. */
export function chooseKernel(): PacketKernel {
  const wasm = instantiate()
  return wasm === undefined ? nobleKernel : wasmKernel(wasm)
}
