/** The interop matrix: one algorithm at a time between Hawser and OpenSSH, in both directions. */

import { deepStrictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Client, connect } from '@hawser/client'
import { type AlgorithmNames, defaultProvider, defaults, insecure, supported } from '@hawser/crypto'
import { parsePrivateKey, parsePublicKey, type Signer } from '@hawser/keys'
import { type Listener, listen, spawnProcess } from '@hawser/server/node'
import {
  type KeyFileType,
  Rng,
  type RunResult,
  removeFolder,
  runSsh,
  type Sshd,
  sharedKeyFile,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import type { Negotiated } from '@hawser/transport'

export const groups = ['key exchange', 'cipher and MAC', 'host key', 'user key'] as const
export const directions = ['client to sshd', 'ssh to server'] as const
export type Direction = (typeof directions)[number]

/** One thing to prove: this algorithm, and no other of its kind, carries a whole session. */
export interface Row {
  readonly group: (typeof groups)[number]
  readonly name: string
  /** What the client is held to; all else keeps its defaults. */
  readonly algorithms: Partial<AlgorithmNames>
  /** What must be found negotiated afterwards. */
  readonly negotiated: Partial<Negotiated>
  readonly userKey: KeyFileType
  /** The signature algorithm of the user's key that is allowed; undefined: any. */
  readonly userAlgorithm?: string
}

/** What OpenSSH cannot do: 9.2 has no ML-KEM, and no version has groups 15 and 17. Others have them, in `matrix-peers`. */
const notTheirs = /^mlkem|group1[57]/

/** One of each kind. */
const twoMacs = ['hmac-sha2-256', 'hmac-sha2-256-etm@openssh.com']

/** Every algorithm that OpenSSH has too, the old ones among them, one row each: one cipher with every MAC, the others with two. */
export const rows: readonly Row[] = [
  ...supported.kex
    .filter((name) => !notTheirs.test(name))
    .map((name) => row('key exchange', name, { kex: [name] }, { kex: name })),
  ...supported.cipher.flatMap((cipher) => {
    const aead = defaultProvider.ciphers.find(({ name }) => name === cipher)?.aead === true
    if (aead)
      return [
        row(
          'cipher and MAC',
          cipher,
          { cipher: [cipher] },
          { cipherIn: cipher, cipherOut: cipher, macIn: '', macOut: '' },
        ),
      ]
    return (cipher === 'aes128-ctr' ? supported.mac : twoMacs).map((mac) =>
      row(
        'cipher and MAC',
        `${cipher} ${mac}`,
        { cipher: [cipher], mac: [mac] },
        { cipherIn: cipher, cipherOut: cipher, macIn: mac, macOut: mac },
      ),
    )
  }),
  ...defaults.serverHostKey.map((name) =>
    row('host key', name, { serverHostKey: [name] }, { serverHostKey: name }),
  ),
  ...defaults.serverHostKey.map((name) => ({
    ...row('user key', name, {}, {}),
    userKey: keyFileTypeOf(name),
    userAlgorithm: name,
  })),
]

/** Says something, echoes what it is sent, says something on the other stream, fails: all that a program can do. */
const command = 'echo hello; cat; echo bye >&2; exit 7'
const echoed = new Rng('interop matrix').bytes(65_536)
const hostKeyTypes: readonly KeyFileType[] = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-3072']
const userKeyTypes = hostKeyTypes

/** What sshd has and does not offer by itself. */
const oldOnes = [
  `KexAlgorithms +${insecure.kex.join(',')}`,
  `Ciphers +${insecure.cipher.join(',') || 'aes128-ctr'}`,
  `MACs +${insecure.mac.join(',')}`,
]

interface SeenLogin {
  readonly negotiated: Negotiated | undefined
  readonly algorithm: string
}

/** What a foreign client is to do with our server. */
export interface Target {
  readonly port: number
  readonly user: string
  readonly command: string
  /** For the program's standard input. */
  readonly input: Uint8Array
}

/** Both kinds of server that the rows talk to, shared by all of them. Start one per run and stop it at the end. */
export class Ends {
  readonly #sshds = new Map<string, Promise<Sshd>>()
  readonly #server: Listener
  /** What our server saw, by user name: each run of ssh has a name of its own. */
  readonly #logins: Map<string, SeenLogin>
  readonly #folder = temporaryFolder('matrix')
  #runs = 0

  private constructor(server: Listener, logins: Map<string, SeenLogin>) {
    this.#server = server
    this.#logins = logins
  }

  static async start(): Promise<Ends> {
    const logins = new Map<string, SeenLogin>()
    const users = userKeyTypes.map((type) => parsePublicKey(sharedKeyFile(type, 'user').publicLine))
    const used = new Map<string, string>()
    const server = await listen({
      port: 0,
      hostKeys: hostKeyTypes.map((type) => parsePrivateKey(sharedKeyFile(type, 'host').privateText)),
      algorithms: supported,
      auth: {
        publickey: ({ user, key, algorithm, verified }) => {
          if (verified) used.set(user, algorithm)
          return users.some(({ blob }) => Buffer.compare(blob, key.blob) === 0)
        },
      },
      onReady: ({ user, negotiated }) => logins.set(user, { negotiated, algorithm: used.get(user) ?? '' }),
      onSession: (session) => {
        session.onExec((exec) => spawnProcess(exec.accept(), { shellCommand: exec.command }))
      },
    })
    return new Ends(server, logins)
  }

  /** Runs one row one way; resolves with its milliseconds, throws when anything is not as it was asked for. */
  async run(row: Row, direction: Direction): Promise<number> {
    const begun = performance.now()
    await (direction === 'client to sshd' ? this.#ourClient(row) : this.#ourServer(row))
    return performance.now() - begun
  }

  async stop(): Promise<void> {
    for (const sshd of this.#sshds.values()) await (await sshd).stop()
    await this.#server.close()
    removeFolder(this.#folder)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #ourClient(row: Row): Promise<void> {
    const sshd = await this.#sshd(row.userAlgorithm)
    const before = sshd.log().length
    const hostKeys = [...sshd.hostKeys.values()].map((key) => key.publicLine)
    await this.ourClientTo({ port: sshd.port, user: sshd.user, hostKeys }, row)
    await namedIn(() => sshd.log().slice(before), row, 'sshd')
  }

  /** Our client, held to `row`, runs the program on a server. */
  async ourClientTo(
    server: { readonly port: number; readonly user: string; readonly hostKeys: readonly string[] },
    row: Row,
  ): Promise<void> {
    const key = parsePrivateKey(sharedKeyFile(row.userKey, 'user').privateText)
    // OpenSSH 9.2 announces (RFC 8308) more than it is set to accept, so our side has to be held to the algorithm too.
    const { publicKey, algorithms } = key
    const signer: Signer = {
      publicKey,
      algorithms: row.userAlgorithm === undefined ? algorithms : [row.userAlgorithm],
      sign: (algorithm, data) => key.sign(algorithm, data),
    }
    await using client = await connect({
      host: '127.0.0.1',
      port: server.port,
      user: server.user,
      auth: [{ method: 'publickey', signer }],
      hostKey: { keys: server.hostKeys.map((line) => parsePublicKey(line)) },
      algorithms: row.algorithms,
    })
    deepStrictEqual(
      { negotiated: picked(client.session.negotiated, row), ...(await outcomeOf(client)) },
      { negotiated: row.negotiated, ...expected },
    )
  }

  async #ourServer(row: Row): Promise<void> {
    const { kex, cipher, mac, serverHostKey } = row.algorithms
    const log = join(this.#folder, `ssh-${this.#runs}.log`)
    await this.theirClient(row, ({ port, user, input }) =>
      runSsh({
        port,
        user,
        command,
        input,
        identities: [sharedKeyFile(row.userKey, 'user').path],
        knownHosts: hostKeyTypes.map(
          (type) => `[127.0.0.1]:${port} ${sharedKeyFile(type, 'host').publicLine}`,
        ),
        ...(kex === undefined ? {} : { kex }),
        ...(cipher === undefined ? {} : { ciphers: cipher }),
        ...(mac === undefined ? {} : { macs: mac }),
        ...(serverHostKey === undefined ? {} : { hostKeyAlgorithms: serverHostKey }),
        ...(row.userAlgorithm === undefined ? {} : { publicKeyAlgorithms: [row.userAlgorithm] }),
        flags: ['-vv', '-E', log],
      }),
    )
    await namedIn(() => readFileSync(log, 'utf8'), row, 'ssh')
  }

  /** A client that `run` starts, held to `row` by it, runs the program on our server. */
  async theirClient(row: Row, run: (target: Target) => Promise<RunResult>): Promise<void> {
    const user = `run-${++this.#runs}`
    const result = await run({ port: this.#server.port, user, command, input: echoed })
    const login = this.#logins.get(user)
    deepStrictEqual(
      {
        negotiated: picked(login?.negotiated, row),
        algorithm: row.userAlgorithm === undefined ? undefined : login?.algorithm,
        ...outcome(result.stdout, result.stderr, result.code),
      },
      { negotiated: row.negotiated, algorithm: row.userAlgorithm, ...expected },
    )
  }

  /** One sshd serves all rows, but for those about user keys: what it takes from them can only be said by its own configuration. */
  #sshd(userAlgorithm: string | undefined): Promise<Sshd> {
    const name = userAlgorithm ?? ''
    const started =
      this.#sshds.get(name) ??
      startSshd({
        extra: oldOnes,
        logLevel: 'DEBUG',
        hostKeys: userAlgorithm === undefined ? hostKeyTypes : ['ed25519'],
        userKeys: userKeyTypes,
        ...(userAlgorithm === undefined ? {} : { publicKeyAlgorithms: [userAlgorithm] }),
      })
    this.#sshds.set(name, started)
    return started
  }
}

/** What OpenSSH itself says was agreed on; its log may come a moment after the program's output. */
async function namedIn(log: () => string, { negotiated, userAlgorithm }: Row, who: string): Promise<void> {
  const { kex, serverHostKey, cipherIn, macIn } = negotiated
  const lines = [
    ...(kex === undefined ? [] : [`kex: algorithm: ${kex}`]),
    ...(serverHostKey === undefined ? [] : [`kex: host key algorithm: ${serverHostKey}`]),
    ...(cipherIn === undefined ? [] : [`cipher: ${cipherIn} MAC: ${macIn === '' ? '<implicit>' : macIn} `]),
    ...(userAlgorithm === undefined || who === 'ssh' ? [] : [`pkalg ${userAlgorithm} `]),
  ]
  const missing = (): string[] => lines.filter((line) => !log().includes(line))
  for (let i = 0; i < 100 && missing().length > 0; i++) await pause(10)
  deepStrictEqual(missing(), [], `the log of ${who} does not say so`)
}

interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null | undefined
}

const expected: Outcome = { stdout: 'hello, then all that was sent', stderr: 'bye\n', code: 7 }

async function outcomeOf(client: Client): Promise<Outcome> {
  const process = await client.exec(command)
  const [stdout, stderr] = await Promise.all([
    all(process.stdout),
    all(process.stderr),
    (async () => {
      const writer = process.stdin.getWriter()
      await writer.write(echoed)
      await writer.close()
    })(),
  ])
  // A verbose sshd writes some of its own log there.
  const own = stderr.toString().replace(/^debug\d: .*\r?\n/gm, '')
  return outcome(stdout, own, (await process.exit).code)
}

/** In words where the bytes are right, so that a difference can be read. */
function outcome(stdout: Uint8Array, stderr: string, code: number | null | undefined): Outcome {
  const right = Buffer.concat([Buffer.from('hello\n'), echoed])
  return {
    stdout:
      Buffer.compare(right, stdout) === 0 ? expected.stdout : `${stdout.length} bytes that are not right`,
    stderr,
    code,
  }
}

async function all(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Of what was negotiated, that which the row is about. */
function picked(negotiated: Negotiated | undefined, { negotiated: about }: Row): Partial<Negotiated> {
  const names = Object.keys(about) as (keyof Negotiated)[]
  return Object.fromEntries(names.map((name) => [name, negotiated?.[name]]))
}

function row(
  group: Row['group'],
  name: string,
  algorithms: Row['algorithms'],
  negotiated: Row['negotiated'],
): Row {
  return { group, name, algorithms, negotiated, userKey: 'ed25519' }
}

function keyFileTypeOf(algorithm: string): KeyFileType {
  if (algorithm === 'ssh-ed25519') return 'ed25519'
  const bits = /^ecdsa-sha2-nistp(256|384|521)$/.exec(algorithm)?.[1]
  return bits === undefined ? 'rsa-3072' : (`ecdsa-${bits}` as KeyFileType)
}
