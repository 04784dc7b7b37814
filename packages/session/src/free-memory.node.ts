/** Memory given back without waiting for the garbage collector, which counts it against a small heap and comes too often. */

import { MessageChannel, type MessagePort } from 'node:worker_threads'

/** Bytes from which it is worth a call. */
const worthwhile = 4096

/** Whether `bytes` are the whole of a memory of some size. */
export function isWorthFreeing(bytes: Uint8Array): boolean {
  return bytes.length >= worthwhile && bytes.length === bytes.buffer.byteLength
}

/** Frees `memory`: every array on it is empty from then on, so nobody may still use one. */
export function freeMemory(memory: ArrayBuffer): void {
  const { transfer } = memory as { transfer?: (length: number) => ArrayBuffer }
  if (transfer !== undefined) transfer.call(memory, 0)
  // Before Node 21: what is sent to a port that nobody reads is gone.
  else (nowhere ??= closedPort()).postMessage(undefined, [memory])
}

let nowhere: MessagePort | undefined

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel()
  port2.close()
  port1.unref()
  return port1
}
