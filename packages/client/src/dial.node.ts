/** `#dial` over node:net. */

import { ConnectionError } from '@hawser/session'
import { connectSocket, fromNodeSocket } from '@hawser/session/node'
import { socketThrough } from './node/proxy.ts'
import type { Dial } from './options.ts'

export const dial: Dial = async (options) =>
  options.proxy === undefined
    ? dialDirectly(options)
    : fromNodeSocket(await socketThrough(options.proxy, options))

const dialDirectly: Dial = ({ host, port, localAddress, localPort, family, signal }) =>
  new Promise((resolve, reject) => {
    const socket = connectSocket({
      host,
      port,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(localPort === undefined ? {} : { localPort }),
      ...(family === undefined ? {} : { family }),
    })
    const failed = (error: Error): void => {
      forget()
      socket.destroy()
      reject(connectError(host, port, error))
    }
    const abort = (): void => {
      forget()
      socket.on('error', () => undefined) // given up: whatever else goes wrong with it concerns nobody
      socket.destroy()
      reject(signal.reason)
    }
    const forget = (): void => {
      signal.removeEventListener('abort', abort)
      socket.removeListener('error', failed)
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', failed)
    socket.once('connect', () => {
      forget()
      resolve(fromNodeSocket(socket))
    })
  })

/** What the codes of the operating system mean for whoever wants to connect. */
const advice: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check host and port, and that the server runs',
  ENOTFOUND: 'the name is unknown: check its spelling and the name service',
  EAI_AGAIN: 'the name service does not answer: try again',
  ETIMEDOUT: 'no answer: check the address, and firewalls in between',
  EHOSTUNREACH: 'there is no route to it: check the address and the network',
  ENETUNREACH: 'there is no route to it: check the address and the network',
  ECONNRESET: 'it closed at once: check that this is an SSH port',
  EADDRNOTAVAIL: 'the address is not usable here: check host and localAddress',
}

function connectError(host: string, port: number, cause: Error): ConnectionError {
  const code = (cause as { code?: unknown }).code
  const words = typeof code === 'string' ? advice[code] : undefined
  // Several addresses were tried: Node puts what went wrong into `errors` and leaves the message empty.
  const detail = cause.message === '' && typeof code === 'string' ? code : cause.message
  return new ConnectionError(
    'SSH_CONNECT_FAILED',
    'connect',
    `cannot connect to ${host} port ${port}: ${detail}${words === undefined ? '' : `; ${words}`}`,
    { cause },
  )
}
