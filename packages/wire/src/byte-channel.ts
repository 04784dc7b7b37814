/** The stream of bytes under a protocol that does not care what carries it: agents, SFTP. */

/**
 * A duplex stream of bytes in callback shape; the `BytePipe` of @hawser/session has all of this. The three `on…` properties are set
 * first, then `resume` is called; nothing is delivered before that.
 */
export interface ByteChannel {
  /** Bytes arrived; they belong to the receiver. */
  onData: (bytes: Uint8Array) => void
  /** `write` returned false and there is room again. */
  onDrain: () => void
  /** No more bytes will come, called once. */
  onClose: (error?: Error) => void
  /** Takes `bytes`, which must not be changed afterwards. False asks to wait for `onDrain`. */
  write(bytes: Uint8Array): boolean
  pause(): void
  resume(): void
  /** Sends what was written, then ends our side. */
  end(): void
  /** Closes at once. */
  destroy(error?: Error): void
}
