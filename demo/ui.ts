/** How the demo looks: steps, facts and progress bars on a terminal, plain lines elsewhere. */

import { styleText } from 'node:util'
import { Presets, SingleBar } from 'cli-progress'

const terminal = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined

function styled(style: Parameters<typeof styleText>[0], text: string): string {
  return terminal ? styleText(style, text) : text
}

/** A heading for what happens next. */
export function heading(text: string): void {
  process.stdout.write(`\n${styled('bold', text)}\n`)
}

/** One thing that was done or found out. */
export function fact(name: string, value: string): void {
  process.stdout.write(`  ${styled('green', '✓')} ${name.padEnd(26)} ${styled('cyan', value)}\n`)
}

/** A line of somebody else's output. */
export function quoted(text: string): void {
  for (const line of text.trimEnd().split('\n')) process.stdout.write(`    ${styled('gray', '│')} ${line}\n`)
}

export function failure(text: string): void {
  process.stderr.write(`${styled('red', '✗')} ${text}\n`)
}

/** Shows how far a long piece of work is; on a terminal only. */
export interface Progress {
  add(bytes: number): void
  stop(): void
}

export function progress(name: string, total: number): Progress {
  if (!terminal) return { add: () => undefined, stop: () => undefined }
  const bar = new SingleBar(
    {
      format: `  ${name} {bar} {percentage} % | {mib} MiB | {rate} MiB/s`,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  )
  const started = performance.now()
  let done = 0
  bar.start(total, 0, { mib: 0, rate: 0 })
  return {
    add(bytes) {
      done += bytes
      const mib = done / 1_048_576
      bar.update(done, {
        mib: mib.toFixed(0),
        rate: ((mib * 1000) / (performance.now() - started)).toFixed(0),
      })
    },
    stop: () => bar.stop(),
  }
}

/** `bytes` in `milliseconds`, for people. */
export function rate(bytes: number, milliseconds: number): string {
  const mib = bytes / 1_048_576
  return `${mib.toFixed(0)} MiB in ${(milliseconds / 1000).toFixed(2)} s, ${((mib * 1000) / milliseconds).toFixed(0)} MiB/s`
}
