/** Finite-field key exchange in a fixed group (RFC 4253 §8, RFC 8268). */

import { fields, message } from '@hawser/wire'
import { clientDance, type DanceForm, serverDance } from './dance.ts'
import { unsignedMpint } from './fields.ts'
import type { KexContext, KexMethod } from './method.ts'

export const kexdhInit = message('kexdhInit', 30, { e: unsignedMpint })
export const kexdhReply = message('kexdhReply', 31, {
  hostKey: fields.string,
  f: unsignedMpint,
  signature: fields.string,
})

const form: DanceForm = {
  encodeInit: (e) => kexdhInit.encode({ e }),
  decodeInit: (payload) => kexdhInit.decode(payload).e,
  encodeReply: ({ hostKey, value, signature }) => kexdhReply.encode({ hostKey, f: value, signature }),
  decodeReply: (payload) => {
    const { hostKey, f, signature } = kexdhReply.decode(payload)
    return { hostKey, value: f, signature }
  },
  hashed: unsignedMpint,
}

export function dhMethod(context: KexContext): KexMethod {
  const messages = [kexdhInit, kexdhReply]
  if (context.role === 'server')
    return {
      messages,
      expects: kexdhInit.number,
      start: () => undefined,
      step: (payload) => serverDance(context, form, payload),
    }
  const dance = clientDance(context, form)
  return { messages, expects: kexdhReply.number, start: () => dance.init, step: dance.finish }
}
