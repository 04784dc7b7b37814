/** Options and hooks of a session, for both roles. */

import type { AlgorithmNames, CryptoProvider } from '@hawser/crypto'
import type { PublicKey, Signer, VerifySignature } from '@hawser/keys'
import type { Ident, Negotiated, RekeyLimits, SecurityPolicy } from '@hawser/transport'
import type { AttemptRecord, AuthRequest, Prompt } from '@hawser/userauth'
import type { Trace } from '@hawser/wire'
import type { Timing } from './drive.ts'
import type { Turns } from './turns.ts'

export type Awaitable<T> = T | PromiseLike<T>

/** Moments of a connection, each called synchronously and in order. */
export interface SessionHooks {
  /** The peer's identification, and the lines that came before it. */
  ident?(remote: Ident, greeting: readonly string[]): void
  /** New keys are in use; `first` is false after a rekey. */
  keys?(negotiated: Negotiated, first: boolean): void
  extInfo?(extensions: ReadonlyMap<string, Uint8Array>): void
  /** Client: a USERAUTH_BANNER. */
  banner?(message: string, language: string): void
  ready?(): void
  /** The pipe takes more again, after `session.writable` was false. */
  drain?(): void
  /** DISCONNECT was sent or received. */
  disconnect?(by: 'local' | 'remote', reason: number, description: string): void
  /** The one error of this connection. */
  failed?(error: Error): void
  /** The pipe is closed; always the last. */
  closed?(): void
}

/** What both roles take. */
export interface SessionOptions extends Timing {
  readonly crypto?: CryptoProvider
  /** Software version for our identification line, such as `Hawser_0.1.0`. */
  readonly ident?: string
  /** Algorithms per category, best first; categories left out keep their defaults. A preset of @hawser/crypto is a value for it. */
  readonly algorithms?: Partial<AlgorithmNames>
  readonly policy?: SecurityPolicy
  /** Bytes and packets after which keys are renewed. */
  readonly rekeyLimits?: Partial<RekeyLimits>
  /** Receive window of each channel in bytes; default 2 MiB. */
  readonly window?: number
  /**
   * How large the window of a busy channel may become, in bytes, while that makes it faster; the peer may then send as much that the
   * application has not consumed. Default 64 MiB; with `window` given, that.
   */
  readonly maxWindow?: number
  /** Largest data packet that we take, in bytes; default 255 KiB. */
  readonly maxPacket?: number
  readonly maxChannels?: number
  readonly trace?: Trace
  readonly hooks?: SessionHooks
}

/** A host key as the server proved it in the key exchange. */
export interface HostKeyOffer {
  readonly key: PublicKey
  /** The signature algorithm that proved it. */
  readonly algorithm: string
  /** False at a rekey. */
  readonly first: boolean
  /** At a rekey: whether it is another key than the first one. */
  readonly changed: boolean
}

/** How a client tries to log in; `login` is the user name for this try alone, in place of the session's. */
export type LoginAttempt = { readonly login?: string } & (
  | { readonly method: 'none' }
  | {
      readonly method: 'password'
      readonly password: string | Uint8Array
      /** Asked when the server wants a new password; undefined gives the attempt up. */
      readonly change?: (prompt: string, language: string) => Awaitable<string | undefined>
    }
  | {
      readonly method: 'publickey'
      readonly signer: Signer
      /** Asks first whether the key would do, before anything is signed. Default true; false for keys in memory in a list of @hawser/client. */
      readonly probe?: boolean
    }
  | {
      readonly method: 'keyboard-interactive'
      readonly submethods?: readonly string[]
      /** Answers one round, an answer per prompt; may be called with no prompts at all. */
      readonly respond: (
        name: string,
        instruction: string,
        prompts: readonly Prompt[],
        language: string,
      ) => Awaitable<readonly string[]>
    }
  | {
      readonly method: 'hostbased'
      readonly signer: Signer
      readonly host: string
      readonly user: string
    }
)

/** What is known when the next attempt is chosen. */
export interface AuthState {
  /** What the server says can continue; undefined before the first attempt. */
  readonly methods: readonly string[] | undefined
  /** The last attempt succeeded and the server wants another. */
  readonly partial: boolean
  readonly attempts: readonly AttemptRecord[]
  /** Signature algorithms that the server announced (RFC 8308); undefined when it did not. */
  readonly serverSigAlgs: readonly string[] | undefined
  /** What a login will be bound to, and the proof that the server is its other end: what agents want to know (session-bind@openssh.com). */
  readonly session: {
    readonly id: Uint8Array
    readonly hostKey: Uint8Array
    readonly hostSignature: Uint8Array
  }
}

/** Chooses the next attempt; undefined when there is nothing left to try. */
export type AuthOrder = (state: AuthState) => Awaitable<LoginAttempt | undefined>

export interface ClientSessionOptions extends SessionOptions {
  readonly user: string
  readonly auth: AuthOrder
  /** Only `true` accepts. An error thrown here becomes the connection's error. Asked again at every rekey. */
  readonly verifyHostKey: (offer: HostKeyOffer) => Awaitable<boolean>
  readonly signal?: AbortSignal
}

/** One authentication request of a client and the ways to answer it; exactly one of them, once. */
export interface AuthExchange {
  readonly request: AuthRequest
  /** Settled already, or given up by the client. */
  readonly answered: boolean
  /** Lets the user in; for a publickey probe it says that the key would do. */
  accept(): void
  /** `methods` replaces the list of what can continue; `partial` says that this one succeeded. */
  reject(o?: { readonly methods?: readonly string[]; readonly partial?: boolean }): void
  /** keyboard-interactive: one round. Rejects when the client starts another request or goes away. */
  prompt(prompts: readonly Prompt[], name?: string, instruction?: string): Promise<readonly string[]>
  /** password: asks for a new one; answer the exchange afterwards. Rejects like `prompt`. */
  requestChange(prompt: string, language?: string): Promise<{ readonly newPassword: string }>
  /** Called when the client gives this request up before it was answered. */
  onAbort: (() => void) | undefined
}

export interface ServerSessionOptions extends SessionOptions {
  /** Where what comes before the login is over takes its turn; default: none, it is handled when it comes. */
  readonly turns?: Turns
  readonly hostKeys: readonly Signer[]
  /** Takes each authentication request; must answer it in the end. */
  readonly onAuth: (exchange: AuthExchange) => void
  /** Methods named when a request is refused without a list of its own. */
  readonly authMethods: readonly string[]
  /** Failed tries before the connection ends; probes count half. Default 6. */
  readonly maxAuthTries?: number
  /** Lines sent before the identification. */
  readonly greeting?: readonly string[]
  /** Sent before the first answer to an authentication request. */
  readonly banner?: string
  /** Checks signatures of publickey requests; default `createVerifier(crypto)`. */
  readonly verify?: VerifySignature
  /**
   * The signature algorithms that the keys of `user` may sign by; clients that take it are told once they name the user
   * (`ext-info-in-auth@openssh.com`). Undefined, or absent: all that `verify` takes.
   */
  readonly signatureAlgorithmsOf?: (user: string) => readonly string[] | undefined
  /** False leaves the check of signatures to the application, which then must do it. Default true. */
  readonly verifySignatures?: boolean
}
