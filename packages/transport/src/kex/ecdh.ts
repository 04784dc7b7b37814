/** Elliptic curve key exchange (RFC 5656 §4, RFC 8731), and the hybrids that borrow its messages. */

import { fields, message } from '@hawser/wire'
import { clientDance, type DanceForm, serverDance } from './dance.ts'
import type { KexContext, KexMethod } from './method.ts'

export const kexEcdhInit = message('kexEcdhInit', 30, { clientPublic: fields.string })
export const kexEcdhReply = message('kexEcdhReply', 31, {
  hostKey: fields.string,
  serverPublic: fields.string,
  signature: fields.string,
})

const form: DanceForm = {
  encodeInit: (clientPublic) => kexEcdhInit.encode({ clientPublic }),
  decodeInit: (payload) => kexEcdhInit.decode(payload).clientPublic,
  encodeReply: ({ hostKey, value, signature }) =>
    kexEcdhReply.encode({ hostKey, serverPublic: value, signature }),
  decodeReply: (payload) => {
    const { hostKey, serverPublic, signature } = kexEcdhReply.decode(payload)
    return { hostKey, value: serverPublic, signature }
  },
  hashed: fields.string,
}

export function ecdhMethod(context: KexContext): KexMethod {
  const messages = [kexEcdhInit, kexEcdhReply]
  if (context.role === 'server')
    return {
      messages,
      expects: kexEcdhInit.number,
      start: () => undefined,
      step: (payload) => serverDance(context, form, payload),
    }
  const dance = clientDance(context, form)
  return { messages, expects: kexEcdhReply.number, start: () => dance.init, step: dance.finish }
}
