/** Bounds of what a peer can make us do before it is trusted, and of what we send. */

export const limits = {
  /** Key exchanges, and messages that lead nowhere (ignore, debug, unknown…), before authentication. */
  exchangesBeforeAuthentication: 16,
  idleMessagesBeforeAuthentication: 4_096,
  /** Characters of a DISCONNECT's description that we send. */
  description: 1_024,
  /** Bytes that may wait for the peer to read them when it asks for a pong. */
  queuedBehindPongs: 1_048_576,
  /** Bytes of a payload that we send: OpenSSH takes packets of 256 KiB. */
  payload: 262_144 - 512,
} as const
