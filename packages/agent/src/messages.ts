/** The messages of the agent protocol (RFC 9987 §3), each with its fields. */

import { fields, type Infer, message, noBytes, ProtocolError, type Struct, struct } from '@hawser/wire'
import { agentLimits } from './limits.ts'
import { AgentReply, AgentRequest, agentMessageName } from './numbers.ts'

const { ascii, counted, rest, string, uint32, utf8 } = fields

/** One entry of a list of keys: its public blob, and a comment for people. */
const identity = struct('identity', { keyBlob: string, comment: utf8 })
export type AgentIdentity = Infer<typeof identity>

const identityField = { read: identity.read, write: identity.write }

/** RFC 9987 §3.5 */
const requestIdentities = message('requestIdentities', AgentRequest.requestIdentities, {})
/** RFC 9987 §3.6 */
const signRequest = message('signRequest', AgentRequest.signRequest, {
  keyBlob: string,
  data: string,
  flags: uint32,
})
/** RFC 9987 §3.2: `key` is type, fields and comment; with constraints behind them when the message is the constrained one. */
const addIdentity = message('addIdentity', AgentRequest.addIdentity, { key: rest })
const addIdentityConstrained = message('addIdentityConstrained', AgentRequest.addIdentityConstrained, {
  key: rest,
})
/** RFC 9987 §3.4 */
const removeIdentity = message('removeIdentity', AgentRequest.removeIdentity, { keyBlob: string })
const removeAllIdentities = message('removeAllIdentities', AgentRequest.removeAllIdentities, {})
/** RFC 9987 §3.2.6, §3.4: keys of a token, by a name of its reader; with constraints behind it when the message is the constrained one. */
const smartcard = { reader: utf8, pin: string }
const addSmartcardKey = message('addSmartcardKey', AgentRequest.addSmartcardKey, smartcard)
const addSmartcardKeyConstrained = message(
  'addSmartcardKeyConstrained',
  AgentRequest.addSmartcardKeyConstrained,
  { ...smartcard, constraints: rest },
)
const removeSmartcardKey = message('removeSmartcardKey', AgentRequest.removeSmartcardKey, smartcard)
/** RFC 9987 §3.7 */
const lock = message('lock', AgentRequest.lock, { passphrase: string })
const unlock = message('unlock', AgentRequest.unlock, { passphrase: string })
/** RFC 9987 §3.8 */
const extension = message('extension', AgentRequest.extension, { name: ascii, contents: rest })

const requests = {
  requestIdentities,
  signRequest,
  addIdentity,
  addIdentityConstrained,
  removeIdentity,
  removeAllIdentities,
  addSmartcardKey,
  addSmartcardKeyConstrained,
  removeSmartcardKey,
  lock,
  unlock,
  extension,
} as const

/** A request as a value: its `type` and fields. */
export type AgentAsk = {
  readonly [K in keyof typeof requests]: { readonly type: K } & Infer<(typeof requests)[K]>
}[keyof typeof requests]

/** RFC 9987 §3.5: a count, then so many keys. */
const identitiesAnswer = message('identitiesAnswer', AgentReply.identitiesAnswer, {
  identities: counted(identityField, agentLimits.identities),
})
/** RFC 9987 §3.6: a signature blob (RFC 4253 §6.6). */
const signResponse = message('signResponse', AgentReply.signResponse, { signature: string })
/** RFC 9987 §3.8: the extension's name again, then what it answers. */
const extensionResponse = message('extensionResponse', AgentReply.extensionResponse, {
  name: ascii,
  contents: rest,
})
/** Some agents put contents behind success, as drafts of the RFC had it for extensions. */
const success = message('success', AgentReply.success, { contents: rest })
const failure = message('failure', AgentReply.failure, { contents: rest })
const extensionFailure = message('extensionFailure', AgentReply.extensionFailure, { contents: rest })

const replies = {
  identitiesAnswer,
  signResponse,
  extensionResponse,
  success,
  failure,
  extensionFailure,
} as const

/** A reply as a value; contents are left out where there are none. */
export type AgentAnswer =
  | ({ readonly type: 'identitiesAnswer' } & Infer<typeof identitiesAnswer>)
  | ({ readonly type: 'signResponse' } & Infer<typeof signResponse>)
  | ({ readonly type: 'extensionResponse' } & Infer<typeof extensionResponse>)
  | { readonly type: 'success' | 'failure' | 'extensionFailure'; readonly contents?: Uint8Array }

export function encodeAsk(ask: AgentAsk): Uint8Array {
  return (requests[ask.type] as Struct<object>).encode(ask)
}

/** Throws {@link ProtocolError} for a number that is no request of ours, and for bytes that do not fit. */
export function decodeAsk(bytes: Uint8Array): AgentAsk {
  return decodeBy(requests, bytes, 'request') as AgentAsk
}

export function encodeAnswer(answer: AgentAnswer): Uint8Array {
  return (replies[answer.type] as Struct<object>).encode({ contents: noBytes, ...answer })
}

/** Throws {@link ProtocolError} for a number that is no reply, and for bytes that do not fit. */
export function decodeAnswer(bytes: Uint8Array): AgentAnswer {
  return decodeBy(replies, bytes, 'reply') as AgentAnswer
}

/** Which replies are possible to a request. */
export function answersTo(type: AgentAsk['type']): readonly AgentAnswer['type'][] {
  if (type === 'requestIdentities') return ['identitiesAnswer', 'failure']
  if (type === 'signRequest') return ['signResponse', 'failure']
  if (type === 'extension') return ['success', 'extensionResponse', 'failure', 'extensionFailure']
  return ['success', 'failure']
}

type Table = Readonly<
  Record<string, { readonly number: number; readonly decode: (bytes: Uint8Array) => object }>
>

function decodeBy(table: Table, bytes: Uint8Array, what: string): object {
  const number = bytes[0] ?? -1
  for (const [type, declared] of Object.entries(table))
    if (declared.number === number) return { type, ...declared.decode(bytes) }
  throw new ProtocolError(`the agent message ${agentMessageName(number)} is no ${what} that is known here`)
}
