/** The algorithm lists that a module sends, read off the wire. */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { ConnectConfig, ServerConfig } from 'ssh2'
import { hostKey, type Ssh2, type World } from './kit.ts'

export interface Lists {
  readonly kex: readonly string[]
  readonly serverHostKey: readonly string[]
  readonly cipher: readonly string[]
  readonly hmac: readonly string[]
  readonly compress: readonly string[]
}

/** What a client of `config` offers to a server that has only an identification. */
export async function clientLists(ssh2: Ssh2, world: World, config: ConnectConfig = {}): Promise<Lists> {
  const server = createServer().listen(0, '127.0.0.1')
  world.defer(() => server.close())
  await once(server, 'listening')
  const client = new ssh2.Client()
  client.on('error', () => undefined)
  world.defer(() => client.destroy())
  const connected = once(server, 'connection')
  client.connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    username: 'u',
    ...config,
  })
  const [socket] = (await connected) as [Socket]
  return listsFrom(socket, world)
}

/** What a server of `config` offers. */
export async function serverLists(
  ssh2: Ssh2,
  world: World,
  config: Partial<ServerConfig> = {},
): Promise<Lists> {
  const server = new ssh2.Server({ hostKeys: [hostKey()], ...config } as ServerConfig, (connection) =>
    connection.on('error', () => undefined),
  )
  server.listen(0, '127.0.0.1')
  world.defer(() => server.close())
  await once(server, 'listening')
  return listsFrom(connect((server.address() as AddressInfo).port, '127.0.0.1'), world)
}

/** Says an identification and reads the other's first packet, which is its KEXINIT (RFC 4253 §7.1). */
async function listsFrom(socket: Socket, world: World): Promise<Lists> {
  world.defer(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.write('SSH-2.0-probe\r\n')
  let bytes = Buffer.alloc(0)
  for (;;) {
    const [piece] = (await once(socket, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, piece])
    const start = bytes.indexOf('\n') + 1
    if (start === 0 || bytes.length < start + 4 || bytes.length < start + 4 + bytes.readUInt32BE(start))
      continue
    return parseLists(bytes.subarray(start))
  }
}

/** The ten name lists behind length, padding length, message number and cookie; both directions must be the same. */
function parseLists(packet: Buffer): Lists {
  let at = 4 + 1 + 1 + 16
  const lists = Array.from({ length: 8 }, () => {
    const length = packet.readUInt32BE(at)
    const names = packet.toString('latin1', at + 4, at + 4 + length)
    at += 4 + length
    return names === '' ? [] : names.split(',')
  }) as [string[], string[], string[], string[], string[], string[], string[], string[]]
  const [kex, serverHostKey, cipher, back, hmac, hmacBack, compress, compressBack] = lists
  if (String([cipher, hmac, compress]) !== String([back, hmacBack, compressBack]))
    throw new Error('the lists differ by direction')
  // Markers are no algorithms: strict key exchange and the wish for extension information.
  return {
    kex: kex.filter((name) => !/^ext-info-|^kex-strict-/.test(name)),
    serverHostKey,
    cipher,
    hmac,
    compress,
  }
}
