/** A channel and a socket, made one connection. */

import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import type { Channel } from '@hawser/session'
import { toNodeDuplex } from '@hawser/session/node'

/** Both ways until each side has ended; a side that breaks takes the other with it, which is how its peer learns of it. */
export function join(channel: Channel, socket: Socket): void {
  const duplex = toNodeDuplex(channel)
  const ended = (error?: Error | null): void => {
    if (error == null) return
    duplex.destroy()
    socket.destroy()
  }
  pipeline(duplex, socket, ended)
  pipeline(socket, duplex, ended)
}
