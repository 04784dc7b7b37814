/** Bounds of the agent protocol. */

export const agentLimits = {
  /** Bytes of a message behind its length; OpenSSH has the same. */
  message: 262_144,
  /** Keys in one list; OpenSSH has the same. */
  identities: 2048,
  /** Requests that a server takes before the oldest of them is answered. */
  outstanding: 64,
  /** Sessions that one connection is bound to, one behind the other; OpenSSH has the same. */
  sessions: 16,
  /** Bytes of a session identifier; OpenSSH has the same. */
  sessionId: 128,
  /** Destinations of one key; OpenSSH has the same. */
  destinations: 1024,
} as const
