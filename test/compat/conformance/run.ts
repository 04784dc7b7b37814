/**
 * Runs the conformance suite on the module named by the argument and prints one line of JSON per case.
 * In its own process: a module that throws where nobody can catch it fails the case, not the run.
 */

import { createRequire } from 'node:module'
import { cases, runCase } from './cases.ts'
import type { Ssh2 } from './kit.ts'

/** How long a module may take for a case before it counts as not having it. */
const patienceMs = 1_000

const module = createRequire(import.meta.url)(process.argv[2] as string) as Ssh2
let fail: (error: unknown) => void = () => undefined
process.on('uncaughtException', (error) => fail(error))
process.on('unhandledRejection', (error) => fail(error))

for (const one of cases) {
  const outcome = new Promise<string>((resolve) => {
    fail = (error) => resolve(String(error).split('\n')[0] as string)
    const timer = setTimeout(fail, patienceMs, 'nothing happened')
    void runCase(one, module)
      .then(() => resolve(''), fail)
      .finally(() => clearTimeout(timer))
  })
  process.stdout.write(`${JSON.stringify({ line: one.line, title: one.title, failure: await outcome })}\n`)
}
process.exit()
