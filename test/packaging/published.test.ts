/**
 * The packages as they are published, built and packed: their shape and types, bundlers, and packages of others that
 * depend on `ssh2` and find ours in its place.
 */

import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPeer, run, type Sshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { build as esbuild } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { install, startTarget, strangers, versions, whyNoRegistry, work } from '../../scripts/dependents.ts'
import { build, type Packed, pack, published, unpack } from '../../scripts/pack.ts'
import { root } from '../../scripts/sources.ts'
import { compile, manners } from '../compat/compile.ts'
import { formats, seen, writePrograms } from '../compat/shape-programs.ts'

const folder = temporaryFolder('published')
const minutes = 60_000
let packed: readonly Packed[]

beforeAll(async () => {
  await build()
  packed = await pack(published(), folder)
}, 5 * minutes)

/** A folder below `at` with the two programs, which ask for `module`. */
function programs(at: string, module: string): string {
  const place = mkdtempSync(join(at, 'programs-'))
  writePrograms(place, module, true)
  return place
}

describe('unpacked', () => {
  const project = join(folder, 'unpacked')

  beforeAll(async () => {
    mkdirSync(project)
    const ours = packed.find(({ unit }) => unit.name === 'ssh2-compat') as Packed
    await unpack(packed, project, { ssh2: ours.tarball })
    for (const name of ['@types/node', 'undici-types']) {
      mkdirSync(join(project, 'node_modules', '@types'), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name), 'junction')
    }
  })

  for (const module of ['@hawser/ssh2-compat', 'ssh2'])
    test.each(formats)(
      `${module} in %s: a Client that may be called, every name, and a connection`,
      async (name) => {
        const result = await run(process.execPath, [join(programs(project, module), name)])
        expect(result).toMatchObject({ stderr: '', text: seen, code: 0 })
      },
    )

  test('require loads what a program starts with, and the rest when it is used', async () => {
    const script = `
      const loaded = () => [...new Set(Object.keys(require.cache).map((file) => /.*node_modules.(@[^/\\\\]+.[^/\\\\]+)/.exec(file)[1].replaceAll('\\\\', '/')))]
      const { utils } = require('@hawser/ssh2-compat')
      const first = loaded()
      utils.generateKeyPairSync('ed25519')
      console.log(JSON.stringify({ first, later: loaded().includes('@hawser/keys') }))`
    const { code, stderr, text } = await run(process.execPath, ['-e', script], { cwd: project })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(text)).toEqual({ first: ['@hawser/ssh2-compat', '@hawser/http-agent'], later: true })
  })

  test.each(formats)('%s through esbuild: no warnings, and the bundle runs', async (name) => {
    const place = programs(project, '@hawser/ssh2-compat')
    const outfile = join(place, `bundle-${name}`)
    const { warnings, errors } = await esbuild({
      entryPoints: [join(place, name)],
      outfile,
      bundle: true,
      platform: 'node',
      format: name.endsWith('.cjs') ? 'cjs' : 'esm',
      logLevel: 'silent',
    })
    expect([...warnings, ...errors]).toEqual([])
    expect(await run(process.execPath, [outfile])).toMatchObject({ stderr: '', text: seen, code: 0 })
  })

  test.each(manners)('types: module $module in a package of type $type', async (manner) => {
    expect(await compile(project, manner)).toBe('')
  })
})

const why = await whyNoRegistry()

describe.skipIf(why !== undefined)(`installed by npm${why === undefined ? '' : ` [skipped: ${why}]`}`, () => {
  const project = join(folder, 'installed')
  const bundlers = {
    webpack: '5.112.2',
    rollup: '4.67.4',
    '@rollup/plugin-node-resolve': '16.0.3',
    '@rollup/plugin-commonjs': '29.0.3',
    '@rollup/plugin-json': '6.1.0',
  }
  let sshd: Sshd

  beforeAll(async () => {
    await install(packed, project, { ...versions, ...bundlers })
    if (findPeer('sshd') !== undefined) sshd = await startTarget(folder)
  }, 5 * minutes)
  afterAll(() => sshd?.stop())

  test('every ssh2 in the project is ours', () => {
    expect(strangers(project)).toEqual([])
  })

  describePeers(['sshd'], 'at sshd', () => {
    for (const bundler of ['webpack', 'rollup'])
      test.each(formats)(
        `%s through ${bundler}: no warnings, and the bundle runs`,
        { timeout: 3 * minutes },
        async (name) => {
          const place = programs(project, 'ssh2')
          const into = join(place, 'bundle')
          const program = fileURLToPath(new URL('./dependents/bundle.cjs', import.meta.url))
          const bundled = await run(process.execPath, [program, bundler, project, join(place, name), into], {
            timeoutMs: 2 * minutes,
          })
          expect(bundled).toMatchObject({ stderr: '', text: '', code: 0 })
          const { host, port, user: username, userKeys } = sshd
          const privateKey = userKeys.get('ed25519')?.privateText
          const TARGET = JSON.stringify({ host, port, username, privateKey })
          const result = await run(process.execPath, [join(into, 'main.js')], { env: { TARGET } })
          expect(result).toMatchObject({ stderr: '', text: `${seen}it runs\n`, code: 0 })
        },
      )

    test('packages that depend on ssh2 do their jobs', { timeout: 5 * minutes }, async () => {
      const rows = await work(project, sshd)
      expect(rows.filter(({ problem }) => problem !== undefined)).toEqual([])
      expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(Object.keys(versions)))
    })
  })
})
