/** Connects through SOCKS5 and HTTP proxies: a socket to the proxy, and what it has to be told before bytes go through. */

import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { ConnectionError } from '@hawser/session'
import { UsageError } from '@hawser/wire'
import type { DialOptions } from '../options.ts'
import { type ProxyAddress, parseProxy } from '../proxy-address.ts'

/** Where a proxy is to connect. */
export interface ProxyTarget {
  readonly host: string
  readonly port: number
  /** Gives up; the promise rejects with its reason. */
  readonly signal?: AbortSignal
}

/**
 * A socket to `target` through `proxy` (`socks5://…` or `http://…`), paused: for whatever takes sockets, such as the option `sock` of
 * ssh2. Rejects with ConnectionError, which names proxy and step. There is no time limit but `signal` and those of TCP.
 */
export function proxySocket(proxy: string, target: ProxyTarget): Promise<Socket> {
  const { signal = new AbortController().signal } = target
  return socketThrough(parseProxy(proxy), { ...target, signal })
}

/** As {@link proxySocket}, with all that can be said about a dial. */
export async function socketThrough(
  proxy: ProxyAddress,
  { host, port, localAddress, localPort, family, signal, proxyReached }: DialOptions,
): Promise<Socket> {
  if (/[\0-\x20\x7f]/.test(host))
    throw new UsageError(`the host ${JSON.stringify(host)} has spaces or control characters`)
  // Loaded where it is needed only, and before there is a socket whose end could pass unseen.
  const through = proxy.kind === 'http' ? throughHttp : throughSocks(await import('socks'))
  const socket = await open(
    proxy,
    {
      host: proxy.host,
      port: proxy.port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(localPort === undefined ? {} : { localPort }),
      ...(family === undefined ? {} : { family }),
    },
    signal,
  )
  proxyReached?.()
  const abort = (): void => void socket.destroy(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  // What goes wrong is told by the handshake; once it is over, by whoever takes the socket.
  const ignore = (): undefined => undefined
  socket.on('error', ignore)
  try {
    const early = await through(proxy, { host, port }, socket)
    if (signal.aborted) throw signal.reason
    socket.pause()
    if (early.length > 0) socket.unshift(early)
    socket.removeListener('error', ignore)
    return socket
  } catch (error) {
    socket.destroy()
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function open(proxy: ProxyAddress, options: TcpNetConnectOpts, signal: AbortSignal): Promise<Socket> {
  if (signal.aborted) throw signal.reason
  const socket = connect(options)
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (cause) {
    socket.on('error', () => undefined) // given up: whatever else goes wrong with it concerns nobody
    socket.destroy()
    if (signal.aborted) throw signal.reason
    const { code, message } = cause as NodeJS.ErrnoException
    throw failed(
      `cannot connect to the proxy ${proxy.shown}: ${message === '' ? code : message}; check its address, and that it runs`,
      cause,
    )
  }
}

type Through = (
  proxy: ProxyAddress,
  target: { readonly host: string; readonly port: number },
  socket: Socket,
) => Promise<Uint8Array>

/** Longest wait for a SOCKS proxy to answer; whoever dials gives up sooner. */
const socksMs = 120_000

/** What a proxy's words mean for whoever configures it. */
const socksAdvice: readonly (readonly [RegExp, string])[] = [
  [/authentication failed/i, 'it does not accept user and password; check those in its URL'],
  [
    /no accepted authentication/i,
    'it wants user and password; write them into its URL, socks5://user:password@…',
  ],
  [/notallowed/i, 'its rules do not allow that'],
  [/connectionrefused/i, 'nothing listens there; check host and port'],
  [/hostunreachable/i, 'it cannot find or reach that host; check the name as the proxy sees it'],
  [/networkunreachable/i, 'it has no way to that network'],
  [/version/i, 'it does not speak SOCKS5; check its URL'],
]

/** RFC 1928, RFC 1929. Gives what came after the proxy's last word. */
const throughSocks =
  ({ SocksClient }: typeof import('socks')): Through =>
  async ({ shown, host, port, login }, target, socket) => {
    const client = new SocksClient({
      command: 'connect',
      destination: target,
      timeout: socksMs,
      proxy: {
        host,
        port,
        type: 5,
        ...(login === undefined ? {} : { userId: login.user, password: login.password }),
      },
    })
    const early: Uint8Array[] = []
    await new Promise<void>((resolve, reject) => {
      client.once('error', (cause: Error) => {
        const advice = socksAdvice.find(([words]) => words.test(cause.message))?.[1]
        reject(
          failed(
            `the proxy ${shown} did not connect to ${target.host} port ${target.port}: ${cause.message}${advice === undefined ? '' : `; ${advice}`}`,
            cause,
          ),
        )
      })
      client.once('established', () => {
        // What came together with the answer is emitted a turn later, and the socket flows from then on.
        const keep = (bytes: Uint8Array): void => void early.push(bytes)
        socket.on('data', keep)
        setImmediate(() => {
          socket.pause()
          socket.removeListener('data', keep)
          resolve()
        })
      })
      client.connect(socket)
    })
    return Buffer.concat(early)
  }

const httpAdvice: Readonly<Record<number, string>> = {
  400: 'it does not understand the request; check that it is a proxy',
  403: 'its rules do not allow that',
  404: 'it is a web server, or has no CONNECT',
  405: 'it is a web server, or has no CONNECT',
  407: 'it wants user and password; check those in its URL, http://user:password@…',
  502: 'it cannot find or reach that host',
  503: 'it cannot find or reach that host',
  504: 'that host did not answer it',
}

/** RFC 9110 §9.3.6. Gives what came after the head of the answer. */
const throughHttp: Through = ({ shown, login }, { host, port }, socket) =>
  new Promise((resolve, reject) => {
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const wrong = (what: string, cause?: unknown): void =>
      reject(failed(`the proxy ${shown} did not connect to ${host} port ${port}: ${what}`, cause))
    const asked = request({
      method: 'CONNECT',
      path: authority,
      createConnection: () => socket,
      headers: {
        Host: authority,
        ...(login === undefined
          ? {}
          : {
              'Proxy-Authorization': `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`,
            }),
      },
    })
    asked.once('connect', ({ statusCode = 0, statusMessage = '' }, _socket, head: Uint8Array) => {
      if (statusCode >= 200 && statusCode < 300) return resolve(head)
      const advice = httpAdvice[statusCode]
      wrong(`${statusCode} ${statusMessage}${advice === undefined ? '' : `; ${advice}`}`)
    })
    asked.once('error', (cause) => wrong(`${cause.message}; check that it is an HTTP proxy`, cause))
    asked.end()
  })

function failed(message: string, cause: unknown): ConnectionError {
  return new ConnectionError('SSH_CONNECT_FAILED', 'connect', message, cause === undefined ? {} : { cause })
}
