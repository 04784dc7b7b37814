/**
 * Runs the jobs of one package, in its own process: `node run.cjs package project target-as-JSON folder`.
 * Prints one line of JSON per job, and one with the files that were loaded as ssh2. Ends by itself when nothing is left open.
 */

const http = require('node:http')
const { createRequire } = require('node:module')
const { mkdtempSync } = require('node:fs')
const { join } = require('node:path')
const { dependents } = require('./jobs.cjs')

const [name, project, target, folder] = process.argv.slice(2)
const load = createRequire(join(project, 'x.cjs'))

/** Milliseconds for one job. */
const patience = 20_000

async function main() {
  const web = http.createServer((_request, response) => response.end('served'))
  await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve))
  for (const [job, run] of Object.entries(dependents[name].jobs)) {
    const started = performance.now()
    let problem
    let timer
    try {
      const context = {
        load,
        target: JSON.parse(target),
        web: web.address().port,
        folder: mkdtempSync(join(folder, 'job-')),
      }
      const late = new Promise((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not done after ${patience} ms`)), patience)
      })
      await Promise.race([run(context), late])
    } catch (error) {
      problem = error?.stack ?? String(error)
    }
    clearTimeout(timer)
    console.log(JSON.stringify({ job, ms: Math.round(performance.now() - started), problem }))
  }
  web.close()
  web.closeAllConnections()
  const loaded = Object.keys(require.cache).filter((file) => /[\\/](ssh2|ssh2-compat)[\\/]/.test(file))
  console.log(JSON.stringify({ loaded }))
}

void main()
