/** What a client says and what it is told, between ssh2's shapes and ours: identification, listening requests, greeting and banner. */

import { globalRequests } from '@hawser/connection'
import type { IncomingRequest } from '@hawser/session'
import type { Ident } from '@hawser/transport'
import { decoded } from './decode.ts'
import type { Header } from './types.ts'

/** What a listening request asks for: an address and port, or a Unix socket. */
export interface RequestInfo {
  bindAddr?: string
  bindPort?: number
  socketPath?: string
}

/** The documented `info` of a global request; undefined for one that is not served or makes no sense. */
export function requestInfo({ name, data }: IncomingRequest): RequestInfo | undefined {
  const { tcpipForward, cancelTcpipForward, streamlocalForward, cancelStreamlocalForward } = globalRequests
  if (name === tcpipForward.name || name === cancelTcpipForward.name) {
    const o = decoded(tcpipForward, data)
    return o === undefined ? undefined : { bindAddr: o.addressToBind, bindPort: o.portToBind }
  }
  if (name === streamlocalForward.name || name === cancelStreamlocalForward.name)
    return decoded(streamlocalForward, data)
  return undefined
}

/** `version` is the old name of `versions`, which no listing shows. */
export function header(ident: Ident): Header {
  const versions = { protocol: ident.protocol, software: ident.software }
  const shown: Header = {
    identRaw: ident.raw,
    greeting: '',
    versions,
    comments: ident.comments === '' ? undefined : ident.comments,
  }
  return Object.defineProperty(shown, 'version', { value: versions, enumerable: false })
}

/** A greeting as the lines that go before the identification. */
export function lines(greeting: string): readonly string[] {
  return greeting.replace(/(?:\r?\n)+$/, '').split(/\r?\n/)
}

export function withLineEnd(banner: string): string {
  return banner.endsWith('\r\n') ? banner : `${banner}\r\n`
}
