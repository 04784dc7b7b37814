/** `npm run demo`: Hawser's client and server on loopback; with `-- --peer openssh` each of them against the real OpenSSH. */

import { parseArgs } from 'node:util'
import { fact, failure, heading } from './ui.ts'

const { values } = parseArgs({ options: { peer: { type: 'string', default: 'hawser' } } })
const started = performance.now()
try {
  if (values.peer === 'openssh') await (await import('./openssh.ts')).run()
  else if (values.peer === 'hawser') await (await import('./hawser.ts')).run()
  else throw new Error(`--peer ${values.peer}: the peers are hawser (the default) and openssh`)
  heading('Done')
  fact('everything worked', `${((performance.now() - started) / 1000).toFixed(1)} s in all`)
} catch (error) {
  failure(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 1
}
