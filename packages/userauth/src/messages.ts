/** Messages 50–53 and the methods' 60–61 (RFC 4252, RFC 4256), and what each method puts into a request; each declared once. */

import {
  DisconnectReason,
  type Field,
  fields,
  message,
  ProtocolError,
  struct,
  utf8DecodeStrict,
} from '@hawser/wire'

const { ascii, boolean, counted, nameList, optional, rest, string, utf8 } = fields

/** What a peer may put into one message. */
export const messageLimits = {
  /** Prompts of one keyboard-interactive round, and answers to them. */
  prompts: 128,
  /** Bytes of a banner, of an instruction, of one prompt. */
  text: 32_768,
} as const

/** Text that decides who somebody is: two different byte strings never read as the same name. */
const identity: Field<string> = {
  read: (reader) => {
    const text = utf8DecodeStrict(reader.string())
    if (text === undefined)
      throw new ProtocolError('a user name that is not valid UTF-8', {
        disconnectReason: DisconnectReason.illegalUserName,
      })
    return text
  },
  write: (writer, value) => void writer.string(value),
}

/** Text for people, bounded. */
const shown: Field<string> = {
  read: (reader) => {
    const before = reader.offset
    const text = reader.utf8()
    const size = reader.offset - before - 4
    if (size > messageLimits.text)
      throw new ProtocolError(`a text of ${size} bytes, the limit is ${messageLimits.text}`, {
        code: 'SSH_LIMIT_TEXT',
      })
    return text
  },
  write: (writer, value) => void writer.string(value),
}

/** RFC 4252 §5; `data` is the method's, see the structs below. */
export const userauthRequest = message('userauthRequest', 50, {
  userName: identity,
  serviceName: ascii,
  methodName: ascii,
  data: rest,
})

/** RFC 4252 §5.1 */
export const userauthFailure = message('userauthFailure', 51, { methods: nameList, partialSuccess: boolean })

/** RFC 4252 §5.1 */
export const userauthSuccess = message('userauthSuccess', 52, {})

/** RFC 4252 §5.4 */
export const userauthBanner = message('userauthBanner', 53, {
  message: shown,
  languageTag: optional(ascii, ''),
})

/** RFC 4252 §7 */
export const userauthPkOk = message('userauthPkOk', 60, { algorithm: ascii, key: string })

/** RFC 4252 §8 */
export const userauthPasswdChangereq = message('userauthPasswdChangereq', 60, {
  prompt: shown,
  languageTag: optional(ascii, ''),
})

/** RFC 4256 §3.2 */
export const userauthInfoRequest = message('userauthInfoRequest', 60, {
  name: shown,
  instruction: shown,
  languageTag: ascii,
  prompts: counted(struct('prompt', { prompt: shown, echo: boolean }), messageLimits.prompts),
})

/** RFC 4256 §3.4 */
export const userauthInfoResponse = message('userauthInfoResponse', 61, {
  responses: counted(utf8, messageLimits.prompts),
})

/** RFC 4252 §8; `change` is false. */
export const passwordData = struct('password', { change: boolean, password: string })

/** RFC 4252 §8; `change` is true. */
export const passwordChangeData = struct('password change', {
  change: boolean,
  password: string,
  newPassword: string,
})

/** RFC 4252 §7: a query when `signed` is false; in front of the signature, and under it, when it is true. */
export const publickeyData = struct('publickey', { signed: boolean, algorithm: ascii, key: string })

/** RFC 4252 §7; `signed` is true. */
export const publickeySignedData = struct('publickey with signature', {
  signed: boolean,
  algorithm: ascii,
  key: string,
  signature: string,
})

/** The method of {@link hostboundData} (OpenSSH PROTOCOL §3.1). */
export const hostboundMethod = 'publickey-hostbound-v00@openssh.com'

/** OpenSSH PROTOCOL §3.1: as {@link publickeyData}, and the server's host key. */
export const hostboundData = struct('publickey-hostbound', {
  signed: boolean,
  algorithm: ascii,
  key: string,
  hostKey: string,
})

/** OpenSSH PROTOCOL §3.1; `signed` is true. */
export const hostboundSignedData = struct('publickey-hostbound with signature', {
  signed: boolean,
  algorithm: ascii,
  key: string,
  hostKey: string,
  signature: string,
})

/** RFC 4256 §3.1; the submethods are a comma-separated list of hints. */
export const keyboardInteractiveData = struct('keyboard-interactive', {
  languageTag: ascii,
  submethods: utf8,
})

/** RFC 4252 §9: what is under the signature. */
export const hostbasedData = struct('hostbased', {
  algorithm: ascii,
  key: string,
  hostName: utf8,
  clientUser: utf8,
})

/** RFC 4252 §9 */
export const hostbasedSignedData = struct('hostbased with signature', {
  algorithm: ascii,
  key: string,
  hostName: utf8,
  clientUser: utf8,
  signature: string,
})

/** Numbers of this layer; 60 and 61 depend on the method. Others from 50 to 79 are to be answered with UNIMPLEMENTED. */
export function isUserauthMessage(number: number): boolean {
  return (
    (number >= userauthRequest.number && number <= userauthBanner.number) || number === 60 || number === 61
  )
}
