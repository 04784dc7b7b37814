/** Logins by the lines of authorized_keys, or by keys themselves. */

import { type AuthorizedKey, type PublicKey, parseAuthorizedKeys } from '@hawser/keys'
import type { Awaitable } from '@hawser/session'
import { equal } from '@hawser/wire'
import type { AuthHandlers, PublicKeyAttempt } from './auth.ts'

/** The text of an authorized_keys file, or keys. */
export type AuthorizedKeysSource = string | readonly PublicKey[]

export interface AuthorizedKeysOptions {
  /**
   * Decides about a line that has options, such as `from="10.0.0.*"` or `command="…"`: `true` lets in, and then it is up to you
   * to honour every one of them. Default: such lines let nobody in.
   */
  readonly withOptions?: (entry: AuthorizedKey, attempt: PublicKeyAttempt) => Awaitable<boolean>
}

/**
 * A `publickey` handler: lets a user in who has one of the keys that `keysOf` gives for them. `keysOf` gives undefined for users
 * that do not exist; it should take the same time for them.
 */
export function authorizedKeys(
  keysOf: (user: string) => Awaitable<AuthorizedKeysSource | undefined>,
  options: AuthorizedKeysOptions = {},
): NonNullable<AuthHandlers['publickey']> {
  return async (attempt) => {
    const source = (await keysOf(attempt.user)) ?? []
    const entries = typeof source === 'string' ? parseAuthorizedKeys(source).entries : source.map(plain)
    for (const entry of entries) {
      if (!equal(entry.key.blob, attempt.key.blob)) continue
      if (entry.options.length === 0) return true
      if ((await options.withOptions?.(entry, attempt)) === true) return true
    }
    return false
  }
}

function plain(key: PublicKey): AuthorizedKey {
  return { line: 0, options: [], key }
}
