/** Free TCP ports on loopback. */

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/**
 * A port on 127.0.0.1 that nobody listens on now. Somebody else may take it before you do:
 * listen on port 0 wherever you can, and retry where you cannot.
 */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
