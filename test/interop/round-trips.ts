/** Counts the round trips until a publickey login is ready, by what had to arrive before what could leave: a clock of causes, not of time. */

import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectOptions, connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { type Sshd, startSsh } from '@hawser/test-kit'
import { Client as Ssh2 } from 'ssh2'

/** Milliseconds for one way. Long enough for either end to say all that it can say without hearing more; longer changes no count. */
const oneWayMs = 50

interface Line {
  readonly port: number
  /** Ways that lie behind what the client has got last: two of them are a round trip. TCP's own handshake is not counted. */
  ways(): number
  close(): void
}

/** A long line to `port`, for one connection. The server hears of it one way later, and what it says takes another. */
async function longLine(port: number): Promise<Line> {
  let atClient = 0
  let atServer = 0
  const listener = createServer({ noDelay: true }, async (client) => {
    client.on('error', () => undefined) // a client that ends hard ends its line
    const said: Uint8Array[] = []
    const server: { socket?: Socket } = {}
    const toServer = (ways: number, bytes: Uint8Array): void => {
      setTimeout(() => {
        atServer = Math.max(atServer, ways)
        server.socket?.write(bytes)
      }, oneWayMs)
    }
    client.on('data', (bytes) => {
      if (server.socket === undefined) said.push(bytes)
      else toServer(atClient + 1, bytes)
    })
    await sleep(oneWayMs)
    atServer = 1
    const there = dial({ port, host: '127.0.0.1', noDelay: true })
    server.socket = there
    there.on('error', () => client.destroy())
    client.on('close', () => there.destroy())
    for (const bytes of said) there.write(bytes)
    there.on('data', (bytes) => {
      const ways = atServer + 1
      setTimeout(() => {
        atClient = Math.max(atClient, ways)
        client.write(bytes)
      }, oneWayMs)
    })
    there.on('close', () => setTimeout(() => client.destroy(), oneWayMs))
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    ways: () => atClient,
    close: () => listener.close(),
  }
}

/** Logs in by the line and gives what `ways` said at the moment at which it was ready. */
type Login = (line: Line, sshd: Sshd, kex: string) => Promise<number>

const ours =
  (order: (signer: ReturnType<typeof parsePrivateKey>) => ConnectOptions['auth']): Login =>
  async (line, sshd, kex) => {
    const key = sshd.userKeys.get('ed25519')?.privateText as string
    await using _client = await connect({
      host: '127.0.0.1',
      port: line.port,
      user: sshd.user,
      auth: order(parsePrivateKey(key)),
      hostKey: { keys: [...sshd.hostKeys.values()].map(({ publicLine }) => parsePublicKey(publicLine)) },
      algorithms: { kex: [kex] },
    })
    return line.ways()
  }

/** Who logs in, by name. `kex` are the key exchanges that it has; without it, all. */
export const logins: readonly {
  readonly name: string
  readonly login: Login
  readonly kex?: readonly string[]
}[] = [
  { name: '@hawser/client', login: ours((signer) => [{ method: 'publickey', signer }]) },
  {
    name: '@hawser/client, probe: true',
    login: ours((signer) => [{ method: 'publickey', signer, probe: true }]),
  },
  {
    name: 'npm ssh2',
    kex: ['curve25519-sha256'],
    login: async (line, sshd, kex) => {
      const client = new Ssh2()
      client.connect({
        host: '127.0.0.1',
        port: line.port,
        username: sshd.user,
        privateKey: sshd.userKeys.get('ed25519')?.privateText as string,
        algorithms: { kex: [kex as 'curve25519-sha256'] },
      })
      await once(client, 'ready')
      const ways = line.ways()
      client.end()
      await once(client, 'close')
      return ways
    },
  },
  {
    name: 'ssh',
    login: async (line, sshd, kex) => {
      const ssh = startSsh({
        port: line.port,
        identities: [sshd.userKeys.get('ed25519')?.path as string],
        kex: [kex],
        flags: ['-v', '-N'],
      })
      while (!ssh.stderr().includes('Authenticated to')) await once(ssh.child.stderr, 'data')
      const ways = line.ways()
      await ssh.stop()
      return ways
    },
  },
]

export interface RoundTrips {
  readonly name: string
  readonly kex: string
  readonly roundTrips: number
}

/** The fewest of `runs`: an end that was too busy to say at once what it could say is counted too high, never too low. */
export async function countRoundTrips(
  sshd: Sshd,
  kex: readonly string[],
  runs = 3,
): Promise<readonly RoundTrips[]> {
  const rows: RoundTrips[] = []
  for (const { name, login, kex: has = kex } of logins)
    for (const one of kex.filter((each) => has.includes(each))) {
      let least = Number.POSITIVE_INFINITY
      for (let run = 0; run < runs; run++) {
        const line = await longLine(sshd.port)
        try {
          least = Math.min(least, await login(line, sshd, one))
        } finally {
          line.close()
        }
      }
      rows.push({ name, kex: one, roundTrips: least / 2 })
    }
  return rows
}

/** The rows as a table for people. */
export function roundTripTable(rows: readonly RoundTrips[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length))
  return rows
    .map(({ name, kex, roundTrips }) => `${roundTrips.toFixed(1).padStart(5)}  ${name.padEnd(width)}  ${kex}`)
    .join('\n')
}
