/** The type-specific data of CHANNEL_OPEN (RFC 4254 §6.1, §6.3.2, §7.2; OpenSSH PROTOCOL §2.4), one declaration per channel type. */

import { fields, struct } from '@hawser/wire'

const { string, uint32, utf8 } = fields

/** RFC 4254 §6.1: no data. */
export const session = struct('session', {})

/** RFC 4254 §6.3.2: an X client has connected. */
export const x11 = struct('x11', { originatorAddress: utf8, originatorPort: uint32 })

/** RFC 4254 §7.2: connect to this host and port. */
export const directTcpip = struct('direct-tcpip', {
  hostToConnect: utf8,
  portToConnect: uint32,
  originatorAddress: utf8,
  originatorPort: uint32,
})

/** RFC 4254 §7.2: somebody has connected to the address that was asked to be listened on. */
export const forwardedTcpip = struct('forwarded-tcpip', {
  connectedAddress: utf8,
  connectedPort: uint32,
  originatorAddress: utf8,
  originatorPort: uint32,
})

/** OpenSSH PROTOCOL §2.4: connect to this Unix socket. The two last fields are reserved: empty and 0. */
export const directStreamlocal = struct('direct-streamlocal@openssh.com', {
  socketPath: utf8,
  reserved: string,
  reservedPort: uint32,
})

/** OpenSSH PROTOCOL §2.4: somebody has connected to the Unix socket that was asked to be listened on. */
export const forwardedStreamlocal = struct('forwarded-streamlocal@openssh.com', {
  socketPath: utf8,
  reserved: string,
})

/** OpenSSH PROTOCOL.agent: a connection to the client's agent; no data. */
export const authAgent = struct('auth-agent@openssh.com', {})
