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
