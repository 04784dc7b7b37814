/** The data of channel requests (RFC 4254 §6, OpenSSH PROTOCOL §2), one declaration per request; `name` is the request's name. */

import { type Field, fields, ProtocolError, struct, UsageError } from '@hawser/wire'

const { ascii, boolean, string, uint32, utf8 } = fields

/** Longest texts that are taken, in bytes. */
export const requestLimits = {
  /** Name and value of one environment variable, each. */
  environment: 32_768,
  /** Command lines and subsystem names. */
  command: 262_144,
  /** Terminal modes: every mode once is under 1,300 bytes. */
  terminalModes: 4096,
} as const

/** RFC 4254 §6.2. `modes` are encoded terminal modes: `encodeTerminalModes`, `decodeTerminalModes`. */
export const ptyReq = struct('pty-req', {
  term: utf8,
  widthColumns: uint32,
  heightRows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
  modes: bounded(string, 'terminal modes', requestLimits.terminalModes),
})

/** RFC 4254 §6.3.1. The cookie is in hexadecimal digits. */
export const x11Req = struct('x11-req', {
  singleConnection: boolean,
  authenticationProtocol: ascii,
  authenticationCookie: ascii,
  screenNumber: uint32,
})

/** RFC 4254 §6.4 */
export const env = struct('env', {
  variableName: bounded(utf8, 'environment variable name', requestLimits.environment),
  variableValue: bounded(utf8, 'environment variable value', requestLimits.environment),
})

/** RFC 4254 §6.5 */
export const shell = struct('shell', {})

/** RFC 4254 §6.5 */
export const exec = struct('exec', { command: bounded(utf8, 'command', requestLimits.command) })

/** RFC 4254 §6.5 */
export const subsystem = struct('subsystem', {
  subsystemName: bounded(utf8, 'subsystem name', requestLimits.command),
})

/** RFC 4254 §6.7 */
export const windowChange = struct('window-change', {
  widthColumns: uint32,
  heightRows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
})

/** RFC 4254 §6.8 */
export const xonXoff = struct('xon-xoff', { clientCanDo: boolean })

/** RFC 4254 §6.9. The name comes without `SIG`. */
export const signal = struct('signal', { signalName: utf8 })

/** RFC 4254 §6.10 */
export const exitStatus = struct('exit-status', { exitStatus: uint32 })

/** RFC 4254 §6.10. The name comes without `SIG`. */
export const exitSignal = struct('exit-signal', {
  signalName: utf8,
  coreDumped: boolean,
  errorMessage: utf8,
  languageTag: fields.optional(utf8, ''),
})

/** OpenSSH's agent forwarding; no data. */
export const authAgentReq = struct('auth-agent-req@openssh.com', {})

/** OpenSSH PROTOCOL §2.1: the peer will read no more, but may still write; no data. */
export const eow = struct('eow@openssh.com', {})

/** `field`, refused past `limit` bytes: the peer's fault when reading, the caller's when writing. */
function bounded<T>(field: Field<T>, what: string, limit: number): Field<T> {
  return {
    read: (reader) => {
      const before = reader.offset
      const value = field.read(reader)
      const size = reader.offset - before - 4
      if (size > limit)
        throw new ProtocolError(`${what} of ${size} bytes, the limit is ${limit}`, {
          code: 'SSH_LIMIT_REQUEST',
        })
      return value
    },
    write: (writer, value) => {
      const before = writer.length
      field.write(writer, value)
      const size = writer.length - before - 4
      if (size > limit) throw new UsageError(`${what} of ${size} bytes, the limit is ${limit}`)
    },
  }
}
