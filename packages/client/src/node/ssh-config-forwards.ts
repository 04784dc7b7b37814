/** LocalForward, RemoteForward and DynamicForward of ssh_config: read, and begun on a client. */

import { UsageError } from '@hawser/wire'
import type { Client } from '../client.ts'
import type { Address, SocketPath } from '../forwarding.ts'
import { dynamic, forwardLocal, forwardRemote } from './forward.ts'
import type { ResolvedConfig } from './ssh-config.ts'
import { socksTarget } from './ssh-config-keywords.ts'

/** What a client is to do once it is logged in. */
export interface ConfiguredForwards {
  readonly local: readonly { readonly at: Address | SocketPath; readonly to: Address | SocketPath }[]
  readonly remote: readonly { readonly at: Address | SocketPath; readonly to: Address | SocketPath }[]
  readonly dynamic: readonly { readonly at: Address | SocketPath }[]
  /** ExitOnForwardFailure: whether one that cannot be begun ends the connection. */
  readonly needed: boolean
}

/** Throws UsageError for a remote forward without target: the server's side of a SOCKS proxy is not served here. */
export function forwardsOf(config: ResolvedConfig): ConfiguredForwards {
  const anywhere = config.get('gatewayports') === 'yes'
  const lines = (keyword: string): string[][] =>
    (config.values.get(keyword) ?? []).map((line) => line.split(' '))
  const here = (from: string): Address | SocketPath =>
    place(from, anywhere ? '::' : '127.0.0.1', '::', config)
  return {
    local: lines('localforward').map(([from = '', to = '']) => ({
      at: here(from),
      to: place(to, '', '', config),
    })),
    remote: lines('remoteforward').map(([from = '', to = '']) => {
      if (to === socksTarget)
        throw new UsageError(
          `RemoteForward ${from}: without a target it would be a proxy, which is not served; give it one`,
        )
      // RFC 4254 §7.1: the empty name is all addresses of the server, which decides whether it does that.
      return { at: place(from, 'localhost', '', config), to: place(to, '', '', config) }
    }),
    dynamic: lines('dynamicforward').map(([from = '']) => ({ at: here(from) })),
    needed: config.get('exitonforwardfailure') === 'yes',
  }
}

/** Reads `[host]:port`, `port` or a path in the words of `ssh -G`. */
function place(text: string, unsaid: string, all: string, config: ResolvedConfig): Address | SocketPath {
  if (text.startsWith('/')) return { path: config.expandPath(text) }
  const [, bracketed, bare, port] = /^(?:\[(.*)\]:|(\*):)?(\d+)$/.exec(text) ?? []
  const host = bracketed ?? bare
  return {
    host: host === undefined ? unsaid : host === '*' || host === '' ? all : host,
    port: Number(port),
  }
}

/**
 * Begins `forwards` on `client`; they end with it. One that cannot be begun is told to `failed`, or, with ExitOnForwardFailure,
 * closes the client and rejects with the reason.
 */
export async function beginForwards(
  client: Client,
  forwards: ConfiguredForwards,
  failed: (error: Error) => void = () => undefined,
): Promise<void> {
  const begun = await Promise.allSettled([
    ...forwards.local.map(({ at, to }) => forwardLocal(client, to, { at, onConnectionError: failed })),
    ...forwards.remote.map(({ at, to }) => forwardRemote(client, at, to)),
    ...forwards.dynamic.map(({ at }) => dynamic(client, { at, onConnectionError: failed })),
  ])
  for (const result of begun) {
    if (result.status === 'fulfilled') continue
    if (!forwards.needed) {
      failed(result.reason as Error)
      continue
    }
    await client.close()
    throw result.reason
  }
}
