/**
 * Bundles one program with a bundler of a project, in its ordinary configuration for Node: `node bundle.cjs bundler project program folder`.
 * The bundle is `main.js` in `folder`, which is a package of the type that the bundler writes. Prints every warning and
 * error as a line of JSON.
 */

const { mkdirSync, writeFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')

const [bundler, project, program, folder] = process.argv.slice(2)
const load = createRequire(join(project, 'x.cjs'))
const esm = program.endsWith('.mjs')
const say = (problem) => console.log(JSON.stringify(problem.message ?? String(problem)))

function packageOf(type) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }))
}

const bundlers = {
  /** It writes CommonJS, whatever it reads. Minified for one of the programs, which takes it long. */
  webpack() {
    const webpack = load('webpack')
    const mode = esm ? 'production' : 'development'
    packageOf('commonjs')
    webpack({ mode, target: 'node', entry: program, output: { path: folder } }, (error, stats) => {
      if (error) throw error
      const { warnings, errors } = stats.toJson({ all: false, warnings: true, errors: true })
      for (const problem of [...warnings, ...errors]) say(problem)
    })
  },
  /** Rollup itself knows neither node_modules nor CommonJS: these three plugins are what it takes for Node. */
  async rollup() {
    const { rollup } = load('rollup')
    const { nodeResolve } = load('@rollup/plugin-node-resolve')
    const commonjs = load('@rollup/plugin-commonjs')
    const json = load('@rollup/plugin-json')
    const plugins = [nodeResolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs(), json()]
    packageOf(esm ? 'module' : 'commonjs')
    const bundle = await rollup({ input: { main: program }, plugins, onwarn: say })
    await bundle.write({ dir: folder, format: esm ? 'es' : 'cjs' })
    await bundle.close()
  },
}

void bundlers[bundler]()
