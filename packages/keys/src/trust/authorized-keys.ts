/** authorized_keys: which keys may log in, with what restrictions (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */

import { KeyError } from '../errors.ts'
import { looksLikeLine, readLine } from '../formats/openssh-line.ts'
import type { PublicKey } from '../key.ts'
import { readLines, type TrustFileProblem } from './lines.ts'
import { type LineOption, readLineOptions } from './option-list.ts'

export type AuthorizedKeyOption = LineOption

export interface AuthorizedKey {
  /** Counted from 1. */
  readonly line: number
  /** In the order of the line. Whoever admits the key must honour every one of them, or refuse. */
  readonly options: readonly AuthorizedKeyOption[]
  readonly key: PublicKey
}

export interface AuthorizedKeys {
  readonly entries: readonly AuthorizedKey[]
  /** Lines that are not understood: they admit nobody. */
  readonly problems: readonly TrustFileProblem[]
}

/** Reads the text of an authorized_keys file. */
export function parseAuthorizedKeys(text: string): AuthorizedKeys {
  return readLines(text, readEntry)
}

function readEntry(content: string, line: number): AuthorizedKey {
  // As sshd: what is a key from its start has no options.
  if (looksLikeLine(content)) return { line, options: [], key: readLine(content) }
  const { options, rest } = readLineOptions(content)
  if (!looksLikeLine(rest))
    throw new KeyError('SSH_KEY_FORMAT', 'neither a public key nor options and a public key')
  return { line, options, key: readLine(rest) }
}
