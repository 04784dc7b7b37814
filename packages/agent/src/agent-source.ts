/** How an agent is reached, again for each connection. */

import type { ByteChannel } from '@hawser/wire'

/** Where an agent can be reached. */
export interface AgentSource {
  /** A new connection to it. Rejects with AgentError when it cannot be reached. */
  open(): Promise<ByteChannel>
}
