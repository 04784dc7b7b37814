/**
 * Hawser beside npm's ssh2 (plain JavaScript, and with its native addon) and OpenSSH, on the same work in the same run:
 * `npm run bench [-- --mib 256 --runs 3 --only exec]`. Medians; CPU seconds are those of the measured process alone.
 */

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findProgram, type KeyFile, sharedKeyFile, startSshd } from '@hawser/test-kit'
import { type Cost, median, pinProcess, runProgram, startServerProgram, timeCommand } from './lib/measure.ts'
import { nativeSsh2 } from './lib/native-ssh2.ts'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
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

const suites = [
  { title: 'aes128-gcm', cipher: 'aes128-gcm@openssh.com' },
  { title: 'chacha20-poly1305', cipher: 'chacha20-poly1305@openssh.com' },
  { title: 'aes256-ctr + etm', cipher: 'aes256-ctr', mac: 'hmac-sha2-256-etm@openssh.com' },
] as const
type Suite = (typeof suites)[number]

interface Row {
  readonly work: string
  readonly unit: 'MiB/s' | 'ms each'
  readonly contenders: readonly Contender[]
  run(contender: Contender): Promise<Cost>
}

interface Result {
  readonly work: string
  readonly unit: Row['unit']
  readonly name: string
  /** Median of MiB/s, or of milliseconds for one. */
  readonly speed: number
  /** CPU seconds per GiB, or CPU milliseconds for one. */
  readonly cpu: number
}

const userKey = sharedKeyFile('ed25519', 'user')
const hostKey = sharedKeyFile('ed25519', 'host')
const sshd = await startSshd({ logLevel: 'INFO', extra: ['MaxStartups 1000', 'MaxSessions 1000'] })
await pinProcess(serverCore, sshd.pid)
try {
  const rows = [...execRows(), ...handshakeRows()].filter((row) => row.work.includes(values.only))
  const results: Result[] = []
  for (const row of rows) results.push(...(await measureRow(row)))
  if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
  else print(results)
} finally {
  await sshd.stop()
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
      work: '200 execs in turn on one connection, both ends',
      unit: 'ms each',
      contenders: modules,
      run: ({ module }) => bothEnds({ module, work: 'execs', count: 200 }),
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
  for (let run = 0; run < runs; run++)
    for (const contender of row.contenders) costs.get(contender)?.push(await row.run(contender))
  process.stderr.write(`${row.work}: done\n`)
  return [...costs].map(([{ name }, all]) => ({
    work: row.work,
    unit: row.unit,
    name,
    speed: median(all.map((c) => speedOf(row.unit, c))),
    cpu: median(all.map((c) => cpuOf(row.unit, c))),
  }))
}

function speedOf(unit: Row['unit'], c: Cost): number {
  return unit === 'MiB/s' ? c.amount / 1_048_576 / c.seconds : (c.seconds * 1000) / c.amount
}

function cpuOf(unit: Row['unit'], c: Cost): number {
  return unit === 'MiB/s' ? c.cpu / (c.amount / 2 ** 30) : (c.cpu * 1000) / c.amount
}

function print(results: readonly Result[]): void {
  const width = Math.max(...results.map((r) => r.work.length))
  for (const work of new Set(results.map((r) => r.work))) {
    const rows = results.filter((r) => r.work === work)
    const ours = rows.find((r) => r.name === 'hawser')
    for (const row of rows) {
      const [cpuUnit, better] =
        row.unit === 'MiB/s'
          ? ['CPU s/GiB', (ours?.speed ?? 0) / row.speed]
          : ['CPU ms each', row.speed / (ours?.speed ?? 1)]
      const ratio =
        row.name === 'hawser'
          ? ''
          : `hawser is ${better.toFixed(2)} x as fast, CPU ${((ours?.cpu ?? 0) / row.cpu).toFixed(2)} x`
      process.stdout.write(
        `${work.padEnd(width)}  ${row.name.padEnd(13)} ${row.speed.toFixed(1).padStart(8)} ${row.unit.padEnd(7)} ${row.cpu.toFixed(2).padStart(7)} ${String(cpuUnit).padEnd(11)} ${ratio}\n`,
      )
    }
  }
}
