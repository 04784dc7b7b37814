/** Logins by the lines of authorized_keys, by keys themselves, or by certificates of authorities. */

import {
  type AuthorizedKey,
  authorizeKey,
  type Certificate,
  isCertificate,
  type KeyRestrictions,
  type PublicKey,
  parseAuthorizedKeys,
  type RevocationList,
} from '@hawser/keys'
import type { Awaitable } from '@hawser/session'
import { equal } from '@hawser/wire'
import type { AuthHandlers, PublicKeyAttempt } from './auth.ts'

/** The text of an authorized_keys file, or keys. */
export type AuthorizedKeysSource = string | readonly PublicKey[]

/** A certificate that lets its user in under conditions. */
export interface CertifiedLogin {
  readonly certificate: Certificate
  /** The `cert-authority` line. */
  readonly entry: AuthorizedKey
  /** What line and certificate together allow and demand, such as a forced command. */
  readonly restrictions: KeyRestrictions
}

export interface AuthorizedKeysOptions {
  /**
   * Decides about a line that has options, such as `from="10.0.0.*"` or `command="…"`: `true` lets in, and then it is up to you
   * to honour every one of them. Default: such lines let nobody in.
   */
  readonly withOptions?: (entry: AuthorizedKey, attempt: PublicKeyAttempt) => Awaitable<boolean>
  /**
   * Decides about a valid certificate that forces a command or does not permit everything, by itself or by its authority's line:
   * `true` lets in, and then it is up to you to honour all of `restrictions`. Default: such certificates let nobody in.
   */
  readonly withRestrictions?: (login: CertifiedLogin, attempt: PublicKeyAttempt) => Awaitable<boolean>
  /**
   * Hears the counter of each proof by a security key, and lets in only by `true`: one that has not grown since the last time hints at
   * a copy of the key. Keys that keep no counter say 0. Default: counters are not looked at, as in OpenSSH.
   */
  readonly counter?: (counter: number, attempt: PublicKeyAttempt) => Awaitable<boolean>
  /** Keys, authorities and certificates that no longer count. */
  readonly revoked?: RevocationList
}

/**
 * A `publickey` handler: lets a user in who has one of the keys that `keysOf` gives for them, or a certificate by one of its
 * `cert-authority` lines: for this user or one of the line's `principals`, valid now, from where it says, not revoked.
 * What lines and certificates say of security keys is seen to: `verify-required` and `no-touch-required`.
 * `keysOf` gives undefined for users that do not exist; it should take the same time for them.
 */
export function authorizedKeys(
  keysOf: (user: string) => Awaitable<AuthorizedKeysSource | undefined>,
  options: AuthorizedKeysOptions = {},
): NonNullable<AuthHandlers['publickey']> {
  const decide = async (attempt: PublicKeyAttempt): Promise<boolean | Touchable> => {
    const source = (await keysOf(attempt.user)) ?? []
    const entries = typeof source === 'string' ? parseAuthorizedKeys(source).entries : source.map(plain)
    if (options.revoked?.check(attempt.key) !== undefined) return false
    if (isCertificate(attempt.key)) return byCertificate(entries, attempt, options)
    for (const entry of entries) {
      if (!equal(entry.key.blob, attempt.key.blob)) continue
      if (entry.options.length === 0) return true
      if (isAuthority(entry)) continue
      const demands = demandsOf(entry)
      if (demands.verifyRequired && isUnverified(attempt)) continue
      if (demands.isAll || (await options.withOptions?.(entry, attempt)) === true)
        return demands.noTouchRequired ? touchOptional : true
    }
    return false
  }
  return async (attempt) => {
    const decision = await decide(attempt)
    const { securityKey } = attempt
    if (decision === false || securityKey === undefined || options.counter === undefined) return decision
    // Whoever would be refused for want of a touch has used nothing up.
    if (decision === true && !securityKey.userPresent) return false
    return (await options.counter(securityKey.counter, attempt)) === true ? decision : false
  }
}

type Touchable = { readonly touch: 'optional' }
const touchOptional: Touchable = { touch: 'optional' }

/** A proof by a security key that was given neither PIN nor finger. */
function isUnverified({ securityKey }: PublicKeyAttempt): boolean {
  return securityKey?.userVerified === false
}

/** What a line says of security keys, and whether that is all it says. */
function demandsOf({ options }: AuthorizedKey): {
  readonly verifyRequired: boolean
  readonly noTouchRequired: boolean
  readonly isAll: boolean
} {
  const said = new Set(
    options.filter(({ value }) => value === undefined).map(({ name }) => name.toLowerCase()),
  )
  const own = ['verify-required', 'no-touch-required']
  return {
    verifyRequired: said.has('verify-required'),
    noTouchRequired: said.has('no-touch-required'),
    isAll: options.every(({ name, value }) => value === undefined && own.includes(name.toLowerCase())),
  }
}

async function byCertificate(
  entries: readonly AuthorizedKey[],
  attempt: PublicKeyAttempt,
  { revoked, withRestrictions }: AuthorizedKeysOptions,
): Promise<boolean | Touchable> {
  const { key, user, address } = attempt
  const verdict = authorizeKey(
    { entries: entries.filter(isAuthority), problems: [] },
    {
      key,
      user,
      now: new Date(),
      ...(address === undefined ? {} : { address }),
      ...(revoked === undefined ? {} : { revoked }),
    },
  )
  if (!verdict.allowed || verdict.certificate === undefined) return false
  const { certificate, entry, restrictions } = verdict
  if (restrictions.verifyRequired && isUnverified(attempt)) return false
  const isIn =
    isFree(restrictions) || (await withRestrictions?.({ certificate, entry, restrictions }, attempt)) === true
  return isIn && restrictions.noTouchRequired ? touchOptional : isIn
}

function isAuthority({ options }: AuthorizedKey): boolean {
  return options.some(({ name }) => name.toLowerCase() === 'cert-authority')
}

/** Whether nothing is left to honour; a user's own rc file is none of ours. */
function isFree(r: KeyRestrictions): boolean {
  const permits = r.agentForwarding && r.portForwarding && r.pty && r.x11Forwarding
  const demands = r.command !== undefined || r.tunnel !== undefined || r.environment.size > 0
  return permits && !demands && r.permitOpen === undefined && r.permitListen === undefined
}

function plain(key: PublicKey): AuthorizedKey {
  return { line: 0, options: [], key }
}
