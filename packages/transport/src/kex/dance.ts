/** The exchange of two public values that all key exchanges end with; they differ in numbers and encodings only. */

import type { ModpGroup } from '@hawser/crypto'
import { concat, erase, type Field, noBytes, ProtocolError, Writer } from '@hawser/wire'
import { encodeSecret, exchangeHash } from './exchange-hash.ts'
import type { KexContext, KexResult, KexStep } from './method.ts'

/** One pair of init and reply messages. */
export interface DanceForm {
  readonly encodeInit: (value: Uint8Array) => Uint8Array
  readonly decodeInit: (payload: Uint8Array) => Uint8Array
  readonly encodeReply: (reply: Reply) => Uint8Array
  readonly decodeReply: (payload: Uint8Array) => Reply
  /** How the two public values enter the exchange hash. */
  readonly hashed: Field<Uint8Array>
}

export interface Reply {
  readonly hostKey: Uint8Array
  readonly value: Uint8Array
  readonly signature: Uint8Array
}

export interface GroupChoice {
  readonly group: ModpGroup
  /** What enters the hash before the public values: min, n, max, p, g (RFC 4419 §3). */
  readonly hashed: Uint8Array
}

/** The client's side: the init message, and what to do with the reply. */
export function clientDance(
  context: KexContext,
  form: DanceForm,
  choice?: GroupChoice,
): { readonly init: Uint8Array; readonly finish: (payload: Uint8Array) => KexStep } {
  const { init, finish } = context.agreement.initiate(context.backend, choice?.group)
  return {
    init: form.encodeInit(init),
    finish: (payload) => {
      const { hostKey, value, signature } = form.decodeReply(payload)
      const raw = finish(value)
      const result = conclude(context, form, choice, hostKey, init, value, raw)
      return { result: { ...result, signature } }
    },
  }
}

/** The server's side: what to do with the init message. */
export function serverDance(
  context: KexContext,
  form: DanceForm,
  payload: Uint8Array,
  choice?: GroupChoice,
): KexStep {
  const { hostKey } = context
  if (hostKey === undefined) throw new ProtocolError('a key exchange as server without a host key')
  const init = form.decodeInit(payload)
  const { reply: value, secret } = context.agreement.respond(context.backend, init, choice?.group)
  const result = conclude(context, form, choice, hostKey, init, value, secret)
  return {
    result: { ...result, reply: (signature) => form.encodeReply({ hostKey, value, signature }) },
  }
}

function conclude(
  context: KexContext,
  form: DanceForm,
  choice: GroupChoice | undefined,
  hostKey: Uint8Array,
  init: Uint8Array,
  reply: Uint8Array,
  raw: Uint8Array,
): KexResult {
  const { agreement, backend, transcript } = context
  const secret = encodeSecret(agreement, raw)
  erase(raw)
  const publics = new Writer(init.length + reply.length + 16)
  form.hashed.write(publics, init)
  form.hashed.write(publics, reply)
  const values = concat(choice?.hashed ?? noBytes, publics.finish())
  return { hash: exchangeHash(backend, agreement, transcript, hostKey, values, secret), secret, hostKey }
}
