/** Which authentication attempt a client makes next: the default order, or the program's own handler in any shape. */

import type { EventEmitter } from 'node:events'
import type { AuthOrder, AuthState, LoginAttempt } from '@hawser/session'
import { keySigner, parsePrivate } from './keys.ts'
import type { ClientSettings } from './options.ts'
import type { AnyAuthMethod, AuthenticationType, ChangePasswordCallback, NextAuth, Prompt } from './types.ts'

/** A method that could not be tried, and why. */
export interface SkippedAttempt {
  readonly method: string
  readonly reason: string
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
  if (authHandler === undefined) return defaultOrder(settings, emitter)
  const next = typeof authHandler === 'function' ? fromFunction(authHandler) : fromList(authHandler)
  return async (state) => {
    for (let skips = 0; skips < maxSkips; skips++) {
      const wish = await next(state)
      if (wish === false || wish === undefined || wish === null) return undefined
      const attempt = toAttempt(wish, settings, emitter)
      if (!('reason' in attempt)) return attempt
      skipped.push(attempt)
      settings.debug?.(`Skipping authentication method ${attempt.method}: ${attempt.reason}`)
    }
    return undefined
  }
}

/** None, password, public key, keyboard-interactive, hostbased, as far as the options allow and the server wants them. */
function defaultOrder(settings: ClientSettings, emitter: EventEmitter): AuthOrder {
  const wishes: AuthenticationType[] = ['none']
  if (settings.password !== undefined) wishes.push('password')
  if (settings.privateKey !== undefined) wishes.push('publickey')
  if (settings.tryKeyboard) wishes.push('keyboard-interactive')
  if (settings.hostbased !== undefined) wishes.push('hostbased')
  const attempts = wishes.map((wish) => toAttempt(wish, settings, emitter)).filter((a) => !('reason' in a))
  const left = attempts as LoginAttempt[]
  return ({ methods }) => {
    // Servers that name no methods at all are given a try with each.
    const wanted = ({ method }: LoginAttempt): boolean =>
      method === 'none' || methods === undefined || methods.length === 0 || methods.includes(method)
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
): LoginAttempt | SkippedAttempt {
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
): LoginAttempt | SkippedAttempt {
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
      const key = keyOf(own, settings)
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
      return skip('agents are not served yet')
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
