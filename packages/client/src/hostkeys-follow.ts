/** Hands proved announcements of host keys to the policy that the host was trusted by, so that known_hosts can follow. */

import { asError } from '@hawser/session'
import type { HostKeyPolicy } from './host-key.ts'
import type { IncomingHandlers } from './incoming.ts'

/** `handlers`, and the policy's `updateHostKeys` told besides. What it rejects with goes to the trace: the connection goes on. */
export function followHostKeys(
  handlers: IncomingHandlers,
  policy: HostKeyPolicy,
  target: { readonly host: string; readonly port: number },
): IncomingHandlers {
  if (typeof policy !== 'object' || !('knownHosts' in policy) || policy.updateHostKeys === undefined)
    return handlers
  const { updateHostKeys } = policy
  const { onHostKeys, trace } = handlers
  const update = async (...[, announcement]: Parameters<NonNullable<typeof onHostKeys>>): Promise<void> => {
    try {
      await updateHostKeys({ ...announcement, ...target })
    } catch (error) {
      const detail = `known_hosts was not updated: ${asError(error).message}`
      trace?.({ layer: 'session', type: 'note', detail })
    }
  }
  return {
    ...handlers,
    onHostKeys: (keys, announcement) => {
      void update(keys, announcement)
      onHostKeys?.(keys, announcement)
    },
  }
}
