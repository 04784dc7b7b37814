/** What is known of a file, as Node's `fs.Stats` has it. */

import type { Attributes, ExtendedAttribute } from '../protocol/attributes.ts'

/**
 * A server need not send everything: what it left out is undefined, and each `is…()` is false while the mode is unknown.
 * `size` is exact up to 2^53; `exactSize` always is.
 */
export class Stats {
  /** As the server sent them. */
  readonly attributes: Attributes

  constructor(attributes: Attributes) {
    this.attributes = attributes
  }

  /** Bytes; from 2^53 on the nearest number that there is. */
  get size(): number | undefined {
    const { size } = this.attributes
    return size === undefined ? undefined : Number(size)
  }

  /** Bytes. */
  get exactSize(): bigint | undefined {
    return this.attributes.size
  }

  /** Type and permissions (`st_mode`). */
  get mode(): number | undefined {
    return this.attributes.permissions
  }

  get uid(): number | undefined {
    return this.attributes.uid
  }

  get gid(): number | undefined {
    return this.attributes.gid
  }

  /** Last access, to the second. */
  get atime(): Date | undefined {
    return dateOf(this.attributes.atime)
  }

  /** Last change of the content, to the second. */
  get mtime(): Date | undefined {
    return dateOf(this.attributes.mtime)
  }

  /** Pairs of a vendor's name and its value. */
  get extended(): readonly ExtendedAttribute[] {
    return this.attributes.extended ?? []
  }

  isFile(): boolean {
    return this.#is(FileType.file)
  }

  isDirectory(): boolean {
    return this.#is(FileType.directory)
  }

  isSymbolicLink(): boolean {
    return this.#is(FileType.symbolicLink)
  }

  isFIFO(): boolean {
    return this.#is(FileType.fifo)
  }

  isSocket(): boolean {
    return this.#is(FileType.socket)
  }

  isBlockDevice(): boolean {
    return this.#is(FileType.blockDevice)
  }

  isCharacterDevice(): boolean {
    return this.#is(FileType.characterDevice)
  }

  #is(type: number): boolean {
    return fileType(this.attributes) === type
  }
}

/** The type bits of a mode (POSIX `S_IFMT`), of which each type has one value. */
export const FileType = {
  mask: 0o170000,
  fifo: 0o010000,
  characterDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  file: 0o100000,
  symbolicLink: 0o120000,
  socket: 0o140000,
} as const

/** The type bits of `attributes`; undefined when the server sent no mode, or one without a type. */
export function fileType(attributes: Attributes): number | undefined {
  const { permissions } = attributes
  const type = permissions === undefined ? 0 : permissions & FileType.mask
  return type === 0 ? undefined : type
}

function dateOf(seconds: number | undefined): Date | undefined {
  return seconds === undefined ? undefined : new Date(seconds * 1000)
}
