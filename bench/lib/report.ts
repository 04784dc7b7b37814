/** What a bench run found: one result per piece of work and contender, and the one table of them all. */

import type { Verdict } from './targets.ts'

export type Unit = 'MiB/s' | '/s' | 'ms each' | 'KiB' | 'KiB each'

export interface Result {
  readonly work: string
  readonly unit: Unit
  readonly name: string
  /** The median, in `unit`. */
  readonly speed: number
  /** The median of CPU seconds per GiB, or of CPU milliseconds for one; absent where work is no time. */
  readonly cpu?: number
  /** Milliseconds that half, and 99 of 100, of the operations needed at most; medians of the runs. */
  readonly p50?: number
  readonly p99?: number
  /** MiB by which the memory grew at the most. */
  readonly grown?: number
  readonly note?: string
}

/** How many times as good `a` is as `b`: more where more is better, less where less is. */
export function better(unit: Unit, a: number, b: number): number {
  return unit === 'MiB/s' || unit === '/s' ? a / b : b / a
}

/** A block per piece of work: a line per contender, and below it the target. */
export function table(results: readonly Result[], judge: (rows: readonly Result[]) => Verdict | undefined) {
  const lines: string[] = []
  for (const work of new Set(results.map((r) => r.work))) {
    const rows = results.filter((r) => r.work === work)
    const ours = rows.find((r) => r.name === 'hawser')
    lines.push(work)
    for (const row of rows) lines.push(`  ${line(row, ours)}`)
    const verdict = judge(rows)
    if (verdict !== undefined)
      lines.push(`  ${verdict.met ? 'met    ' : 'not met'}  target: ${verdict.target}`)
    lines.push('')
  }
  return lines.join('\n')
}

function line(row: Result, ours: Result | undefined): string {
  const parts = [
    row.name.padEnd(18),
    row.speed.toFixed(row.speed < 100 ? 2 : 0).padStart(9),
    row.unit.padEnd(8),
  ]
  if (row.cpu !== undefined)
    parts.push(row.cpu.toFixed(3).padStart(8), row.unit === 'MiB/s' ? 'CPU s/GiB ' : 'CPU ms each')
  if (row.p50 !== undefined && row.p99 !== undefined)
    parts.push(`half in ${row.p50.toFixed(2)} ms, 99 % in ${row.p99.toFixed(2)} ms`)
  if (row.grown !== undefined) parts.push(`memory grew by ${row.grown.toFixed(0)} MiB`)
  if (row.note !== undefined) parts.push(row.note)
  if (ours !== undefined && row !== ours) {
    parts.push(` hawser is ${better(row.unit, ours.speed, row.speed).toFixed(2)} x as good`)
    if (ours.cpu !== undefined && row.cpu !== undefined)
      parts.push(`CPU ${(ours.cpu / row.cpu).toFixed(2)} x`)
  }
  return parts.join(' ').trimEnd()
}

/** The same as a table of Markdown: a line per piece of work, CPU in brackets, the target at the end. */
export function markdown(
  results: readonly Result[],
  judge: (rows: readonly Result[]) => Verdict | undefined,
): string {
  const columns = ['hawser', 'ssh2 plain JS', 'ssh2 + addon', 'OpenSSH'] as const
  const lines = [
    `| work | unit | ${columns.join(' | ')} | target | met |`,
    `|---|---|${columns.map(() => '--:|').join('')}---|---|`,
  ]
  for (const work of new Set(results.map((r) => r.work))) {
    const rows = results.filter((r) => r.work === work)
    const cells = columns.map((column) => {
      const names = column === 'OpenSSH' ? ['OpenSSH', 'sftp'] : [column]
      const row = rows.find((r) => names.includes(r.name))
      return row === undefined ? '–' : figures(row)
    })
    for (const own of rows.filter((r) => r.name.includes('hawser') && r.name !== 'hawser'))
      cells[0] += `; ${own.name.replace('hawser ', '')} ${figures(own)}`
    const verdict = judge(rows)
    const met = verdict === undefined ? '' : verdict.met ? 'yes' : '**no**'
    lines.push(`| ${work} | ${rows[0]?.unit} | ${cells.join(' | ')} | ${verdict?.target ?? ''} | ${met} |`)
  }
  return `${lines.join('\n')}\n`
}

/** The speed, and what it cost in CPU; memory where that is what counts. */
function figures({ speed, cpu, grown }: Result): string {
  const short = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
  const parts = [short(speed)]
  if (cpu !== undefined) parts.push(`(${short(cpu)})`)
  if (grown !== undefined) parts.push(`+${grown.toFixed(0)} MiB`)
  return parts.join(' ')
}
