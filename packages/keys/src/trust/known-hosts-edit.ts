/** Changes to the text of a known_hosts file, as ssh-keygen -F, -R and -H make them; every other line stays as it was. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { equal } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import {
  formatKnownHost,
  hashName,
  isFor,
  type KnownHostEntry,
  type KnownHostLineOptions,
  knownHostName,
  readKnownHost,
} from './known-hosts.ts'

export interface KnownHostsEditOptions {
  readonly crypto?: CryptoProvider
}

export interface FoundKnownHost {
  readonly entry: KnownHostEntry
  /** The line as it stands in the file. */
  readonly text: string
}

export interface RemovedKnownHosts {
  readonly text: string
  /** What is no longer there. */
  readonly removed: readonly FoundKnownHost[]
}

export interface HashedKnownHosts {
  readonly text: string
  /** Lines that name hosts in the clear still: patterns, authorities and revoked keys cannot be hashed. */
  readonly kept: readonly KnownHostEntry[]
}

/** Every line that is about a host, with markers and patterns too (`ssh-keygen -F`; its name there is `[host]:port` for other ports than 22). */
export function findKnownHost(
  text: string,
  host: string,
  port: number,
  { crypto = defaultProvider }: KnownHostsEditOptions = {},
): readonly FoundKnownHost[] {
  const name = knownHostName(host, port)
  return linesOf(text).flatMap(({ entry, text: line }) =>
    entry !== undefined && isFor(entry, name, crypto) ? [{ entry, text: line }] : [],
  )
}

/** The text with a line for the host at its end; as it was, when it has that key for that host already. Throws as {@link formatKnownHost}. */
export function addKnownHost(
  text: string,
  host: string,
  port: number,
  key: PublicKey,
  options: KnownHostLineOptions = {},
): string {
  const line = formatKnownHost(host, port, key, options)
  const isThere = findKnownHost(text, host, port, options).some(
    ({ entry }) => entry.marker === undefined && equal(entry.key.blob, key.blob),
  )
  if (isThere) return text
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`
}

/** The text without the keys of a host (`ssh-keygen -R`): lines with patterns that fit go too, those of authorities and revoked keys stay. */
export function removeKnownHost(
  text: string,
  host: string,
  port: number,
  { crypto = defaultProvider }: KnownHostsEditOptions = {},
): RemovedKnownHosts {
  const name = knownHostName(host, port)
  const removed: FoundKnownHost[] = []
  const left = linesOf(text).filter(({ entry, text: line }) => {
    if (entry === undefined || entry.marker !== undefined || !isFor(entry, name, crypto)) return true
    removed.push({ entry, text: line })
    return false
  })
  return { text: left.map(({ text: line, end }) => line + end).join(''), removed }
}

/** The text with a hash in place of each name (`ssh-keygen -H`): who reads the file no longer learns which hosts it is about. */
export function hashKnownHosts(
  text: string,
  { crypto = defaultProvider }: KnownHostsEditOptions = {},
): HashedKnownHosts {
  const kept: KnownHostEntry[] = []
  const hashed = linesOf(text).map(({ entry, text: line, end }) => {
    if (entry === undefined || entry.hosts.startsWith('|')) return line + end
    if (entry.marker !== undefined || /[*?!]/.test(entry.hosts)) {
      kept.push(entry)
      return line + end
    }
    const key = line.trimStart().slice(entry.hosts.length).trimStart()
    return entry.hosts
      .split(',')
      .filter((name) => name !== '')
      .map((name) => `${hashName(name.toLowerCase(), crypto)} ${key}${end === '' ? '\n' : end}`)
      .join('')
  })
  return { text: hashed.join(''), kept }
}

export interface KnownHostLine {
  /** Without its line end. */
  readonly text: string
  readonly end: '' | '\n'
  /** undefined for comments, empty lines and what is not understood. */
  readonly entry?: KnownHostEntry
}

/** Every line of `text`; put together again they are `text`. */
export function linesOf(text: string): KnownHostLine[] {
  const lines = text.split('\n')
  return lines.flatMap((line, index): KnownHostLine[] => {
    const end = index === lines.length - 1 ? '' : '\n'
    if (line === '' && end === '') return []
    const content = line.trim()
    if (content === '' || content.startsWith('#')) return [{ text: line, end }]
    try {
      return [{ text: line, end, entry: readKnownHost(content, index + 1) }]
    } catch (error) {
      if (!(error instanceof KeyError)) throw error
      return [{ text: line, end }]
    }
  })
}
