/** Proxies on the way out, as people write them: `socks5://user:password@host:port`, `http://host:port`. */

import { UsageError, utf8Encode } from '@hawser/wire'

/** A proxy that connects on our behalf. Made by {@link parseProxy}. */
export interface ProxyAddress {
  /** SOCKS version 5 (RFC 1928), or CONNECT of HTTP (RFC 9110 §9.3.6). */
  readonly kind: 'socks5' | 'http'
  readonly host: string
  readonly port: number
  /** For user and password (RFC 1929, or Basic of RFC 7617). */
  readonly login?: { readonly user: string; readonly password: string }
  /** For messages: without the password. */
  readonly shown: string
}

const defaultPorts = { socks5: 1080, http: 80 } as const

/** RFC 1929 §2: each goes with one byte for its length. */
const longestSocksLogin = 255

/**
 * Reads `socks5://[user:password@]host[:port]` (also `socks5h:`, which means the same here: the proxy looks names up) or
 * `http://[user:password@]host[:port]`; what is special in a URL is written with `%`. Ports: 1080 and 80.
 * Throws {@link UsageError}, which never shows the password.
 */
export function parseProxy(text: string, where = 'proxy'): ProxyAddress {
  const form = 'socks5://user:password@host:port or http://user:password@host:port'
  if (typeof text !== 'string' || !URL.canParse(text))
    throw new UsageError(`${where}: the proxy is no URL; it must be ${form}`)
  const url = new URL(text)
  const kind = ({ 'socks5:': 'socks5', 'socks5h:': 'socks5', 'http:': 'http' } as const)[url.protocol]
  if (kind === undefined)
    throw new UsageError(`${where}: proxies of the kind ${url.protocol}// are not served; it must be ${form}`)
  const host = decoded(url.hostname, where).replace(/^\[(.*)\]$/, '$1')
  const port = url.port === '' ? defaultPorts[kind] : Number(url.port)
  const shown = `${kind}://${host.includes(':') ? `[${host}]` : host}:${port}`
  if (host === '' || port === 0 || !/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    throw new UsageError(`${where}: the proxy ${shown} must be ${form} and nothing else`)
  if (url.username === '' && url.password === '') return { kind, host, port, shown }
  const login = { user: decoded(url.username, where), password: decoded(url.password, where) }
  if (kind === 'http' && login.user.includes(':'))
    throw new UsageError(
      `${where}: the user for ${shown} has a colon, which Basic authentication cannot send`,
    )
  for (const [name, value] of Object.entries(login)) {
    const { length } = utf8Encode(value)
    if (kind === 'socks5' && (length === 0 || length > longestSocksLogin))
      throw new UsageError(
        `${where}: the ${name} for ${shown} has ${length} bytes; SOCKS takes 1 to ${longestSocksLogin}`,
      )
  }
  return { kind, host, port, login, shown }
}

function decoded(part: string, where: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new UsageError(`${where}: the proxy has a % that is not followed by two hexadecimal digits`)
  }
}
