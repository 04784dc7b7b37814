/** From options to a client that is logged in: dial, or take a pipe, or go through jumps; then start the session. */

import type { PublicKey } from '@hawser/keys'
import {
  type BytePipe,
  beginClient,
  ConnectionError,
  type PipeAddresses,
  type Session,
  systemClock,
} from '@hawser/session'
import { dial as platformDial } from '#dial'
import { Client } from './client.ts'
import { followHostKeys } from './hostkeys-follow.ts'
import {
  type CheckedOptions,
  type ConnectOptions,
  checkConnectOptions,
  clientSessionOptions,
  knownAs,
} from './options.ts'

/**
 * Connects and logs in. Throws UsageError for options that cannot be used, before anything is sent; rejects with exactly one error
 * otherwise: ConnectionError (`phase` tells where), IdentificationError, NegotiationError, HostKeyRejectedError, AuthenticationError…
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const checked = checkConnectOptions(options)
  const through: Client[] = []
  try {
    for (const hop of checked.jump) through.push(await connectOne(hop, through))
    return await connectOne(checked, through, through)
  } catch (error) {
    for (const client of through.reverse()) await client.close()
    throw error
  }
}

/** A session that has begun over an open pipe, and the host key that it accepted so far. */
export interface BegunClient {
  readonly session: Session
  readonly hostKey: PublicKey | undefined
}

/**
 * Starts the client's side over `pipe` at once, without waiting; `session.ready` and the hooks tell how it goes.
 * `spentMs` is how much of the ready time is gone.
 */
export function beginConnect(pipe: BytePipe, options: CheckedOptions, spentMs = 0): BegunClient {
  const sessionOptions = clientSessionOptions(options, spentMs)
  const begun: { session: Session; hostKey: PublicKey | undefined } = {
    hostKey: undefined,
    session: beginClient(pipe, {
      ...sessionOptions,
      verifyHostKey: (offer) => {
        const note = (accepted: boolean): boolean => {
          if (accepted === true) begun.hostKey = offer.key
          return accepted
        }
        const answer = sessionOptions.verifyHostKey(offer)
        return typeof answer === 'object' ? answer.then(note) : note(answer)
      },
    }),
  }
  return begun
}

async function connectOne(
  options: CheckedOptions,
  hops: readonly Client[],
  through: readonly Client[] = [],
): Promise<Client> {
  const { clock = systemClock } = options
  const started = clock.now()
  const pipe = options.pipe ?? (await open(options, hops.at(-1)))
  try {
    options.hooks?.connected?.(pipe)
  } catch (error) {
    pipe.destroy()
    throw error
  }
  const begun = beginConnect(pipe, options, clock.now() - started)
  await begun.session.ready
  return new Client({
    session: begun.session,
    user: options.user,
    remote: pipe,
    through,
    handlers: followHostKeys(options, options.hostKey, knownAs(options)),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.agentForward === undefined ? {} : { agentForward: options.agentForward }),
    ...(begun.hostKey === undefined ? {} : { hostKey: begun.hostKey }),
  })
}

/** The pipe, within the ready time; whatever opens too late is closed again. */
function open(options: CheckedOptions, hop: Client | undefined): Promise<BytePipe & PipeAddresses> {
  const { host, port, readyTimeoutMs, signal, proxyAddress, clock = systemClock } = options
  return new Promise((resolve, reject) => {
    const given = new AbortController()
    let over = false
    let what = proxyAddress === undefined ? `${host} port ${port}` : `the proxy ${proxyAddress.shown}`
    const proxyReached = (): void => {
      what = `${host} port ${port} through the proxy ${proxyAddress?.shown}, which is connected`
    }
    const giveUp = (error: Error): void => {
      if (over) return
      finish()
      reject(error)
      given.abort(error)
    }
    const abort = (): void =>
      giveUp(
        new ConnectionError('SSH_ABORTED', 'connect', 'aborted by the caller', { cause: signal?.reason }),
      )
    const timer =
      readyTimeoutMs === 0
        ? undefined
        : clock.setTimeout(
            () =>
              giveUp(
                new ConnectionError(
                  'SSH_TIMEOUT',
                  'connect',
                  `timed out after ${readyTimeoutMs} ms while connecting to ${what}: no answer; check the address, and firewalls in between`,
                ),
              ),
            readyTimeoutMs,
          )
    const finish = (): void => {
      over = true
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    if (signal?.aborted === true) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    dialled(options, hop, given.signal, proxyReached).then(
      (pipe) => {
        if (over) return pipe.destroy()
        finish()
        resolve(pipe)
      },
      (error: unknown) => {
        if (over) return
        finish()
        reject(error)
      },
    )
  })
}

function dialled(
  options: CheckedOptions,
  hop: Client | undefined,
  signal: AbortSignal,
  proxyReached: () => void,
): Promise<BytePipe & PipeAddresses> {
  const { host, port, proxyAddress } = options
  if (hop !== undefined) return hop.pipeTo({ host, port }, { signal })
  return (options.dial ?? platformDial)({
    host,
    port,
    signal,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    ...(options.localPort === undefined ? {} : { localPort: options.localPort }),
    ...(options.family === undefined ? {} : { family: options.family }),
    ...(proxyAddress === undefined ? {} : { proxy: proxyAddress, proxyReached }),
  })
}
