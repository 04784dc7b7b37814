/** Errors of the transport: who is at fault, what was seen and offered, what to do. */

import { DisconnectReason, disconnectReasonName, ProtocolError, SshError } from '@hawser/wire'

/** The rows of negotiation (RFC 4253 §7.1), seen from our side: `Out` is what we send with. */
export type AlgorithmCategory =
  | 'kex'
  | 'serverHostKey'
  | 'cipherOut'
  | 'cipherIn'
  | 'macOut'
  | 'macIn'
  | 'compressionOut'
  | 'compressionIn'

/** No algorithm of one category is in both lists (RFC 4253 §7.1: both sides MUST disconnect). Code `SSH_NEGOTIATION_FAILED`. */
export class NegotiationError extends ProtocolError {
  readonly category: AlgorithmCategory
  /** What we offered, best first. */
  readonly ours: readonly string[]
  /** What the peer offered, best first. */
  readonly theirs: readonly string[]
  /** The nearest fix, as a sentence. */
  readonly hint: string

  constructor(category: AlgorithmCategory, ours: readonly string[], theirs: readonly string[], hint: string) {
    super(
      `no common algorithm for ${category}: we offer ${ours.join(',') || 'none'}, the peer offers ${theirs.join(',') || 'none'}; ${hint}`,
      { code: 'SSH_NEGOTIATION_FAILED', disconnectReason: DisconnectReason.keyExchangeFailed },
    )
    this.category = category
    this.ours = ours
    this.theirs = theirs
    this.hint = hint
  }
}

/** Each policy that a connection can fall short of, and its code. */
const policyCodes = {
  requirePostQuantum: 'SSH_POLICY_POST_QUANTUM',
  terrapin: 'SSH_POLICY_TERRAPIN',
} as const

/** What the peer offers is not what the option `policy` asks for. Code `SSH_POLICY_POST_QUANTUM` or `SSH_POLICY_TERRAPIN`. */
export class PolicyError extends ProtocolError {
  /** The field of the option `policy`. */
  readonly policy: keyof typeof policyCodes
  /** What we offer, best first: key exchanges that hold against quantum computers, or ciphers. */
  readonly ours: readonly string[]
  /** All key exchanges, or all ciphers, that the peer offers, best first. */
  readonly theirs: readonly string[]

  constructor(
    policy: keyof typeof policyCodes,
    problem: string,
    {
      ours,
      theirs,
      fix,
    }: { readonly ours: readonly string[]; readonly theirs: readonly string[]; readonly fix: string },
  ) {
    super(`${problem}: we offer ${ours.join(',')}, the peer offers ${theirs.join(',') || 'none'}; ${fix}`, {
      code: policyCodes[policy],
      disconnectReason: DisconnectReason.keyExchangeFailed,
    })
    this.policy = policy
    this.ours = ours
    this.theirs = theirs
  }
}

/** The peer's first bytes are no identification that we can go on with (RFC 4253 §4.2). Code `SSH_IDENTIFICATION`. */
export class IdentificationError extends ProtocolError {
  /** The first bytes that the peer sent, at most 256, each as the character of the same number. */
  readonly received: string

  constructor(
    message: string,
    received: string,
    disconnectReason: DisconnectReason = DisconnectReason.protocolError,
  ) {
    super(message, { code: 'SSH_IDENTIFICATION', disconnectReason })
    this.received = received
  }
}

/** Codes of {@link HostKeyError}. */
export type HostKeyErrorCode =
  /** Not a key, or one that is not good enough: the message says why. */
  | 'SSH_HOST_KEY_UNUSABLE'
  /** A key of another type than was negotiated. */
  | 'SSH_HOST_KEY_TYPE'
  /** The signature over the exchange hash does not fit: an impostor, or a broken server. */
  | 'SSH_HOST_KEY_SIGNATURE'
  /** For whoever decides about host keys: the key is genuine but not trusted. */
  | 'SSH_HOST_KEY_REJECTED'

/** The server's host key cannot be relied upon. */
export class HostKeyError extends ProtocolError {
  /** The negotiated signature algorithm. */
  readonly algorithm: string
  /** The key in SSH wire form, as the server sent it. */
  readonly key: Uint8Array

  constructor(code: HostKeyErrorCode, message: string, algorithm: string, key: Uint8Array, cause?: unknown) {
    super(message, {
      code,
      disconnectReason:
        code === 'SSH_HOST_KEY_REJECTED'
          ? DisconnectReason.hostKeyNotVerifiable
          : DisconnectReason.keyExchangeFailed,
      ...(cause === undefined ? {} : { cause }),
    })
    this.algorithm = algorithm
    this.key = key
  }
}

/** A limit that keeps the peer from using up memory or time was passed. Code `SSH_LIMIT_` and the limit's name. */
export class LimitError extends ProtocolError {
  /** The name of the limit, such as `packet-length`. */
  readonly limit: string

  constructor(limit: string, message: string) {
    super(message, { code: `SSH_LIMIT_${limit.toUpperCase().replaceAll('-', '_')}` })
    this.limit = limit
  }
}

/** The connection was ended by a DISCONNECT message (RFC 4253 §11.1). Code `SSH_DISCONNECTED`. */
export class DisconnectError extends SshError {
  readonly by: 'local' | 'remote'
  /** See `DisconnectReason`. */
  readonly reason: number
  readonly description: string

  constructor(reason: number, description: string, by: 'local' | 'remote' = 'remote') {
    super(
      'SSH_DISCONNECTED',
      `${by === 'remote' ? 'the peer' : 'this side'} disconnected: ${disconnectReasonName(reason)}${description === '' ? '' : ` (${description})`}`,
    )
    this.by = by
    this.reason = reason
    this.description = description
  }
}
