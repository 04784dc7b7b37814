/** Following a host whose keys change: what its proved announcement makes of the text of a known_hosts file (UpdateHostKeys of ssh_config(5)). */

import { defaultProvider } from '@hawser/crypto'
import { equal } from '@hawser/wire'
import { certificateTypeNamed } from '../certificates/types.ts'
import type { PublicKey } from '../key.ts'
import { formatKnownHost, isFor, type KnownHostLineOptions, knownHostName } from './known-hosts.ts'
import { type KnownHostLine, linesOf } from './known-hosts-edit.ts'

/** What a server said about its host keys, and proved. */
export interface HostKeysAnnouncement {
  /** The key that the connection was accepted with; a certificate if it was one. */
  readonly accepted: PublicKey
  /** The keys that the server has proved to have, `accepted` among them. */
  readonly proved: readonly PublicKey[]
  /** All keys that the server says it has, as blobs, those that cannot be used here too. */
  readonly announced: readonly Uint8Array[]
}

/**
 * Why a file is left as it is. `certificate`: the host is trusted by an authority. `not-known`: the accepted key does not stand there
 * under the host's own name. `not-announced`: the server does not name the accepted key. `shared`: lines about it have other names,
 * addresses or patterns too. `other-names`: a key stands under another name too. `none`: nothing has changed.
 */
export type HostKeysUnchanged =
  | 'certificate'
  | 'not-known'
  | 'not-announced'
  | 'shared'
  | 'other-names'
  | 'none'

export interface HostKeysChange {
  readonly text: string
  readonly added: readonly PublicKey[]
  readonly removed: readonly PublicKey[]
  /** There when nothing was added or removed. */
  readonly unchanged?: HostKeysUnchanged
}

/**
 * The text with lines for the keys that the host has proved, and without those of its keys that it no longer has. Only lines of this
 * host alone are touched; where it is not clear whom they are about, none is. Throws UsageError as {@link formatKnownHost}.
 */
export function updateKnownHosts(
  text: string,
  host: string,
  port: number,
  announcement: HostKeysAnnouncement,
  options: KnownHostLineOptions = {},
): HostKeysChange {
  const { accepted, proved, announced } = announcement
  const { crypto = defaultProvider } = options
  const left = (unchanged: HostKeysUnchanged): HostKeysChange => ({ text, added: [], removed: [], unchanged })
  const name = knownHostName(host, port)
  const lines = linesOf(text)
  const isOf = ({ entry }: KnownHostLine): boolean => entry !== undefined && isFor(entry, name, crypto)
  const own = lines.filter((line) => isOf(line) && line.entry?.marker === undefined)
  const has = (list: readonly KnownHostLine[], blob: Uint8Array): boolean =>
    list.some(({ entry }) => entry !== undefined && equal(entry.key.blob, blob))

  const byAuthority = lines.some((line) => line.entry?.marker === 'cert-authority' && isOf(line))
  if (byAuthority || certificateTypeNamed(accepted.type) !== undefined) return left('certificate')
  if (!has(own, accepted.blob)) return left('not-known')
  if (!announced.some((blob) => equal(blob, accepted.blob))) return left('not-announced')
  if (own.some(({ entry }) => /[,*?!]/.test(entry?.hosts ?? ''))) return left('shared')

  const revoked = lines.filter((line) => line.entry?.marker === 'revoked')
  const added = proved.filter(({ blob }) => !has(own, blob) && !has(revoked, blob))
  const gone = own.filter(({ entry }) => !announced.some((blob) => equal(blob, entry?.key.blob ?? blob)))
  if (added.length === 0 && gone.length === 0) return left('none')
  const others = lines.filter((line) => line.entry?.marker === undefined && !isOf(line))
  if (
    proved.some(({ blob }) => has(others, blob)) ||
    gone.some(({ entry }) => entry && has(others, entry.key.blob))
  )
    return left('other-names')

  const kept = lines.filter((line) => !gone.includes(line)).map(({ text: line, end }) => line + end)
  const before = kept.join('')
  const lineBreak = before === '' || before.endsWith('\n') ? '' : '\n'
  const news = added.map((key) => `${formatKnownHost(host, port, key, options)}\n`)
  return {
    text: news.length === 0 ? before : `${before}${lineBreak}${news.join('')}`,
    added,
    removed: gone.flatMap(({ entry }) => (entry === undefined ? [] : [entry.key])),
  }
}
