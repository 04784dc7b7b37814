/** Starts sessions: options in, a session out, or a promise of one that is ready. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { certificateVerifier, createVerifier, type VerifySignature } from '@hawser/keys'
import { ClientAuthentication } from './client-authentication.ts'
import { Engine } from './engine.ts'
import { ConnectionError } from './errors.ts'
import { observed } from './observe.ts'
import type { ClientSessionOptions, ServerSessionOptions, SessionOptions } from './options.ts'
import type { BytePipe } from './pipe.ts'
import { ServerAuthentication } from './server-authentication.ts'
import { Session } from './session.ts'

/** Begins the client's side over `pipe`, at once and without waiting; `session.ready` tells when it can be used. */
export function beginClient(pipe: BytePipe, o: ClientSessionOptions): Session {
  const trace = observed('client', o.trace)
  const engine = new Engine({
    transport: { role: 'client', ...transportOptions(o) },
    mux: muxOptions(o),
    user: o.user,
    ...(trace === undefined ? {} : { trace }),
  })
  const session = new Session({
    pipe,
    engine,
    timing: o,
    hooks: o.hooks ?? {},
    windows: windowsOf(o),
    authentication: (created) => new ClientAuthentication(created, o),
    ...(trace === undefined ? {} : { trace }),
  })
  session.start()
  const { signal } = o
  if (signal !== undefined) {
    const abort = (): void =>
      session.fail(
        new ConnectionError('SSH_ABORTED', session.phase, 'aborted by the caller', { cause: signal.reason }),
      )
    if (signal.aborted) abort()
    else {
      signal.addEventListener('abort', abort, { once: true })
      const forget = (): void => signal.removeEventListener('abort', abort)
      session.ready.then(forget, forget)
    }
  }
  return session
}

/** The client's side over `pipe`, once it is authenticated. Rejects with the one error that prevented it. */
export async function startClient(pipe: BytePipe, o: ClientSessionOptions): Promise<Session> {
  const session = beginClient(pipe, o)
  await session.ready
  return session
}

/** Begins the server's side over `pipe`, at once and without waiting. */
export function beginServer(pipe: BytePipe, o: ServerSessionOptions): Session {
  const trace = observed('server', o.trace)
  const crypto = o.crypto ?? defaultProvider
  const engine = new Engine({
    transport: {
      role: 'server',
      ...transportOptions(o),
      hostKeys: o.hostKeys,
      ...(o.greeting === undefined ? {} : { greeting: o.greeting }),
    },
    mux: muxOptions(o),
    userauth: {
      verify: o.verify ?? verifierFor(crypto),
      methods: o.authMethods,
      ...(o.signatureAlgorithmsOf === undefined ? {} : { signatureAlgorithmsOf: o.signatureAlgorithmsOf }),
      ...(o.maxAuthTries === undefined ? {} : { maxAttempts: o.maxAuthTries }),
      ...(o.verifySignatures === undefined ? {} : { verifySignatures: o.verifySignatures }),
    },
    ...(trace === undefined ? {} : { trace }),
  })
  const session = new Session({
    pipe,
    engine,
    timing: { ...o, readyTimeoutMs: o.readyTimeoutMs ?? 120_000 },
    hooks: o.hooks ?? {},
    windows: windowsOf(o),
    authentication: (created) => new ServerAuthentication(created, o),
    ...(o.turns === undefined ? {} : { turns: o.turns }),
    ...(trace === undefined ? {} : { trace }),
  })
  session.start()
  return session
}

/** The server's side over `pipe`, once the client is authenticated. */
export async function startServer(pipe: BytePipe, o: ServerSessionOptions): Promise<Session> {
  const session = beginServer(pipe, o)
  await session.ready
  return session
}

/** The check of users' signatures that serves by default: one per provider, not per connection. */
const verifiers = new WeakMap<CryptoProvider, VerifySignature>()

function verifierFor(crypto: CryptoProvider): VerifySignature {
  let verify = verifiers.get(crypto)
  if (verify === undefined) {
    verify = certificateVerifier(createVerifier(crypto))
    verifiers.set(crypto, verify)
  }
  return verify
}

function transportOptions(o: SessionOptions) {
  return {
    ...(o.crypto === undefined ? {} : { crypto: o.crypto }),
    ...(o.ident === undefined ? {} : { ident: o.ident }),
    ...(o.algorithms === undefined ? {} : { algorithms: o.algorithms }),
    ...(o.policy === undefined ? {} : { policy: o.policy }),
    ...(o.rekeyLimits === undefined ? {} : { rekey: o.rekeyLimits }),
  }
}

/** Where windows start and how far they grow; bytes. */
function windowsOf({ window, maxWindow }: SessionOptions): { readonly start: number; readonly most: number } {
  return { start: window ?? defaultWindow, most: maxWindow ?? window ?? mostWindow }
}

/** What the mux starts with when it is told nothing. */
const defaultWindow = 2 * 1024 * 1024
/** Holds half a second of a line of a gigabit. */
const mostWindow = 64 * 1024 * 1024

function muxOptions(o: SessionOptions) {
  return {
    ...(o.window === undefined ? {} : { window: o.window }),
    ...(o.maxPacket === undefined ? {} : { maxPacket: o.maxPacket }),
    ...(o.maxChannels === undefined ? {} : { maxChannels: o.maxChannels }),
  }
}
