/** One target in a thread of its own: runs it, watches for errors that nobody caught, and reads what of the packages was reached. */

import { Session } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'

export interface FuzzReport {
  readonly iterations: number
  readonly seconds: number
  readonly findings: readonly { readonly seed: number; readonly problem: string }[]
  /** Per package; `blocks` are characters of code in functions, as V8 counts blocks. */
  readonly coverage: readonly {
    readonly name: string
    readonly functions: Share
    readonly blocks: Share
  }[]
}

interface Share {
  readonly reached: number
  readonly all: number
}

interface Work {
  readonly target: string
  readonly seconds: number
  readonly seed: number
  readonly count: number
  /** Tries so far, and the seed of the one that runs now. */
  readonly now: Int32Array
}

interface ScriptCoverage {
  readonly url: string
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number
      readonly endOffset: number
      readonly count: number
    }[]
  }[]
}

const mostFindings = 5

if (parentPort !== null) parentPort.postMessage(await work(workerData as Work))

async function work(o: Work): Promise<FuzzReport> {
  const inspector = new Session()
  inspector.connect()
  const post = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) =>
      inspector.post(method, params, (error, result) =>
        error === null ? resolve(result) : reject(error as Error),
      ),
    )
  await post('Profiler.enable')
  await post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const { targets } = await import('./targets.ts')
  const target = targets.find(({ name }) => name === o.target)
  if (target === undefined) throw new Error(`no target ${o.target}`)
  const findings: { seed: number; problem: string }[] = []
  const found = (problem: unknown): void => {
    findings.push({
      seed: Atomics.load(o.now, 1) >>> 0,
      problem: String((problem as Error)?.stack ?? problem),
    })
  }
  process.on('uncaughtException', (error) => found(error))
  process.on('unhandledRejection', (error) => found(error))
  const begun = performance.now()
  let iterations = 0
  for (; iterations < o.count && findings.length < mostFindings; iterations++) {
    if (performance.now() - begun > o.seconds * 1000) break
    const seed = (o.seed + iterations) >>> 0
    Atomics.store(o.now, 0, iterations)
    Atomics.store(o.now, 1, seed)
    try {
      await target.run(seed)
    } catch (error) {
      found(error)
    }
    // Rejections that nobody handles are told between turns only.
    if (iterations % 64 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const seconds = (performance.now() - begun) / 1000
  const { result } = (await post('Profiler.takePreciseCoverage')) as { result: readonly ScriptCoverage[] }
  return {
    iterations,
    seconds,
    findings,
    coverage: target.packages.map((name) => reachedIn(name, result)),
  }
}

function reachedIn(name: string, scripts: readonly ScriptCoverage[]): FuzzReport['coverage'][number] {
  const own = scripts.filter(({ url }) => url.includes(`/packages/${name}/src/`))
  const functions = { reached: 0, all: 0 }
  const blocks = { reached: 0, all: 0 }
  // The first function is the module itself.
  for (const { functions: list } of own)
    for (const { ranges } of list.slice(1)) {
      const [whole, ...inner] = ranges
      if (whole === undefined) continue
      functions.all++
      const size = whole.endOffset - whole.startOffset
      blocks.all += size
      if (whole.count === 0) continue
      functions.reached++
      blocks.reached += size - missed(inner)
    }
  return { name, functions, blocks }
}

/** Characters in blocks that were never run; a block within a block counts for itself. */
function missed(
  ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[],
): number {
  let sum = 0
  let end = -1
  for (const range of ranges)
    if (range.count === 0 && range.startOffset >= end) {
      sum += range.endOffset - range.startOffset
      end = range.endOffset
    }
  return sum
}
