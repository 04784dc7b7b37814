/** Emitters whose listeners have types: each event's arguments by its name, and any other event as node:events has it. */

import { EventEmitter } from 'node:events'
import { Duplex, type DuplexOptions } from 'node:stream'

type Args<E, K extends keyof E> = E[K] extends readonly unknown[] ? E[K] : never
/** Events that are not in the list have whatever arguments their program gives them. */
type Listener = Parameters<EventEmitter['on']>[1]

/** `E` maps names of events to the tuples of their arguments. */
interface TypedEmitter<E extends object> extends EventEmitter {
  on<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  on(event: string | symbol, listener: Listener): this
  once<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  once(event: string | symbol, listener: Listener): this
  off<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  off(event: string | symbol, listener: Listener): this
  addListener<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  addListener(event: string | symbol, listener: Listener): this
  removeListener<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  removeListener(event: string | symbol, listener: Listener): this
  prependListener<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  prependListener(event: string | symbol, listener: Listener): this
}

export type EmitterOf<E extends object> = new () => TypedEmitter<E>

/** EventEmitter itself, seen through the types of `E`. */
export function emitterOf<E extends object>(): EmitterOf<E> {
  return EventEmitter as unknown as EmitterOf<E>
}

/** A duplex stream whose listeners have types likewise. */
export interface TypedDuplex<E extends object> extends Duplex {
  on<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  on(event: string | symbol, listener: Listener): this
  once<K extends keyof E>(event: K, listener: (...args: Args<E, K>) => void): this
  once(event: string | symbol, listener: Listener): this
}

/** Duplex itself, seen through the types of `E`. */
export function duplexOf<E extends object>(): new (options?: DuplexOptions) => TypedDuplex<E> {
  return Duplex as unknown as new (
    options?: DuplexOptions,
  ) => TypedDuplex<E>
}
