/**
 * SFTP: Hawser beside npm's ssh2 (plain JavaScript, and with its native addon) and OpenSSH's sftp against one sshd, on the same work in
 * the same run: `node scripts/run.mjs --build bench/sftp.ts [--mib 512 --runs 3 --only get]`. Medians; CPU seconds are those of the
 * measured client alone. Files lie in memory (/dev/shm) where there is such a place; each target is written once in full before a run,
 * since memory that a virtual machine has not touched lately costs more than the transfer. What `sftp` needs for an empty batch, its
 * start and login, is taken off its figures, because those of the others begin after theirs.
 */

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findProgram, sharedKeyFile, startSshd } from '@hawser/test-kit'
import { type Cost, median, pinProcess, runProgram, startServerProgram, timeCommand } from './lib/measure.ts'
import { nativeSsh2 } from './lib/native-ssh2.ts'
import type { Result } from './lib/report.ts'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '512' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    files: { type: 'string', default: '10000' },
    delay: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
})
const mib = Number(values.mib)
const runs = Number(values.runs)
const files = Number(values.files)
const delay = Number(values.delay)
const programs = join(dirname(fileURLToPath(import.meta.url)), 'programs')
const [clientCore, serverCore] = [0, 1]

interface Contender {
  readonly name: string
  readonly kind: 'hawser' | 'ssh2' | 'sftp'
  readonly module?: string
}

const native = nativeSsh2()
if ('missing' in native) process.stderr.write(`ssh2 with its addon is left out: ${native.missing}\n`)
const hawser: Contender = { name: 'hawser', kind: 'hawser' }
const compat: Contender = { name: 'hawser ssh2-compat', kind: 'ssh2', module: '@hawser/ssh2-compat' }
const ssh2: Contender[] = [
  { name: 'ssh2 plain JS', kind: 'ssh2', module: 'ssh2' },
  ...('path' in native ? [{ name: 'ssh2 + addon', kind: 'ssh2' as const, module: native.path }] : []),
]
const sftp: Contender = { name: 'sftp', kind: 'sftp' }
const all = [hawser, compat, ...ssh2, sftp]

interface Run extends Cost {
  /** Bytes by which the memory grew at the most. */
  readonly grown?: number
}

interface Row {
  readonly work: string
  readonly unit: 'MiB/s' | '/s'
  readonly contenders: readonly Contender[]
  run(contender: Contender): Promise<Run>
}

const userKey = sharedKeyFile('ed25519', 'user')
const folder = mkdtempSync(join(placeInMemory(), 'hawser-bench-'))
const file = (name: string): string => join(folder, name)
const sshd = await startSshd({ logLevel: 'INFO', extra: ['MaxStartups 1000', 'MaxSessions 1000'] })
await pinProcess(serverCore, sshd.pid)
const sftpStart = new Map<number, Omit<Cost, 'amount'>>()
const relay = await startServerProgram(serverCore, join(programs, 'latency.mjs'), [sshd.port, delay])
try {
  const rows = [...bulkRows(), ...distantRows(), ...smallRows(), ...memoryRows()]
  for (const row of rows) if (row.work.includes(values.only)) await measureRow(row)
} finally {
  await relay.stop()
  await sshd.stop()
  rmSync(folder, { recursive: true, force: true })
}

function bulkRows(): Row[] {
  const bytes = mib * 1_048_576
  const source = file('source')
  fill(source, bytes)
  const work = (
    name: string,
    program: string,
    o: { remote: string; local?: string },
    command: string,
  ): Row => ({
    work: `${name}, ${mib} MiB`,
    unit: 'MiB/s',
    contenders: all,
    run: (c) => {
      // Streams of ssh2 wait 40 ms for each 32 KiB; a sixteenth of the work shows it well enough.
      const slow = ssh2.includes(c) && program.endsWith('Stream')
      const amount = slow ? bytes / 16 : bytes
      const remote = slow && program === 'readStream' ? part : o.remote
      for (const target of [file('up'), file('down')]) if (command.endsWith(target)) fill(target, bytes)
      return client(c, { work: program, bytes: amount, ...o, remote }, [command], amount)
    },
  })
  const part = file('source-part')
  fill(part, bytes / 16)
  return [
    work('createReadStream', 'readStream', { remote: source }, `get ${source} /dev/null`),
    work('createWriteStream', 'writeStream', { remote: file('up') }, `put ${source} ${file('up')}`),
    work(
      'get to disk (fastGet)',
      'get',
      { remote: source, local: file('down') },
      `get ${source} ${file('down')}`,
    ),
    work(
      'put from disk (fastPut)',
      'put',
      { remote: file('up'), local: source },
      `put ${source} ${file('up')}`,
    ),
  ]
}

/** Smaller amounts for those that need a round trip for each 32 KiB or 2 MiB. */
function distantRows(): Row[] {
  const rows: Row[] = []
  const amount = (c: Contender): number => (c.kind === 'hawser' ? 256 : 64) * 1_048_576
  const source = (c: Contender): string => {
    const path = file(`distant-${amount(c)}`)
    if (!existsSync(path)) fill(path, amount(c))
    return path
  }
  for (const way of ['get', 'put'] as const)
    rows.push({
      work: `${way} with ${delay} ms of round trip`,
      unit: 'MiB/s',
      contenders: all,
      run: (c) => {
        const o =
          way === 'get'
            ? { remote: source(c), local: file('down') }
            : { remote: file('up'), local: source(c) }
        fill(way === 'get' ? o.local : o.remote, amount(c))
        const command = way === 'get' ? `get ${source(c)} ${file('down')}` : `put ${source(c)} ${file('up')}`
        return client(c, { work: way, bytes: amount(c), port: relay.port, ...o }, [command], amount(c))
      },
    })
  return rows
}

function smallRows(): Row[] {
  const filled = (name: string, count: number): string => {
    mkdirSync(file(name))
    for (let i = 0; i < count; i++) writeFileSync(join(file(name), `file-${i}`), `the content of file ${i}\n`)
    return file(name)
  }
  const from = filled('small', files)
  // ssh2 without its addon waits 40 ms for most answers; a tenth of the work shows it well enough.
  const some = files / 10
  const fewer = filled('small-some', some)
  const part = (c: Contender): [count: number, from: string] =>
    c.module === 'ssh2' ? [some, fewer] : [files, from]
  const clear = (name: string): string => {
    rmSync(file(name), { recursive: true, force: true })
    return file(name)
  }
  return [
    {
      work: `readdir of ${files} entries`,
      unit: '/s',
      contenders: all,
      run: (c) => client(c, { work: 'readdir', remote: from }, [`ls -1f ${from}`], files),
    },
    {
      work: `${files} small files up`,
      unit: '/s',
      contenders: all,
      // A directory with all files, each of them opened, read to its end, opened there, written and closed, with its mode.
      run: (c) => {
        const [[count, local], remote] = [part(c), clear('small-up')]
        return client(c, { work: 'smallUp', remote, local }, [`put -r ${local} ${remote}`], count)
      },
    },
    {
      work: `${files} small files down`,
      unit: '/s',
      contenders: all,
      run: (c) => {
        const [[count, remote], local] = [part(c), clear('small-down')]
        return client(c, { work: 'smallDown', remote, local }, [`get -r ${remote} ${local}`], count)
      },
    },
    {
      work: `${files} small files written, looked at, read and removed, in calls`,
      unit: '/s',
      contenders: [hawser, compat, ...ssh2],
      run: (c) => {
        const [[count], remote] = [part(c), clear('small-calls')]
        mkdirSync(remote)
        return client(c, { work: 'calls', remote, count }, [], 4 * count)
      },
    },
  ]
}

function memoryRows(): Row[] {
  const size = 4 * 2 ** 30 + 5
  const source = file('sparse')
  sparse(source, size)
  const row = (work: string, o: object, check?: () => void): Row => ({
    work,
    unit: 'MiB/s',
    contenders: [hawser],
    run: async (c) => {
      const cost = await client(c, o, [], size)
      check?.()
      return cost
    },
  })
  const sameSize = (name: string) => (): void => {
    if (statSync(file(name)).size !== size) throw new Error(`${name} has not ${size} bytes`)
  }
  const some = 64 * 1_048_576
  const many = 100_000
  const crowd = file('crowd')
  mkdirSync(crowd)
  for (let i = 0; i < many; i++) closeSync(openSync(join(crowd, `file-${i}`), 'w'))
  return [
    {
      work: `readdir of ${many} entries`,
      unit: '/s',
      contenders: [hawser],
      run: (c) => client(c, { work: 'readdir', remote: crowd }, [], many),
    },
    row(
      'get of 4 GiB and 5 bytes, sparse',
      { work: 'get', remote: source, local: file('sparse-down'), sparse: true },
      sameSize('sparse-down'),
    ),
    row(
      'put of 4 GiB and 5 bytes, sparse',
      { work: 'put', local: source, remote: file('sparse-up'), bytes: size, sparse: true },
      sameSize('sparse-up'),
    ),
    row('a slow reader', { work: 'slowRead', remote: file('source') }),
    row('a slow source', { work: 'slowWrite', remote: file('up'), bytes: some }),
  ]
}

async function client(c: Contender, o: object, batch: readonly string[], amount: number): Promise<Run> {
  const port = 'port' in o ? Number(o.port) : sshd.port
  if (c.kind === 'sftp') return { amount, ...(await openssh(port, batch)) }
  const program = join(programs, c.kind === 'hawser' ? 'sftp-hawser.mjs' : 'sftp-ssh2.mjs')
  return runProgram(clientCore, program, {
    user: sshd.user,
    key: userKey.path,
    module: c.module,
    ...o,
    port,
  })
}

async function openssh(port: number, batch: readonly string[]): Promise<Omit<Cost, 'amount'>> {
  const start = sftpStart.get(port) ?? (await emptyBatches(port))
  const whole = await runBatch(port, batch)
  return { seconds: whole.seconds - start.seconds, cpu: whole.cpu - start.cpu }
}

/** What `sftp` needs to start, log in and end. */
async function emptyBatches(port: number): Promise<Omit<Cost, 'amount'>> {
  const costs = []
  for (let run = 0; run < 5; run++) costs.push(await runBatch(port, ['pwd']))
  const start = { seconds: median(costs.map((c) => c.seconds)), cpu: median(costs.map((c) => c.cpu)) }
  sftpStart.set(port, start)
  return start
}

async function runBatch(port: number, batch: readonly string[]): Promise<Omit<Cost, 'amount'>> {
  const commands = file('batch')
  writeFileSync(commands, `${batch.join('\n')}\n`)
  const program = findProgram('sftp') ?? 'sftp'
  return timeCommand(
    clientCore,
    `${program} -q -b ${commands} -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes -i '${userKey.path}' -c aes128-gcm@openssh.com -P ${port} ${sshd.user}@127.0.0.1`,
  )
}

async function measureRow(row: Row): Promise<void> {
  const costs = new Map<Contender, Run[]>(row.contenders.map((c) => [c, []]))
  const failed = new Set<Contender>()
  for (let run = 0; run < runs; run++)
    for (const contender of row.contenders) {
      if (failed.has(contender)) continue
      try {
        costs.get(contender)?.push(await row.run(contender))
      } catch (error) {
        failed.add(contender)
        process.stderr.write(`${row.work}: ${contender.name} failed: ${(error as Error).message}\n`)
      }
    }
  const speeds = new Map([...costs].map(([c, list]) => [c, median(list.map((r) => r.amount / r.seconds))]))
  const ours = speeds.get(row.contenders[0] as Contender) as number
  for (const [contender, list] of costs) {
    if (list.length === 0) continue
    const speed = speeds.get(contender) as number
    const bulk = row.unit === 'MiB/s'
    if (values.json) {
      // CPU seconds per 1,000 are milliseconds for one.
      const cpu = median(list.map((r) => r.cpu / (r.amount / (bulk ? 2 ** 30 : 1000))))
      const found: Result = {
        work: row.work,
        unit: row.unit,
        name: contender.name,
        speed: bulk ? speed / 1_048_576 : speed,
        cpu,
        ...(list.some((r) => r.grown !== undefined)
          ? { grown: Math.max(...list.map((r) => r.grown ?? 0)) / 1_048_576 }
          : {}),
      }
      process.stdout.write(`${JSON.stringify(found)}\n`)
      continue
    }
    const shown = (bulk ? speed / 1_048_576 : speed).toFixed(bulk ? 1 : 0)
    const cpu = median(list.map((r) => r.cpu / (r.amount / (bulk ? 2 ** 30 : 1000))))
    const grown = Math.max(...list.map((r) => r.grown ?? 0))
    process.stdout.write(
      `${row.work.padEnd(36)} ${contender.name.padEnd(18)} ${shown.padStart(8)} ${row.unit.padEnd(5)} ${cpu.toFixed(2).padStart(6)} CPU s/${bulk ? 'GiB' : '1000'}` +
        `${grown > 0 ? `  +${(grown / 1_048_576).toFixed(0).padStart(3)} MiB` : ''}` +
        `${contender === row.contenders[0] ? '' : `  hawser is ${(ours / speed).toFixed(2)} x as fast`}\n`,
    )
  }
}

function placeInMemory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

/** `bytes` bytes that are no zeros. */
function fill(path: string, bytes: number): void {
  const block = Buffer.alloc(1_048_576, 'hawser ')
  const fd = openSync(path, 'w')
  for (let left = bytes; left > 0; left -= block.length) writeSync(fd, block, 0, Math.min(left, block.length))
  closeSync(fd)
}

function sparse(path: string, size: number): void {
  const fd = openSync(path, 'w')
  for (const at of [0, 2 ** 31, 2 ** 32 - 2, size - 4]) writeSync(fd, 'data', at)
  ftruncateSync(fd, size)
  closeSync(fd)
}
