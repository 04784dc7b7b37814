/** Errors of the algorithms. */

import { DisconnectReason, ProtocolError } from '@hawser/wire'

/** A packet's tag or MAC does not fit: it was changed on the way, or the two ends have different keys. */
export class MacError extends ProtocolError {
  constructor(message = 'packet authentication failed: its tag or MAC does not fit') {
    super(message, { code: 'SSH_MAC_ERROR', disconnectReason: DisconnectReason.macError })
  }
}

/** The peer's key agreement value must be refused: wrong length, not on the curve, out of range, or of low order. */
export class AgreementError extends ProtocolError {
  constructor(message: string, cause?: unknown) {
    super(message, {
      code: 'SSH_KEX_BAD_VALUE',
      disconnectReason: DisconnectReason.keyExchangeFailed,
      ...(cause === undefined ? {} : { cause }),
    })
  }
}

/** Codes of {@link CompressionError}. */
export type CompressionErrorCode =
  /** The peer's stream is broken, or is none. */
  | 'SSH_COMPRESSION_ERROR'
  /** A packet inflates to more than a packet may hold. */
  | 'SSH_LIMIT_DECOMPRESSED'

/** What the peer compressed must be refused. It disconnects with COMPRESSION_ERROR (RFC 4253 §11.1). */
export class CompressionError extends ProtocolError {
  constructor(message: string, code: CompressionErrorCode = 'SSH_COMPRESSION_ERROR') {
    super(message, { code, disconnectReason: DisconnectReason.compressionError })
  }
}
