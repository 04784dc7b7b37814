/** What is aimed at for each piece of work, and whether a run reached it. A row without a target is there to be seen. */

import { better, type Result } from './report.ts'

export interface Verdict {
  readonly target: string
  readonly met: boolean
}

interface Target {
  readonly work: RegExp
  readonly says: string
  reached(ours: Result, other: (name: string) => Result | undefined): boolean
}

/** CPU against a contender's; reached where the contender could not be measured. */
function cpuWithin(ours: Result, other: Result | undefined, factor: number): boolean {
  return other?.cpu === undefined || (ours.cpu ?? 0) <= factor * other.cpu
}

/** Against ssh2 with its addon, or without where that could not be built. */
function times(ours: Result, other: (name: string) => Result | undefined, factor: number): boolean {
  const theirs = other('ssh2 + addon') ?? other('ssh2 plain JS')
  return theirs === undefined || better(ours.unit, ours.speed, theirs.speed) >= factor
}

function ahead(ours: Result, others: readonly (Result | undefined)[]): boolean {
  return others.every((o) => o === undefined || better(ours.unit, ours.speed, o.speed) >= 1)
}

/** The first that fits counts. */
const targets: readonly Target[] = [
  {
    work: /^exec download, 100 ms/,
    says: 'at least 150 MiB/s',
    reached: (ours) => ours.speed >= 150,
  },
  {
    work: /^exec upload, 100 ms/,
    says: 'at least 20 MiB/s: the window of sshd, filled',
    reached: (ours) => ours.speed >= 20,
  },
  {
    work: /^login, 100 ms/,
    says: '@hawser/client at most 400 ms until ready; ssh2-compat keeps the three tries of ssh2',
    reached: (ours, other) => (other('@hawser/client') ?? ours).speed <= 400,
  },
  {
    work: /^exec (download|upload)/,
    says: 'faster than both ssh2 and OpenSSH; CPU at most 0.85 x ssh2 + addon and 0.45 x plain',
    reached: (ours, other) =>
      ahead(ours, [other('ssh2 plain JS'), other('ssh2 + addon'), other('OpenSSH')]) &&
      cpuWithin(ours, other('ssh2 + addon'), 0.85) &&
      cpuWithin(ours, other('ssh2 plain JS'), 0.45),
  },
  {
    work: /handshakes in turn/,
    says: 'under 6 ms each, CPU below half of ssh2 + addon',
    reached: (ours, other) => ours.speed < 6 && cpuWithin(ours, other('ssh2 + addon'), 0.5),
  },
  { work: /execs in turn/, says: 'under 0.5 ms each', reached: (ours) => ours.speed < 0.5 },
  { work: /^one byte/, says: '2 x ssh2 + addon', reached: (ours, other) => times(ours, other, 2) },
  { work: /^64-byte/, says: '2 x ssh2 + addon', reached: (ours, other) => times(ours, other, 2) },
  {
    work: /^module load/,
    says: 'at most 0.8 x ssh2 + addon, in time and in CPU',
    reached: (ours, other) => times(ours, other, 1.25) && cpuWithin(ours, other('ssh2 + addon'), 0.8),
  },
  {
    work: /^first login/,
    says: 'not more than ssh2 + addon, with what is loaded late',
    reached: (ours, other) => times(ours, other, 1),
  },
  {
    work: /^memory of a server/,
    says: 'at most 1.2 x ssh2 + addon',
    reached: (ours, other) => times(ours, other, 1 / 1.2),
  },
  {
    work: /^install size/,
    says: 'at most that of ssh2 + addon',
    reached: (ours, other) => times(ours, other, 1),
  },
  {
    work: /, sparse$|^a slow /,
    says: 'memory grows by at most 64 MiB',
    reached: (ours) => (ours.grown ?? 0) <= 64,
  },
  {
    work: /^readdir of 100000 /,
    says: 'memory grows by at most 64 MiB',
    reached: (ours) => (ours.grown ?? 0) <= 64,
  },
  {
    work: /^create(Read|Write)Stream/,
    says: '10 x ssh2 + addon, and not slower than sftp',
    reached: (ours, other) => times(ours, other, 10) && ahead(ours, [other('sftp')]),
  },
  { work: /^get with 100 ms/, says: 'at least 100 MiB/s', reached: (ours) => ours.speed >= 100 },
  {
    work: /^put with 100 ms/,
    says: 'at least 20 MiB/s: the window of sshd, filled',
    reached: (ours) => ours.speed >= 20,
  },
  {
    work: /^(get to|put from) disk/,
    says: 'as fast as sftp, CPU at most 0.6 x ssh2 + addon',
    reached: (ours, other) => ahead(ours, [other('sftp')]) && cpuWithin(ours, other('ssh2 + addon'), 0.6),
  },
  {
    work: /small files|^readdir of 10000 /,
    says: '3 x ssh2 + addon',
    reached: (ours, other) => times(ours, other, 3),
  },
]

/** The target of a piece of work and whether it is reached; nothing where there is none. */
export function judge(rows: readonly Result[]): Verdict | undefined {
  const ours = rows.find((r) => r.name === 'hawser')
  const target = ours === undefined ? undefined : targets.find((t) => t.work.test(ours.work))
  if (ours === undefined || target === undefined) return undefined
  return { target: target.says, met: target.reached(ours, (name) => rows.find((r) => r.name === name)) }
}
