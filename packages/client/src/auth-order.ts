/** Which login attempt comes next: the default order, and what the server's answers change in it. */

import type { AuthOrder, AuthState, LoginAttempt } from '@hawser/session'

/** A list as the order that it stands for; an order as it is. Use what comes out for one connection only. */
export function orderOf(auth: readonly LoginAttempt[] | AuthOrder): AuthOrder {
  return typeof auth === 'function' ? auth : attemptsInOrder(auth)
}

/**
 * `none` first (RFC 4252 §5.2: it asks what can continue, and lets in who needs nothing), then each of `attempts` once, in order.
 * Attempts that the server does not offer at the moment are passed over, and come into question again
 * when a partial success changes what it offers.
 */
export function attemptsInOrder(attempts: readonly LoginAttempt[]): AuthOrder {
  const left = [...attempts]
  let begun = false
  return (state: AuthState): LoginAttempt | undefined => {
    if (!begun) {
      begun = true
      const first = left[0]
      if (first?.method !== 'none') return { method: 'none' }
    }
    const at = left.findIndex(
      ({ method }) => state.methods === undefined || method === 'none' || state.methods.includes(method),
    )
    return at < 0 ? undefined : left.splice(at, 1)[0]
  }
}
