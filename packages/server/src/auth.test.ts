import { generateKey } from '@hawser/keys'
import type { AuthExchange } from '@hawser/session'
import type { AuthRequest } from '@hawser/userauth'
import { describe, expect, test } from 'vitest'
import {
  type AuthHandlers,
  answerAttempt,
  methodsOf,
  passwordsOf,
  type RefusalPolicy,
  sameSecret,
} from './auth.ts'

const base = { user: 'ada', service: 'ssh-connection', reset: false }
const password: AuthRequest = {
  ...base,
  method: 'password',
  password: 'x',
  passwordBytes: Uint8Array.of(0x78),
}
const key = (await generateKey('ed25519')).publicKey

/** An exchange that notes what became of it, and a clock by hand. */
class Attempt implements AuthExchange {
  readonly request: AuthRequest
  readonly log: unknown[] = []
  readonly accepted: string[] = []
  onAbort: (() => void) | undefined
  answered = false
  now = 1000
  readonly later: { readonly at: number; readonly callback: () => void }[] = []

  constructor(request: AuthRequest) {
    this.request = request
  }

  run(handlers: AuthHandlers, stepMs = 50): this {
    const policy: RefusalPolicy = {
      stepMs,
      now: () => this.now,
      after: (milliseconds, callback) => void this.later.push({ at: this.now + milliseconds, callback }),
    }
    answerAttempt(this, handlers, policy, (user, method) => void this.accepted.push(`${user} ${method}`))
    return this
  }

  /** Lets the time pass that refusals wait for; gives the times at which they left. */
  pass(): number[] {
    return this.later.splice(0).map(({ at, callback }) => {
      callback()
      return at
    })
  }

  accept(): void {
    this.#answer('accept')
  }

  reject(o: object = {}): void {
    this.#answer(['reject', o])
  }

  prompt(): Promise<readonly string[]> {
    return Promise.resolve(['42'])
  }

  requestChange(words: string): Promise<{ readonly newPassword: string }> {
    this.log.push(['change', words])
    return Promise.resolve({ newPassword: 'new' })
  }

  #answer(what: unknown): void {
    if (this.answered) throw new Error('answered twice')
    this.answered = true
    this.log.push(what)
  }
}

describe('decisions', () => {
  test('true accepts, at once, and says who it is', () => {
    const attempt = new Attempt(password).run({ password: () => true })
    expect(attempt.log).toEqual(['accept'])
    expect(attempt.accepted).toEqual(['ada password'])
  })

  test.each([false, undefined, null, 1, 'yes', {}])('%j refuses', async (decision) => {
    const attempt = new Attempt(password).run({ password: () => decision as boolean })
    attempt.pass()
    expect(attempt.log).toEqual([['reject', {}]])
    const later = new Attempt(password).run({ password: async () => decision as boolean })
    await Promise.resolve()
    await Promise.resolve()
    later.pass()
    expect(later.log).toEqual([['reject', {}]])
  })

  test('a question whether a key would do names nobody as logged in', () => {
    const request: AuthRequest = {
      ...base,
      method: 'publickey',
      key,
      algorithm: 'ssh-ed25519',
      signed: false,
      hostbound: false,
      verified: false,
    }
    const probe = new Attempt(request).run({ publickey: () => true })
    expect(probe.log).toEqual(['accept'])
    expect(probe.accepted).toEqual([])
    const proof = new Attempt({ ...request, signed: true, verified: true }).run({ publickey: () => true })
    expect(proof.accepted).toEqual(['ada publickey'])
  })

  test('{ next } is a partial success', () => {
    const attempt = new Attempt(password).run({ password: () => ({ next: ['publickey'] }) })
    expect(attempt.log).toEqual([['reject', { methods: ['publickey'], partial: true }]])
  })

  test('{ methods } refuses and names what may be tried', () => {
    const attempt = new Attempt(password).run({ password: () => ({ methods: ['publickey'] }) })
    attempt.pass()
    expect(attempt.log).toEqual([['reject', { methods: ['publickey'] }]])
  })

  test('{ change } asks, and the handler decides again with the new password', async () => {
    const attempt = new Attempt(password).run({
      password: ({ newPassword }) => newPassword === 'new' || { change: 'change it' },
    })
    await Promise.resolve()
    await Promise.resolve()
    expect(attempt.log).toEqual([['change', 'change it'], 'accept'])
  })

  test('a method without a handler is refused like a wrong password', () => {
    const attempt = new Attempt(password).run({ publickey: () => true })
    expect(attempt.log).toEqual([])
    expect(attempt.pass()).toEqual([1050])
    expect(attempt.log).toEqual([['reject', {}]])
  })

  test('refusals leave at the next step, however long the handler took', async () => {
    for (const [took, leaves] of [
      [0, 1050],
      [13, 1050],
      [49, 1050],
      [51, 1100],
    ] as const) {
      const attempt = new Attempt(password)
      let decide: (value: boolean) => void = () => undefined
      attempt.run({
        password: () =>
          new Promise((resolve) => {
            decide = resolve
          }),
      })
      attempt.now += took
      decide(false)
      await Promise.resolve()
      await Promise.resolve()
      expect(attempt.pass()).toEqual([leaves])
    }
  })

  test('none is refused without a wait', () => {
    const attempt = new Attempt({ ...base, method: 'none' }).run({ password: () => true })
    expect(attempt.log).toEqual([['reject', {}]])
  })

  test('a decision that comes after the client gave up answers nothing', async () => {
    let decide: (value: boolean) => void = () => undefined
    let signal: AbortSignal | undefined
    const attempt = new Attempt(password).run({
      password: (given) => {
        signal = given.signal
        return new Promise((resolve) => {
          decide = resolve
        })
      },
    })
    attempt.answered = true
    attempt.onAbort?.()
    expect(signal?.aborted).toBe(true)
    decide(true)
    await Promise.resolve()
    expect(attempt.log).toEqual([])
    expect(attempt.accepted).toEqual([])
  })
})

test('methods are those that have handlers, best first; none is not named', () => {
  const yes = (): boolean => true
  expect(
    methodsOf({ none: yes, password: yes, keyboardInteractive: yes, publickey: yes, hostbased: yes }),
  ).toEqual(['publickey', 'password', 'keyboard-interactive', 'hostbased'])
  expect(methodsOf({ none: yes })).toEqual([])
})

describe('secrets', () => {
  const pairs: [string, string, boolean][] = [
    ['', '', true],
    ['a', 'a', true],
    ['grüße', 'grüße', true],
    ['a', '', false],
    ['', 'a', false],
    ['aa', 'a', false],
    ['a', 'aa', false],
    ['abab', 'ab', false],
    ['ab', 'abab', false],
    ['abc', 'abd', false],
    ['\0', '', false],
    ['', '\0', false],
  ]
  test.each(pairs)('%j and %j: %s', (given, secret, same) => {
    expect(sameSecret(given, secret)).toBe(same)
  })

  test('passwords of users: right, wrong, unknown, and names that objects have by themselves', () => {
    const check = passwordsOf(new Map([['ada', 'word']]))
    const attempt = (user: string, given: string) =>
      check({ user, password: given, service: 'ssh-connection', signal: new AbortController().signal })
    expect(attempt('ada', 'word')).toBe(true)
    expect(attempt('ada', 'wor')).toBe(false)
    expect(attempt('eve', 'word')).toBe(false)
    for (const name of ['constructor', 'toString', '__proto__'])
      for (const given of ['word', 'undefined', String((Object.prototype as Record<string, unknown>)[name])])
        expect(attempt(name, given)).toBe(false)
    expect(attempt('eve', 'no user has this password: the user is unknown')).toBe(false)
  })
})
