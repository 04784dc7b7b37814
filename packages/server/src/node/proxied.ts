/** Takes the PROXY protocol header from a socket that a trusted proxy opened. */

import type { Socket } from 'node:net'
import { inRanges } from '@hawser/keys'
import { ConnectionError, type PipeAddresses } from '@hawser/session'
import { UsageError } from '@hawser/wire'
import { readProxyHeader } from '../proxy-protocol.ts'

export interface ProxyProtocolOptions {
  /**
   * Addresses and networks (`10.0.0.0/8`) of the proxies. Their connections must begin with a header, which says whose they are;
   * anybody else's must not, and is refused with one: it could claim any address.
   */
  readonly from: readonly string[]
  /** How long a proxy may take for it, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number
}

/** Whether an address is one of the proxies'. Throws {@link UsageError} for options that cannot be used. */
export function trustedProxies(options: ProxyProtocolOptions): (address: string | undefined) => boolean {
  const { from, timeoutMs = 1 } = options
  const list = Array.isArray(from) ? from.join(',') : ''
  if (inRanges('0.0.0.0', list) === undefined)
    throw new UsageError(
      `listen: proxyProtocol.from is ${JSON.stringify(from)}; it must be a list of addresses and networks such as ['10.0.0.0/8']`,
    )
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 0x7fffffff)
    throw new UsageError(
      `listen: proxyProtocol.timeoutMs is ${timeoutMs}; it must be a whole number from 1 up`,
    )
  return (address) => address !== undefined && inRanges(address, list) === true
}

/**
 * Reads the header and nothing behind it. Gives what it says; undefined when the proxy speaks for itself. Rejects, once, when it is
 * malformed, late or cut short; the socket is the caller's to destroy then.
 */
export function takeProxyHeader(
  socket: Socket,
  timeoutMs = 5_000,
): Promise<Required<PipeAddresses> | undefined> {
  return new Promise((resolve, reject) => {
    let bytes: Uint8Array = new Uint8Array(0)
    const finish = (): void => {
      clearTimeout(timer)
      socket.removeListener('data', data).removeListener('end', gone).removeListener('close', gone)
      socket.removeListener('error', failed)
    }
    const failed = (error: unknown): void => {
      finish()
      socket.on('error', () => undefined) // given up: whatever else goes wrong with it concerns nobody
      reject(error)
    }
    const gone = (): void => failed(lost('the proxy closed the connection before its header was complete'))
    const timer = setTimeout(
      () => failed(lost(`the proxy has not sent its header within ${timeoutMs} ms`)),
      timeoutMs,
    )
    // The header bounds itself, and a read is bounded by the socket.
    const data = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      try {
        const header = readProxyHeader(bytes)
        if (header === undefined) return
        finish()
        socket.pause()
        if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
        resolve(header.addresses)
      } catch (error) {
        failed(error)
      }
    }
    socket.on('data', data).on('end', gone).on('close', gone).on('error', failed)
  })
}

function lost(why: string): ConnectionError {
  return new ConnectionError('SSH_CONNECTION_LOST', 'connect', why)
}
