/**
 * Runs the conformance suite on the module named by the first argument and prints one line of JSON per case.
 * With a second argument it runs only the cases whose line begins with it.
 * In its own process: a module that throws where nobody can catch it fails the case, not the run.
 */

import { createRequire } from 'node:module'
import { cases, runCase } from './cases.ts'
import type { Case, Ssh2 } from './kit.ts'

/** How long a module may take for a case before it counts as not having it. */
const patienceMs = 1_000

const module = createRequire(import.meta.url)(process.argv[2] as string) as Ssh2
let fail: (error: unknown) => void = () => undefined
process.on('uncaughtException', (error) => fail(error))
process.on('unhandledRejection', (error) => fail(error))

/** Why the case does not hold; '' when it does. */
function outcomeOf(one: Case): Promise<string> {
  return new Promise<string>((resolve) => {
    fail = (error) => resolve(String(error).split('\n')[0] as string)
    const timer = setTimeout(fail, patienceMs, 'nothing happened')
    void runCase(one, module)
      .then(() => resolve(''), fail)
      .finally(() => clearTimeout(timer))
  })
}

for (const one of cases.filter(({ line }) => line.startsWith(process.argv[3] ?? ''))) {
  // What an earlier case left behind may throw in the time of this one, so that the second answer counts.
  const failure = (await outcomeOf(one)) && (await outcomeOf(one))
  process.stdout.write(`${JSON.stringify({ line: one.line, title: one.title, failure })}\n`)
}
process.exit()
