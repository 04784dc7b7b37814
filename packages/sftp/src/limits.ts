/** Bounds of the SFTP protocol in one place; each names its precedent. */

export const sftpLimits = {
  /** Bytes of a packet behind its length: OpenSSH's 256 KiB and room for what stands around the data. */
  packet: 256 * 1024 + 1024,
  /** Bytes of a handle (draft-ietf-secsh-filexfer-02 §6.3). */
  handle: 256,
  /** Bytes of a path that a server takes: Linux's PATH_MAX. */
  path: 4096,
  /** Bytes of a path that a client sends: servers on Windows have paths of 32,767 characters. */
  sentPath: 32 * 1024,
  /** Entries of one directory that a client reads; the largest directories that people have hold some millions. */
  listing: 10_000_000,
  /** Requests of one client that wait at a server; more are left unread. */
  queuedRequests: 1024,
  /** Handles that one client may hold open. */
  openHandles: 1024,
} as const
