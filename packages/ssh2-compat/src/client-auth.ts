/** Which authentication attempt a client makes next: the default order, or the program's own handler in any shape. */

import type { EventEmitter } from 'node:events'
import type { AuthOrder, AuthState, LoginAttempt } from '@hawser/session'
import { type AgentMethods, agentOption, isAgentGone } from './agent.ts'
import { boundAgent, loginBinding } from './agent-binding.ts'
import { agentSigners } from './agent-use.ts'
import { keySigner, parsePrivate, withCertificate } from './keys.ts'
import type { ClientSettings } from './options.ts'
import type { AnyAuthMethod, AuthenticationType, ChangePasswordCallback, NextAuth, Prompt } from './types.ts'

/** A method that could not be tried, and why. */
export interface SkippedAttempt {
  readonly method: string
  readonly reason: string
  readonly cause?: unknown
}

/** To be tried with each key of an agent. */
interface AgentLogin {
  readonly agent: AgentMethods
  readonly login?: string
}

/** How often in a row a handler may name something that cannot be tried. */
const maxSkips = 32

/** The order of attempts for one connection; what was skipped is added to `skipped`. */
export function authOrder(
  settings: ClientSettings,
  emitter: EventEmitter,
  skipped: SkippedAttempt[],
): AuthOrder {
  const { authHandler } = settings
  const next =
    authHandler === undefined
      ? defaultOrder(settings)
      : typeof authHandler === 'function'
        ? fromFunction(authHandler)
        : fromList(authHandler)
  const agentKeys = new AgentKeys()
  return async (state) => {
    const key = agentKeys.next(state)
    if (key !== undefined) return key
    for (let skips = 0; skips < maxSkips; skips++) {
      const wish = await next(state)
      if (wish === false || wish === undefined || wish === null) return undefined
      const tried = toAttempt(wish, settings, emitter)
      const attempt = 'agent' in tried ? await agentKeys.ask(tried, state) : tried
      if (!('reason' in attempt)) return attempt
      skipped.push(attempt)
      settings.debug?.(`Skipping authentication method ${attempt.method}: ${attempt.reason}`)
    }
    return undefined
  }
}

/** The keys of an agent, one attempt each, before anything else is tried. */
class AgentKeys {
  #left: LoginAttempt[] = []

  /** The next key; none after a partial success, when the server takes no more keys, and when the agent is gone. */
  next({ attempts, methods, partial }: AuthState): LoginAttempt | undefined {
    const takes = methods === undefined || methods.length === 0 || methods.includes('publickey')
    if (partial || !takes || isAgentGone(attempts.at(-1)?.cause)) this.#left = []
    return this.#left.shift()
  }

  async ask({ agent, login }: AgentLogin, state: AuthState): Promise<LoginAttempt | SkippedAttempt> {
    try {
      const signers = await agentSigners(boundAgent(agent, loginBinding(state)))
      this.#left = signers.map((signer) => ({
        method: 'publickey',
        signer,
        ...(login === undefined ? {} : { login }),
      }))
    } catch (cause) {
      return { method: 'agent', reason: (cause as Error).message, cause }
    }
    return this.#left.shift() ?? { method: 'agent', reason: 'the agent has no keys' }
  }
}

/** None, password, public key, agent, keyboard-interactive, hostbased, as far as the options allow and the server wants them. */
function defaultOrder(settings: ClientSettings): Chooser {
  const left: AuthenticationType[] = ['none']
  if (settings.password !== undefined) left.push('password')
  if (settings.privateKey !== undefined) left.push('publickey')
  if (settings.agent !== undefined) left.push('agent')
  if (settings.tryKeyboard) left.push('keyboard-interactive')
  if (settings.hostbased !== undefined) left.push('hostbased')
  return ({ methods }) => {
    // Servers that name no methods at all are given a try with each.
    const wanted = (type: AuthenticationType): boolean =>
      type === 'none' ||
      methods === undefined ||
      methods.length === 0 ||
      methods.includes(type === 'agent' ? 'publickey' : type)
    const at = left.findIndex(wanted)
    return at < 0 ? undefined : left.splice(at, 1)[0]
  }
}

type Chooser = (state: AuthState) => NextAuth | undefined | Promise<NextAuth | undefined>

function fromList(list: readonly (AuthenticationType | AnyAuthMethod)[]): Chooser {
  let at = 0
  return () => list[at++]
}

/** The handler answers by its return value, a promise or the callback, whichever comes first. */
function fromFunction(handler: Extract<ClientSettings['authHandler'], (...args: never) => unknown>): Chooser {
  let first = true
  return (state) =>
    new Promise<NextAuth | undefined>((resolve, reject) => {
      const methods =
        first || state.methods === undefined ? null : ([...state.methods] as AuthenticationType[])
      const partial = first ? null : state.partial
      first = false
      const answer = handler(methods, partial, resolve)
      if (answer === undefined || answer === null) return
      if (typeof (answer as Promise<NextAuth>).then === 'function')
        (answer as Promise<NextAuth | undefined>).then((value) => {
          if (value !== undefined) resolve(value)
        }, reject)
      else resolve(answer as NextAuth)
    })
}

function toAttempt(
  wish: AuthenticationType | AnyAuthMethod,
  settings: ClientSettings,
  emitter: EventEmitter,
): LoginAttempt | SkippedAttempt | AgentLogin {
  const own: Partial<Record<string, unknown>> = typeof wish === 'object' ? { ...wish } : {}
  const type = typeof wish === 'object' ? wish.type : wish
  const attempt = byMethod(type, own, settings, emitter)
  const { username } = own
  return 'reason' in attempt || typeof username !== 'string' ? attempt : { ...attempt, login: username }
}

function byMethod(
  type: AuthenticationType,
  own: Partial<Record<string, unknown>>,
  settings: ClientSettings,
  emitter: EventEmitter,
): LoginAttempt | SkippedAttempt | AgentLogin {
  const skip = (reason: string): SkippedAttempt => ({ method: String(type), reason })
  switch (type) {
    case 'none':
      return { method: 'none' }
    case 'password': {
      const password = (own['password'] ?? settings.password) as string | Buffer | undefined
      if (typeof password !== 'string' && !Buffer.isBuffer(password)) return skip('no password is set')
      return {
        method: 'password',
        password,
        change: (prompt, language) => askPassword(emitter, prompt, language),
      }
    }
    case 'publickey': {
      const key = certifiedKeyOf(own, settings)
      return 'reason' in key ? skip(key.reason) : { method: 'publickey', signer: key }
    }
    case 'keyboard-interactive': {
      const ask = typeof own['prompt'] === 'function' ? (own['prompt'] as Ask) : asker(emitter)
      return { method: 'keyboard-interactive', respond: (...round) => respond(ask, ...round) }
    }
    case 'hostbased': {
      const key = keyOf(own, settings)
      if ('reason' in key) return skip(key.reason)
      const host = own['localHostname'] ?? settings.hostbased?.host
      const user = own['localUsername'] ?? settings.hostbased?.user
      if (typeof host !== 'string' || host === '' || typeof user !== 'string' || user === '')
        return skip('localHostname and localUsername are needed')
      return { method: 'hostbased', signer: key, host, user }
    }
    case 'agent':
      try {
        const agent = own['agent'] === undefined ? settings.agent : agentOption(own['agent'])
        return agent === undefined ? skip('no agent is set') : { agent }
      } catch (error) {
        return skip((error as Error).message)
      }
    default:
      return skip('there is no such method')
  }
}

function keyOf(
  own: Partial<Record<string, unknown>>,
  settings: ClientSettings,
): ReturnType<typeof keySigner> | { readonly reason: string } {
  if (own['key'] === undefined)
    return settings.privateKey === undefined
      ? { reason: 'no private key is set' }
      : keySigner(settings.privateKey)
  try {
    return keySigner(
      parsePrivate(own['key'] as string | Buffer, own['passphrase'] as string | undefined, 'key'),
    )
  } catch (error) {
    return { reason: (error as Error).message }
  }
}

/** The key with its certificate: its own, or that of the options for their key. */
function certifiedKeyOf(
  own: Partial<Record<string, unknown>>,
  settings: ClientSettings,
): ReturnType<typeof keyOf> {
  const { certificate } = own
  const given = certificate !== undefined && certificate !== null
  if (!given && own['key'] === undefined && settings.signer !== undefined) return settings.signer
  const key = keyOf(own, settings)
  if (!given || 'reason' in key) return key
  try {
    return withCertificate(key, certificate as string | Buffer, 'user')
  } catch (error) {
    return { reason: (error as Error).message }
  }
}

type Ask = (
  name: string,
  instructions: string,
  language: string,
  prompts: Prompt[],
  finish: (answers: string[]) => void,
) => void

function asker(emitter: EventEmitter): Ask {
  return (...round) => {
    if (!emitter.emit('keyboard-interactive', ...round))
      throw new Error('the server asks questions, and nobody listens to the event keyboard-interactive')
  }
}

/** One round of questions. A round without questions is answered at once: there is nothing to ask anybody. */
function respond(
  ask: Ask,
  name: string,
  instructions: string,
  prompts: readonly Prompt[],
  language: string,
): readonly string[] | Promise<readonly string[]> {
  if (prompts.length === 0) return []
  return new Promise((resolve) => {
    const plain = prompts.map(({ prompt, echo }) => ({ prompt, echo: echo === true }))
    ask(name, instructions, language, plain, (answers) => {
      const given = Array.isArray(answers) ? answers.map(String) : []
      resolve(prompts.map((_prompt, at) => given[at] ?? ''))
    })
  })
}

/**
 * Emits `change password` with (prompt, done, done): handlers written for (message, language, done) find the language
 * in the second argument's text, those for (prompt, done) find a function there.
 */
function askPassword(emitter: EventEmitter, prompt: string, language: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const done: ChangePasswordCallback = (password) =>
      resolve(typeof password === 'string' ? password : undefined)
    const second = Object.assign((password: string) => done(password), { language, toString: () => language })
    if (!emitter.emit('change password', prompt, second, done)) resolve(undefined)
  })
}
