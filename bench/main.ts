/**
 * Hawser beside npm's ssh2 (plain JavaScript, and with its native addon) and OpenSSH, on the same work in the same run:
 * `npm run bench [-- --mib 256 --runs 3 --only exec --json --svg file]`. Medians; CPU seconds are those of the measured process alone.
 * `--from file` shows the JSON of an earlier run instead of measuring; `--markdown` prints a table for documents. The SFTP rows are those of `sftp.ts`.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findProgram, type KeyFile, sharedKeyFile, startSshd } from '@hawser/test-kit'
import { installSize, ownInstallSize } from './lib/install-size.ts'
import {
  type Cost,
  median,
  pinProcess,
  runProgram,
  startAnswering,
  startServerProgram,
  timeCommand,
} from './lib/measure.ts'
import { nativeSsh2 } from './lib/native-ssh2.ts'
import { picture } from './lib/picture.ts'
import { markdown, type Result, table, type Unit } from './lib/report.ts'
import { judge } from './lib/targets.ts'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    svg: { type: 'string' },
    from: { type: 'string' },
    markdown: { type: 'boolean', default: false },
  },
})
const mib = Number(values.mib)
const runs = Number(values.runs)
const here = dirname(fileURLToPath(import.meta.url))
const clientProgram = join(here, 'programs/client.mjs')
const serverProgram = join(here, 'programs/server.mjs')
const clientCore = 0
const serverCore = 1

interface Contender {
  readonly name: string
  /** An ssh2-shaped module; absent for OpenSSH itself. */
  readonly module?: string
}

const native = nativeSsh2()
const modules: Contender[] = [
  { name: 'hawser', module: '@hawser/ssh2-compat' },
  { name: 'ssh2 plain JS', module: 'ssh2' },
  ...('path' in native ? [{ name: 'ssh2 + addon', module: native.path }] : []),
]
if ('missing' in native) process.stderr.write(`ssh2 with its addon is left out: ${native.missing}\n`)
const openssh: Contender = { name: 'OpenSSH' }
/** Our own interface, where it does less than ssh2's order asks for. */
const promises: Contender = { name: '@hawser/client' }

const suites = [
  { title: 'aes128-gcm', cipher: 'aes128-gcm@openssh.com' },
  { title: 'chacha20-poly1305', cipher: 'chacha20-poly1305@openssh.com' },
  { title: 'aes256-ctr + etm', cipher: 'aes256-ctr', mac: 'hmac-sha2-256-etm@openssh.com' },
] as const
type Suite = (typeof suites)[number]

interface Row {
  readonly work: string
  readonly unit: Unit
  readonly contenders: readonly Contender[]
  /** What is the same each time is looked at once. */
  readonly once?: boolean
  run(contender: Contender): Promise<Cost>
}

const userKey = sharedKeyFile('ed25519', 'user')
const hostKey = sharedKeyFile('ed25519', 'host')
const sshd = await startSshd({ logLevel: 'INFO', extra: ['MaxStartups 1000', 'MaxSessions 1000'] })
await pinProcess(serverCore, sshd.pid)
const delay = 100
const idleConnections = 1000
const relay = await startServerProgram(serverCore, join(here, 'programs/latency.mjs'), [sshd.port, delay])
try {
  report(values.from === undefined ? await measureAll() : JSON.parse(readFileSync(values.from, 'utf8')))
} finally {
  await relay.stop()
  await sshd.stop()
}

async function measureAll(): Promise<Result[]> {
  const rows = [...execRows(), ...handshakeRows(), ...smallRows(), ...footprintRows(), ...distantRows()]
  const results: Result[] = []
  for (const row of rows) if (row.work.includes(values.only)) results.push(...(await measureRow(row)))
  // What fits nothing here is meant for the rows of SFTP.
  return values.only === '' || results.length === 0 ? [...results, ...(await sftpResults())] : results
}

function report(results: readonly Result[]): void {
  if (values.svg !== undefined) writeFileSync(values.svg, picture(results))
  const print = values.markdown ? markdown : table
  process.stdout.write(values.json ? `${JSON.stringify(results, null, 2)}\n` : print(results, judge))
}

/** The rows of `sftp.ts`, in a process of their own. */
async function sftpResults(): Promise<Result[]> {
  const args = ['--import', 'tsx', join(here, 'sftp.ts'), '--json', '--runs', values.runs]
  const child = spawn(process.execPath, [...args, '--mib', values.mib, '--only', values.only], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`sftp.ts ended with ${code}`)
  const lines = out.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Result)
}

function execRows(): Row[] {
  const rows: Row[] = []
  for (const suite of suites) {
    const algorithms = { cipher: suite.cipher, ...('mac' in suite ? { mac: suite.mac } : {}) }
    for (const work of ['download', 'upload'] as const) {
      const verb = work === 'download' ? `down ${mib}` : 'up'
      rows.push({
        work: `exec ${work}, client against sshd, ${suite.title}`,
        unit: 'MiB/s',
        contenders: [...modules, openssh],
        run: ({ module }) =>
          module === undefined
            ? opensshBulk(sshd.port, suite, work, sshdCommand(work))
            : runProgram(clientCore, clientProgram, client({ module, work, ...algorithms })),
      })
      rows.push({
        work: `exec ${work}, server against ssh, ${suite.title}`,
        unit: 'MiB/s',
        contenders: modules,
        run: async ({ module }) => {
          const server = await startServerProgram(serverCore, serverProgram, {
            module,
            hostKey: hostKey.path,
          })
          const { seconds } = await opensshBulk(server.port, suite, work, verb)
          return { amount: mib * 1_048_576, seconds, cpu: await server.stop() }
        },
      })
      rows.push({
        work: `exec ${work}, both ends, ${suite.title}`,
        unit: 'MiB/s',
        contenders: modules,
        run: ({ module }) => bothEnds({ module, work, command: verb, ...algorithms }),
      })
    }
  }
  return rows
}

function handshakeRows(): Row[] {
  return [
    {
      work: '20 handshakes in turn against sshd',
      unit: 'ms each',
      contenders: modules,
      run: ({ module }) =>
        runProgram(clientCore, clientProgram, client({ module, work: 'handshakes', count: 20 })),
    },
    {
      work: '20 handshakes in turn, both ends',
      unit: 'ms each',
      contenders: modules,
      run: ({ module }) => bothEnds({ module, work: 'handshakes', count: 20 }),
    },
    {
      work: 'execs in turn on one connection, both ends',
      unit: 'ms each',
      contenders: modules,
      // ssh2 waits 40 ms for each answer (Nagle's algorithm); 100 of its show that.
      run: ({ module }) =>
        bothEnds({ module, work: 'execs', count: module === '@hawser/ssh2-compat' ? 2000 : 100 }),
    },
  ]
}

function smallRows(): Row[] {
  return [
    {
      work: 'one byte there and back, both ends',
      unit: '/s',
      contenders: modules,
      run: ({ module }) => bothEnds({ module, work: 'bytes', count: module === 'ssh2' ? 100 : 10_000 }),
    },
    {
      work: '64-byte writes echoed, both ends',
      unit: '/s',
      contenders: modules,
      run: ({ module }) => bothEnds({ module, work: 'echoes', count: 100_000 }),
    },
  ]
}

/** What the module costs before it does anything. */
function footprintRows(): Row[] {
  const load = join(here, 'programs/load.cjs')
  return [
    {
      work: 'module load',
      unit: 'ms each',
      contenders: modules,
      run: ({ module }) => runProgram(clientCore, load, { module }),
    },
    {
      work: 'first login of a process, with the module load',
      unit: 'ms each',
      contenders: modules,
      run: ({ module }) => runProgram(clientCore, load, client({ module, login: true })),
    },
    {
      work: `memory of a server for each of ${idleConnections} idle connections`,
      unit: 'KiB each',
      contenders: modules,
      run: ({ module }) => idleMemory(module as string),
    },
    {
      work: 'install size, dependencies included',
      unit: 'KiB',
      contenders: modules,
      once: true,
      run: async ({ module }) => {
        const size = await (module === '@hawser/ssh2-compat'
          ? ownInstallSize(module)
          : installSize(placeOf(module as string)))
        return { amount: size.bytes / 1024, seconds: 0, cpu: 0, note: `in ${size.packages} packages` }
      },
    },
  ]
}

/** By how much the resident memory of a server of `module` grows. */
async function idleMemory(module: string): Promise<Cost> {
  const idle = join(here, 'programs/load-idle.mjs')
  const options = { module, hostKey: hostKey.path }
  const server = startAnswering(serverCore, join(here, 'programs/load-server.mjs'), options)
  const { port } = await server.next<{ port: number }>()
  const connect = async (count: number): Promise<() => Promise<void>> => {
    const clients = startAnswering(clientCore, idle, { port, count })
    const { connected } = await clients.next<{ connected: number }>()
    if (connected !== count)
      throw new Error(`${count - connected} of ${count} connections to ${module} failed`)
    // The last logins have still to be answered.
    while ((await server.ask<{ held: number }>()).held < count) await sleep(50)
    await sleep(500)
    return () => clients.stop()
  }
  const warm = await connect(50)
  await warm()
  while ((await server.ask<{ held: number }>()).held > 0) await sleep(50)
  const before = await server.ask<{ rss: number }>()
  const end = await connect(idleConnections)
  const after = await server.ask<{ rss: number }>()
  await end()
  await server.stop()
  return { amount: (after.rss - before.rss) / 1024 / idleConnections, seconds: 0, cpu: 0 }
}

function placeOf(module: string): string {
  return module.startsWith('/') ? module : join(dirname(here), 'node_modules', module)
}

function distantRows(): Row[] {
  const part = (module: string | undefined): number => (module === '@hawser/ssh2-compat' ? 256 : 64)
  const port = relay.port
  return [
    ...(['download', 'upload'] as const).map(
      (work): Row => ({
        work: `exec ${work}, ${delay} ms of round trip`,
        unit: 'MiB/s',
        contenders: modules,
        run: ({ module }) =>
          runProgram(clientCore, clientProgram, client({ module, work, port, mib: part(module) })),
      }),
    ),
    {
      work: `login, ${delay} ms of round trip, until ready`,
      unit: 'ms each',
      contenders: [promises, ...modules],
      run: ({ module }) =>
        module === undefined
          ? runProgram(clientCore, join(here, 'programs/login-hawser.mjs'), client({ count: 5, port }))
          : runProgram(clientCore, clientProgram, client({ module, work: 'logins', count: 5, port })),
    },
  ]
}

/** A client run against a server of the same module; the cost is the client's. */
async function bothEnds(o: {
  readonly module?: string | undefined
  readonly [option: string]: unknown
}): Promise<Cost> {
  const server = await startServerProgram(serverCore, serverProgram, {
    module: o.module,
    hostKey: hostKey.path,
  })
  const cost = await runProgram(clientCore, clientProgram, client({ ...o, port: server.port }))
  await server.stop()
  return cost
}

function client(o: object): object {
  return { port: sshd.port, user: sshd.user, key: userKey.path, mib, ...o }
}

function sshdCommand(work: 'download' | 'upload'): string {
  return work === 'download' ? `dd if=/dev/zero bs=1M count=${mib} 2>/dev/null` : 'cat >/dev/null'
}

async function opensshBulk(
  port: number,
  suite: Suite,
  work: 'download' | 'upload',
  command: string,
): Promise<Cost> {
  const ssh = findProgram('ssh') ?? 'ssh'
  const mac = 'mac' in suite ? `-o MACs=${suite.mac}` : ''
  const line = `${ssh} -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes -i ${quoted(userKey)} -c ${suite.cipher} ${mac} -p ${port} ${sshd.user}@127.0.0.1 '${command}'`
  const feed = work === 'upload' ? `dd if=/dev/zero bs=1M count=${mib} 2>/dev/null | ` : ''
  const { seconds, cpu } = await timeCommand(clientCore, feed + line)
  return { amount: mib * 1_048_576, seconds, cpu }
}

function quoted(key: KeyFile): string {
  return `'${key.path}'`
}

async function measureRow(row: Row): Promise<Result[]> {
  const costs = new Map<Contender, Cost[]>(row.contenders.map((c) => [c, []]))
  for (let run = 0; run < (row.once === true ? 1 : runs); run++)
    for (const contender of row.contenders) costs.get(contender)?.push(await row.run(contender))
  process.stderr.write(`${row.work}: done\n`)
  return [...costs].map(([{ name }, all]) => ({
    work: row.work,
    unit: row.unit,
    name,
    speed: median(all.map((c) => speedOf(row.unit, c))),
    ...(isSize(row.unit) ? {} : { cpu: median(all.map((c) => cpuOf(row.unit, c))) }),
    ...(all[0]?.note === undefined ? {} : { note: all[0].note }),
    ...percentile('p50', all),
    ...percentile('p99', all),
  }))
}

function percentile(
  key: 'p50' | 'p99',
  costs: readonly Cost[],
): { readonly p50?: number; readonly p99?: number } {
  const found = costs.map((c) => c[key]).filter((p) => p !== undefined)
  return found.length === 0 ? {} : { [key]: median(found) }
}

function isSize(unit: Unit): boolean {
  return unit === 'KiB' || unit === 'KiB each'
}

function speedOf(unit: Unit, c: Cost): number {
  if (isSize(unit)) return c.amount
  if (unit === 'MiB/s') return c.amount / 1_048_576 / c.seconds
  if (unit === '/s') return c.amount / c.seconds
  return (c.seconds * 1000) / c.amount
}

function cpuOf(unit: Unit, c: Cost): number {
  return unit === 'MiB/s' ? c.cpu / (c.amount / 2 ** 30) : (c.cpu * 1000) / c.amount
}
