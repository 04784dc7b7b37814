/** The root of every error that Hawser throws, and the numbers that a DISCONNECT carries. */

const brand = Symbol.for('@hawser/SshError')

/** Facts that an error carries beside its message: names, numbers, lists; never secrets. */
export interface SshErrorOptions {
  /** What caused this error, kept as `error.cause`. */
  readonly cause?: unknown
}

/**
 * Every error of ours. `code` is stable and meant for programs; `message` is one lower-case sentence for people.
 * Copies of this class in different builds recognise each other's errors: use {@link SshError.is}, not `instanceof`.
 */
export class SshError extends Error {
  readonly code: string

  constructor(code: string, message: string, options: SshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    Object.defineProperty(this, brand, { value: true })
    Object.defineProperty(this, 'name', {
      value: new.target.name,
      configurable: true,
      writable: true,
    })
  }

  /** Whether `value` is an error of ours, from whichever build. */
  static is(value: unknown): value is SshError {
    return value instanceof Error && (value as { [brand]?: unknown })[brand] === true
  }
}

/**
 * The peer broke the protocol. The machine that threw it is dead;
 * whoever drives it sends DISCONNECT with `disconnectReason` and closes.
 */
export class ProtocolError extends SshError {
  readonly disconnectReason: DisconnectReason

  constructor(
    message: string,
    options: SshErrorOptions & {
      readonly code?: string
      readonly disconnectReason?: DisconnectReason
    } = {},
  ) {
    super(options.code ?? 'SSH_PROTOCOL_ERROR', message, options)
    this.disconnectReason = options.disconnectReason ?? DisconnectReason.protocolError
  }
}

/** The caller did something that is not possible now, or passed a value that cannot be used. */
export class UsageError extends SshError {
  constructor(message: string, options: SshErrorOptions & { readonly code?: string } = {}) {
    super(options.code ?? 'SSH_USAGE', message, options)
  }
}

/** Reason codes of SSH_MSG_DISCONNECT (RFC 4253 §11.1, RFC 4250 §4.2.2). */
export const DisconnectReason = {
  hostNotAllowedToConnect: 1,
  protocolError: 2,
  keyExchangeFailed: 3,
  reserved: 4,
  macError: 5,
  compressionError: 6,
  serviceNotAvailable: 7,
  protocolVersionNotSupported: 8,
  hostKeyNotVerifiable: 9,
  connectionLost: 10,
  byApplication: 11,
  tooManyConnections: 12,
  authCancelledByUser: 13,
  noMoreAuthMethodsAvailable: 14,
  illegalUserName: 15,
} as const
export type DisconnectReason = (typeof DisconnectReason)[keyof typeof DisconnectReason]

const reasonNames: ReadonlyMap<number, string> = new Map([
  [1, 'HOST_NOT_ALLOWED_TO_CONNECT'],
  [2, 'PROTOCOL_ERROR'],
  [3, 'KEY_EXCHANGE_FAILED'],
  [4, 'RESERVED'],
  [5, 'MAC_ERROR'],
  [6, 'COMPRESSION_ERROR'],
  [7, 'SERVICE_NOT_AVAILABLE'],
  [8, 'PROTOCOL_VERSION_NOT_SUPPORTED'],
  [9, 'HOST_KEY_NOT_VERIFIABLE'],
  [10, 'CONNECTION_LOST'],
  [11, 'BY_APPLICATION'],
  [12, 'TOO_MANY_CONNECTIONS'],
  [13, 'AUTH_CANCELLED_BY_USER'],
  [14, 'NO_MORE_AUTH_METHODS_AVAILABLE'],
  [15, 'ILLEGAL_USER_NAME'],
])

/** The RFC's name of a disconnect reason without its prefix, such as `KEY_EXCHANGE_FAILED`; its number when it has none. */
export function disconnectReasonName(reason: number): string {
  return reasonNames.get(reason) ?? String(reason)
}

/** For the `default` of an exhaustive `switch`: does not compile while a case is missing. */
export function assertNever(value: never): never {
  throw new UsageError(`unexpected value ${String(value)}`)
}
