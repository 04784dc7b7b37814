/** Which login attempt comes next: the default order, and what the server's answers change in it. */

import { AgentError, loginSigners } from '@hawser/agent'
import type { PrivateKey } from '@hawser/keys'
import type { AuthOrder, AuthState, LoginAttempt } from '@hawser/session'
import type { ForwardedAgent } from './agent-forwarding.ts'

/** Stands for a `publickey` attempt by each key of an agent, in its order. */
export interface AgentAttempt {
  readonly method: 'agent'
  /** One that runs (`agentAt()` of @hawser/agent/node), or a `Keyring`. It is bound to the session first, as keys for some destinations need it. */
  readonly agent: ForwardedAgent
  /** The user name for these tries alone. */
  readonly login?: string
}

type Attempt = LoginAttempt | AgentAttempt

/** A list as the order that it stands for; an order as it is. Use what comes out for one connection only. */
export function orderOf(auth: readonly Attempt[] | AuthOrder): AuthOrder {
  return typeof auth === 'function' ? auth : attemptsInOrder(auth)
}

/**
 * `none` first (RFC 4252 §5.2: it asks what can continue, and lets in who needs nothing), then each of `attempts` once, in order.
 * A key that stands first goes before `none`: it most often does, and that spares a round trip. A key in memory signs without asking
 * first whether it would do, unless its attempt has a `probe`: nobody has to touch or confirm anything for it.
 * Attempts that the server does not offer at the moment are passed over, and come into question again
 * when a partial success changes what it offers. An agent that cannot be reached is passed over; its error is thrown when nothing else
 * could be tried.
 */
export function attemptsInOrder(attempts: readonly Attempt[]): AuthOrder {
  const left = [...attempts]
  let begun = false
  let tried = 0
  let unreachable: AgentError | undefined
  const next = async (state: AuthState): Promise<LoginAttempt | undefined> => {
    const { methods } = state
    const at = left.findIndex(
      ({ method }) =>
        methods === undefined ||
        method === 'none' ||
        methods.includes(method === 'agent' ? 'publickey' : method),
    )
    const [attempt] = at < 0 ? [] : left.splice(at, 1)
    if (attempt?.method === 'agent') {
      try {
        left.splice(at, 0, ...(await keysOf(attempt, state)))
      } catch (error) {
        if (!(error instanceof AgentError)) throw error
        unreachable = error
      }
      return next(state)
    }
    if (attempt !== undefined && attempt.method !== 'none') tried++
    if (attempt === undefined && tried === 0 && unreachable !== undefined) throw unreachable
    return attempt?.method === 'publickey' ? { probe: !inMemory(attempt.signer), ...attempt } : attempt
  }
  let noneLater = false
  return (state) => {
    if (!begun) {
      begun = true
      const first = left[0]
      noneLater = first?.method === 'publickey'
      if (!noneLater && first?.method !== 'none') return { method: 'none' }
    } else if (noneLater) {
      noneLater = false
      if (!state.partial) return { method: 'none' }
    }
    return next(state)
  }
}

function inMemory(signer: Partial<PrivateKey>): boolean {
  return typeof signer.dispose === 'function'
}

async function keysOf({ agent, login }: AgentAttempt, { session }: AuthState): Promise<LoginAttempt[]> {
  const signers = await loginSigners(agent, {
    hostKey: session.hostKey,
    sessionId: session.id,
    signature: session.hostSignature,
    forwarding: false,
  })
  return signers.map((signer) => ({ method: 'publickey', signer, ...(login === undefined ? {} : { login }) }))
}
