/** Finite-field key exchange in a group that the server proposes (RFC 4419, sizes by RFC 8270). */

import { checkGroup, chooseGroup, type ModpGroup } from '@hawser/crypto'
import { DisconnectReason, fields, type Infer, message, ProtocolError, Writer } from '@hawser/wire'
import { clientDance, type DanceForm, type GroupChoice, serverDance } from './dance.ts'
import { unsignedMpint } from './fields.ts'
import type { GexLimits, KexContext, KexMethod } from './method.ts'

export const kexDhGexRequest = message('kexDhGexRequest', 34, {
  min: fields.uint32,
  n: fields.uint32,
  max: fields.uint32,
})
export const kexDhGexGroup = message('kexDhGexGroup', 31, { p: unsignedMpint, g: unsignedMpint })
export const kexDhGexInit = message('kexDhGexInit', 32, { e: unsignedMpint })
export const kexDhGexReply = message('kexDhGexReply', 33, {
  hostKey: fields.string,
  f: unsignedMpint,
  signature: fields.string,
})

const form: DanceForm = {
  encodeInit: (e) => kexDhGexInit.encode({ e }),
  decodeInit: (payload) => kexDhGexInit.decode(payload).e,
  encodeReply: ({ hostKey, value, signature }) => kexDhGexReply.encode({ hostKey, f: value, signature }),
  decodeReply: (payload) => {
    const { hostKey, f, signature } = kexDhGexReply.decode(payload)
    return { hostKey, value: f, signature }
  },
  hashed: unsignedMpint,
}

const messages = [kexDhGexRequest, kexDhGexGroup, kexDhGexInit, kexDhGexReply]

export function dhGexMethod(context: KexContext): KexMethod {
  return context.role === 'client' ? clientMethod(context) : serverMethod(context)
}

function clientMethod(context: KexContext): KexMethod {
  const { min, preferred, max } = context.gex
  const request = { min, n: preferred, max }
  let dance: ReturnType<typeof clientDance> | undefined
  return {
    messages,
    get expects() {
      return dance === undefined ? kexDhGexGroup.number : kexDhGexReply.number
    },
    start: () => kexDhGexRequest.encode(request),
    step: (payload) => {
      if (dance !== undefined) return dance.finish(payload)
      const { p, g } = kexDhGexGroup.decode(payload)
      const group = { prime: p, generator: g }
      checkGroup(group, min, max, context.backend)
      dance = clientDance(context, form, chosen(request, group))
      return { send: dance.init }
    },
  }
}

function serverMethod(context: KexContext): KexMethod {
  let choice: GroupChoice | undefined
  return {
    messages,
    get expects() {
      return choice === undefined ? kexDhGexRequest.number : kexDhGexInit.number
    },
    start: () => undefined,
    step: (payload) => {
      if (choice !== undefined) return serverDance(context, form, payload, choice)
      const request = kexDhGexRequest.decode(payload)
      const group = pickGroup(request, context.gex)
      choice = chosen(request, group)
      return { send: kexDhGexGroup.encode({ p: group.prime, g: group.generator }) }
    },
  }
}

/** min, n and max enter the hash as they stood in the request (RFC 4419 §3). */
function chosen(request: Infer<typeof kexDhGexRequest>, group: ModpGroup): GroupChoice {
  const hashed = new Writer(2048)
    .uint32(request.min)
    .uint32(request.n)
    .uint32(request.max)
    .mpintBytes(group.prime)
    .mpintBytes(group.generator)
    .finish()
  return { group, hashed }
}

/** The group for a request, within our own limits. */
function pickGroup({ min, n, max }: Infer<typeof kexDhGexRequest>, limits: GexLimits): ModpGroup {
  const low = Math.max(min, limits.min)
  const high = Math.min(max, limits.max)
  const group = min <= n && n <= max ? chooseGroup(low, Math.min(Math.max(n, low), high), high) : undefined
  if (group === undefined)
    throw new ProtocolError(
      `group exchange: no group for a request of min = ${min}, n = ${n}, max = ${max} bits; ${limits.min} to ${limits.max} are served`,
      { code: 'SSH_KEX_BAD_GROUP', disconnectReason: DisconnectReason.keyExchangeFailed },
    )
  return group
}
