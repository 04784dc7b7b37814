/** The data of global requests and of the replies that carry some (RFC 4254 §7.1, OpenSSH PROTOCOL §2.4, §2.5). */

import { fields, struct } from '@hawser/wire'

const { repeat, string, uint32, utf8 } = fields

/** RFC 4254 §7.1: listen there; port 0 lets the server choose, and {@link tcpipForwardReply} then tells. */
export const tcpipForward = struct('tcpip-forward', { addressToBind: utf8, portToBind: uint32 })

/** RFC 4254 §7.1: the data of REQUEST_SUCCESS when port 0 was asked for; nothing otherwise. */
export const tcpipForwardReply = struct('tcpip-forward reply', { boundPort: uint32 })

/** RFC 4254 §7.1 */
export const cancelTcpipForward = struct('cancel-tcpip-forward', { addressToBind: utf8, portToBind: uint32 })

/** OpenSSH PROTOCOL §2.4 */
export const streamlocalForward = struct('streamlocal-forward@openssh.com', { socketPath: utf8 })

/** OpenSSH PROTOCOL §2.4 */
export const cancelStreamlocalForward = struct('cancel-streamlocal-forward@openssh.com', { socketPath: utf8 })

/** OpenSSH PROTOCOL §2.2: the client will open no more sessions; no data. */
export const noMoreSessions = struct('no-more-sessions@openssh.com', {})

/** OpenSSH PROTOCOL §2.5: every host key that the server has, as public key blobs. */
export const hostkeys = struct('hostkeys-00@openssh.com', { keys: repeat(string) })

/** OpenSSH PROTOCOL §2.5: prove that you have these; answered by {@link hostkeysProveReply}. */
export const hostkeysProve = struct('hostkeys-prove-00@openssh.com', { keys: repeat(string) })

/** OpenSSH PROTOCOL §2.5: one signature blob per key that was asked about, in that order. */
export const hostkeysProveReply = struct('hostkeys-prove-00@openssh.com reply', {
  signatures: repeat(string),
})

/** OpenSSH PROTOCOL §2.5: what such a signature is over. */
export const hostkeysProofData = struct('hostkeys-prove-00@openssh.com proof', {
  /** The request's name. */
  label: utf8,
  sessionId: string,
  key: string,
})

/** A sign of life; no data. Any answer will do. */
export const keepalive = struct('keepalive@openssh.com', {})
