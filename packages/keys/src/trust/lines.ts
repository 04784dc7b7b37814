/** The lines of known_hosts, authorized_keys and allowed_signers: numbered, bounded, one bad one among them no reason to give up. */

import { KeyError } from '../errors.ts'

/** A line that says nothing, because it is not understood. OpenSSH passes over such lines too. */
export interface TrustFileProblem {
  readonly line: number
  /** The file that it stands in, if that was told. */
  readonly file?: string
  readonly message: string
}

/** The longest line that is looked at, in characters: a certificate with 256 principals has some 20,000. */
const mostCharacters = 262_144

/** Reads each line of `text` that is neither empty nor a comment; a KeyError makes it a problem. */
export function readLines<T>(
  text: string,
  read: (content: string, line: number) => T,
): { readonly entries: readonly T[]; readonly problems: readonly TrustFileProblem[] } {
  const entries: T[] = []
  const problems: TrustFileProblem[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const content = raw.trim()
    if (content === '' || content.startsWith('#')) continue
    try {
      checkLength(content)
      entries.push(read(content, index + 1))
    } catch (error) {
      if (!(error instanceof KeyError)) throw error
      problems.push({ line: index + 1, message: error.message })
    }
  }
  return { entries, problems }
}

/** Throws {@link KeyError} for a line that is too long to be looked at. */
export function checkLength(content: string): void {
  if (content.length > mostCharacters)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${content.length} characters, the limit of a line is ${mostCharacters}`,
    )
}
