/** Bounds of the agent protocol. */

export const agentLimits = {
  /** Bytes of a message behind its length; OpenSSH has the same. */
  message: 262_144,
  /** Keys in one list; OpenSSH has the same. */
  identities: 2048,
  /** Requests that a server takes before the oldest of them is answered. */
  outstanding: 64,
} as const
