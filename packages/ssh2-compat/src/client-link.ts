/** A client's session over its socket, begun as the settings say and seen through the client's events. */

import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { beginClient } from '@hawser/session'
import { authOrder, type SkippedAttempt } from './client-auth.ts'
import { debugTrace } from './debug.ts'
import { type ClientErrorExtensions, connectionError } from './errors.ts'
import { offerHostKeys } from './host-keys.ts'
import { Link } from './link.ts'
import type { ClientSettings } from './options.ts'

export interface ClientLinkParts {
  readonly emitter: EventEmitter
  readonly settings: ClientSettings
  readonly socket: Duplex
  /** Milliseconds of `readyTimeout` that dialling took. */
  readonly spentMs: number
  readonly failed: (error: Error & ClientErrorExtensions) => void
  readonly closed: () => void
}

export function clientLink({ emitter, settings, socket, spentMs, failed, closed }: ClientLinkParts): Link {
  const skipped: SkippedAttempt[] = []
  const trace = debugTrace(settings.debug)
  const link = new Link({
    emitter,
    socket,
    role: 'client',
    begin: (pipe, hooks) =>
      beginClient(pipe, {
        user: settings.username,
        auth: authOrder(settings, emitter, skipped),
        verifyHostKey: ({ key, first, changed }) => (first || changed ? settings.verifyHostKey(key) : true),
        algorithms: settings.algorithms,
        // As ssh2 does; `debug` hears of it.
        policy: { terrapin: 'allow' },
        readyTimeoutMs: settings.readyTimeout === 0 ? 0 : Math.max(1, settings.readyTimeout - spentMs),
        keepaliveIntervalMs: settings.keepaliveInterval,
        keepaliveMaxMissed: settings.keepaliveCountMax,
        hooks,
        ...(settings.ident === undefined ? {} : { ident: settings.ident }),
        ...(trace === undefined ? {} : { trace }),
      }),
    hooks: {
      ident: (_remote, greeting) => {
        if (greeting.length > 0) emitter.emit('greeting', `${greeting.join('\r\n')}\r\n`)
      },
      banner: (message, language) => emitter.emit('banner', message, language),
      ready: () => emitter.emit('ready'),
    },
    failed: (error) => {
      const shown = connectionError(error)
      if (shown === undefined) return
      if (shown.attempts !== undefined && skipped.length > 0) shown.attempts = [...shown.attempts, ...skipped]
      failed(shown)
      // Who was silent until now is not waited for.
      if (shown.level === 'client-timeout') setImmediate(() => link.session.destroy())
    },
    closed,
  })
  offerHostKeys(link.session, emitter, settings.debug)
  return link
}
