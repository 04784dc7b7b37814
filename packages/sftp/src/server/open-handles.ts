/** The files and directories that a client has open, by the handles it was given. */

import { Reader, Writer } from '@hawser/wire'
import type { DirectoryItem } from './handlers.ts'
import { Lane } from './order.ts'

export interface OpenFile<F> {
  readonly kind: 'file'
  readonly value: F
  readonly lane: Lane
}

export interface OpenDirectory<D> {
  readonly kind: 'directory'
  readonly value: D
  readonly lane: Lane
  /** Names that the handler has given and the client has not got. */
  items: readonly DirectoryItem[]
}

/** Handles are numbers that are never given twice, so that a closed one never means something else. */
export class OpenHandles<F, D> {
  readonly #open = new Map<number, OpenFile<F> | OpenDirectory<D>>()
  #next = 1

  addFile(value: F): Uint8Array {
    return this.#add({ kind: 'file', value, lane: new Lane() })
  }

  addDirectory(value: D): Uint8Array {
    return this.#add({ kind: 'directory', value, lane: new Lane(), items: [] })
  }

  file(handle: Uint8Array): OpenFile<F> | undefined {
    const open = this.#open.get(numberOf(handle))
    return open?.kind === 'file' ? open : undefined
  }

  directory(handle: Uint8Array): OpenDirectory<D> | undefined {
    const open = this.#open.get(numberOf(handle))
    return open?.kind === 'directory' ? open : undefined
  }

  /** Forgets the handle and gives what it stood for. */
  take(handle: Uint8Array): OpenFile<F> | OpenDirectory<D> | undefined {
    const number = numberOf(handle)
    const open = this.#open.get(number)
    this.#open.delete(number)
    return open
  }

  /** Forgets all handles and gives what they stood for. */
  takeAll(): (OpenFile<F> | OpenDirectory<D>)[] {
    const all = [...this.#open.values()]
    this.#open.clear()
    return all
  }

  #add(open: OpenFile<F> | OpenDirectory<D>): Uint8Array {
    const number = this.#next++
    this.#open.set(number, open)
    return new Writer(8).uint64(BigInt(number)).finish()
  }
}

/** 0, which is never given, for what cannot be a handle of ours. */
function numberOf(handle: Uint8Array): number {
  if (handle.length !== 8) return 0
  const number = new Reader(handle).uint64()
  return number > BigInt(Number.MAX_SAFE_INTEGER) ? 0 : Number(number)
}
