/** An SFTP server of bytes, for what no server of the modules' own would say: extensions, nonsense, attacks. */

import { once } from 'node:events'
import type { Client, Connection, ServerChannel, SFTPWrapper } from 'ssh2'
import { called, pair, type Ssh2, serving, type World } from './kit.ts'

/** A packet of the client behind its length; `body` is behind the id. */
export interface Packet {
  readonly type: number
  readonly id: number
  readonly body: Buffer
}

export interface RawServer {
  readonly client: Client
  readonly connection: Connection
  readonly stream: ServerChannel
  /** What the client has sent, INIT left out. */
  readonly packets: Packet[]
}

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
export const uint64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
export const string = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([uint32(bytes.length), bytes])
}
/** A packet of the server's. */
export const packet = (type: number, ...parts: readonly Buffer[]): Buffer =>
  string(Buffer.concat([Buffer.from([type]), ...parts]))
export const version = (extensions: Readonly<Record<string, string>> = {}): Buffer =>
  packet(2, uint32(3), ...Object.entries(extensions).flatMap(([name, data]) => [string(name), string(data)]))
export const status = (id: number, code: number, message = ''): Buffer =>
  packet(101, uint32(id), uint32(code), string(message), string(''))
export const handle = (id: number): Buffer => packet(102, uint32(id), string('h'))
export const data = (id: number, bytes: Buffer): Buffer => packet(103, uint32(id), string(bytes))
/** Names without attributes. */
export const names = (id: number, ...list: readonly string[]): Buffer =>
  packet(
    104,
    uint32(id),
    uint32(list.length),
    ...list.flatMap((name) => [string(name), string(name), uint32(0)]),
  )

/** The request that opened a file, a directory, and so on (draft-ietf-secsh-filexfer-02 §3). */
export const kind = {
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  opendir: 11,
  readdir: 12,
  symlink: 20,
  extended: 200,
} as const

/** `first` answers INIT; `answer` gives what answers each request, or nothing. */
export async function rawServer(
  ssh2: Ssh2,
  world: World,
  first: Buffer | undefined,
  answer: (asked: Packet, stream: ServerChannel) => Buffer | undefined = () => undefined,
  ident?: string,
): Promise<RawServer> {
  const packets: Packet[] = []
  let stream: ServerChannel | undefined
  const onConnection = serving((session) => {
    session.on('subsystem', (accept) => {
      stream = accept() as ServerChannel
      serve(stream, first, packets, answer)
    })
  })
  const made = await pair(ssh2, world, {
    onConnection,
    ...(ident === undefined ? {} : { server: { ident } }),
  })
  await once(made.client, 'ready')
  made.client.setNoDelay(true)
  return {
    client: made.client,
    connection: await made.connection,
    packets,
    get stream() {
      return stream as ServerChannel
    },
  }
}

/** The same with a client that has got over its version. */
export async function rawSftp(
  ...args: Parameters<typeof rawServer>
): Promise<RawServer & { readonly sftp: SFTPWrapper }> {
  const raw = await rawServer(...args)
  const sftp = await called<SFTPWrapper>((callback) => raw.client.sftp(callback as never))
  return Object.assign(raw, { sftp })
}

function serve(
  stream: ServerChannel,
  first: Buffer | undefined,
  packets: Packet[],
  answer: (asked: Packet, stream: ServerChannel) => Buffer | undefined,
): void {
  let input = Buffer.alloc(0)
  let begun = false
  stream.on('data', (chunk: Buffer) => {
    input = Buffer.concat([input, chunk])
    while (input.length >= 4 && input.length >= 4 + input.readUInt32BE()) {
      const length = input.readUInt32BE()
      const body = input.subarray(9, 4 + length)
      const asked = { type: input[4] as number, id: length < 5 ? 0 : input.readUInt32BE(5), body }
      input = input.subarray(4 + length)
      const reply = begun ? answer(asked, stream) : first
      if (begun) packets.push(asked)
      begun = true
      if (reply !== undefined) stream.write(reply)
    }
  })
}
