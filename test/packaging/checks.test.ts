import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { run, temporaryFolder } from '@hawser/test-kit'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkArrows } from '../../scripts/check-arrows.ts'
import { checkPure } from '../../scripts/check-pure.ts'
import { type Problem, root } from '../../scripts/sources.ts'

/** A copy of the tree's packages in which files can be planted. */
const tree = temporaryFolder('tree')
const planted: string[] = []

beforeAll(() => {
  cpSync(join(root, 'packages'), join(tree, 'packages'), {
    recursive: true,
    filter: (path) => !/[\\/](node_modules|dist|\.turbo)$/.test(path),
  })
})

afterEach(() => {
  for (const file of planted.splice(0)) rmSync(file)
})

function plant(path: string, text: string): void {
  const file = join(tree, 'packages', path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  planted.push(file)
}

/** What `check` says about the planted files, and only that. */
function said(check: (at: string) => readonly Problem[]): string[] {
  const here = planted.map((file) => relative(tree, file).replaceAll('\\', '/'))
  return check(tree)
    .filter(({ where }) => here.some((file) => where.startsWith(file)))
    .map(({ where, what }) => `${where}: ${what}`)
}

/** Sets fields of a package's manifest for the length of one check. */
function withManifest(
  name: string,
  change: (manifest: { dependencies: Record<string, string> }) => void,
): string[] {
  const file = join(tree, 'packages', name, 'package.json')
  const before = readFileSync(file, 'utf8')
  const manifest = { dependencies: {}, ...JSON.parse(before) }
  change(manifest)
  writeFileSync(file, JSON.stringify(manifest))
  const found = checkArrows(tree)
    .filter(({ where }) => where === `packages/${name}/package.json`)
    .map(({ what }) => what)
  writeFileSync(file, before)
  return found
}

describe('check-arrows refuses', () => {
  test.each([
    [
      'an import upward',
      'wire/src/planted.ts',
      `import '@hawser/session'`,
      'imports @hawser/session; wire may import no other package',
    ],
    [
      'a type from above',
      'connection/src/planted.ts',
      `import type { T } from '@hawser/transport'`,
      'imports @hawser/transport; connection may import @hawser/wire',
    ],
    [
      'an export from above',
      'userauth/src/planted.ts',
      `export * from '@hawser/crypto'`,
      'imports @hawser/crypto; userauth may import @hawser/wire, @hawser/keys',
    ],
    [
      'a type by import()',
      'wire/src/planted.ts',
      `export type T = import('@hawser/keys').PublicKey`,
      'imports @hawser/keys; wire may import no other package',
    ],
    [
      'a dynamic import',
      'wire/src/planted.ts',
      `void import('@hawser/keys')`,
      'imports @hawser/keys; wire may import no other package',
    ],
    [
      'a way around by a path',
      'wire/src/planted.ts',
      `import '../../keys/src/key.ts'`,
      `imports ../../keys/src/key.ts, which lies outside of its package's src`,
    ],
    [
      'a foreign npm package',
      'keys/src/planted.ts',
      `import 'left-pad'`,
      'imports left-pad; keys may import @hawser/wire, @hawser/crypto',
    ],
    [
      'noble outside of crypto',
      'keys/src/planted.ts',
      `import '@noble/hashes/sha2.js'`,
      'imports @noble/hashes/sha2.js; keys may import @hawser/wire, @hawser/crypto',
    ],
    [
      'Node in a package without Node files',
      'transport/src/planted.ts',
      `import 'node:crypto'`,
      'imports node:crypto; transport runs anywhere and has no Node files',
    ],
    [
      'Node in a file for every runtime',
      'client/src/planted.ts',
      `import 'node:net'`,
      'imports node:net; in client only node.ts, node/ and *.node.ts may',
    ],
    [
      'another module of Node in a Node file',
      'session/src/planted.node.ts',
      `import 'node:fs'`,
      'imports node:fs; the Node files of session may import node:stream, node:net, node:events, node:diagnostics_channel, node:worker_threads',
    ],
    [
      'Node without its prefix',
      'client/src/planted.node.ts',
      `import 'fs'`,
      'write node:fs for the module of Node',
    ],
    [
      'a ./node subpath in a file for every runtime',
      'client/src/planted.ts',
      `import '@hawser/session/node'`,
      'imports @hawser/session/node in a file that also runs without Node; only node.ts, node/ and *.node.ts may',
    ],
    [
      'a Node file in a file for every runtime',
      'client/src/planted.ts',
      `import './node/index.ts'`,
      'imports the Node file node/index.ts in a file that also runs without Node',
    ],
    [
      'an undeclared #import',
      'wire/src/planted.ts',
      `import '#platform'`,
      '#platform is not among the imports of packages/wire/package.json',
    ],
    [
      'an ending left out',
      'wire/src/planted.ts',
      `import './reader'`,
      'imports ./reader without the ending .ts',
    ],
    [
      'the client from the SFTP server',
      'sftp/src/server/planted.ts',
      `import '../client/client.ts'`,
      'server/ imports client/client.ts; server and client share only what lies beside them',
    ],
    [
      'a test kit outside of tests',
      'wire/src/planted.ts',
      `import './planted.test-kit.ts'`,
      'imports planted.test-kit.ts, which only tests have',
    ],
    [
      'another module of Node in a test',
      'crypto/src/planted.test.ts',
      `import 'node:fs'`,
      'imports node:fs; the Node files of crypto may import node:crypto, node:zlib',
    ],
    [
      'an upward import in a test',
      'wire/src/planted.test.ts',
      `import '@hawser/session'`,
      'imports @hawser/session; wire may import no other package',
    ],
  ])('%s', (_name, path, line, what) => {
    plant(path, `// one line before\n${line}\n`)
    expect(said(checkArrows)).toEqual([`packages/${path}:2: ${what}`])
  })

  test('a package that is not in the table', () => {
    plant('stranger/package.json', '{"name":"@hawser/stranger"}')
    expect(checkArrows(tree)).toContainEqual({
      where: 'packages/stranger',
      what: 'not in the table of scripts/check-arrows.ts',
    })
  })

  test('a dependency that points up, is not used or is not written as agreed', () => {
    expect(withManifest('wire', (m) => Object.assign(m.dependencies, { '@hawser/keys': '^0.1.0' }))).toEqual([
      'dependencies has @hawser/keys; wire may import no other package',
    ])
    expect(
      withManifest('crypto', (m) => Object.assign(m.dependencies, { '@noble/unused': '^1.0.0' })),
    ).toEqual(['dependencies has @noble/unused, which no source imports'])
    expect(withManifest('userauth', (m) => Object.assign(m.dependencies, { '@hawser/wire': '*' }))).toEqual([
      'the range of @hawser/wire is *; write ^major.minor.patch',
    ])
    expect(withManifest('wire', (m) => Object.assign(m, { devDependencies: { vitest: '4.1.12' } }))).toEqual([
      'devDependencies belong into the root package.json',
    ])
  })

  test('an import that the manifest does not list', () => {
    plant('crypto/src/planted.ts', `import '@noble/unlisted'\n`)
    expect(said(checkArrows)).toEqual([
      'packages/crypto/src/planted.ts:1: imports @noble/unlisted, which packages/crypto/package.json does not list in its dependencies',
    ])
  })

  test('and lets through what points down', () => {
    plant(
      'crypto/src/planted.ts',
      `import '@hawser/wire'\nimport '@noble/curves/nist.js'\nimport './names.ts'\n`,
    )
    plant(
      'crypto/src/planted.test.ts',
      `import 'vitest'\nimport 'fast-check'\nimport '@hawser/test-kit/rng'\n`,
    )
    plant('crypto/src/planted.test-kit.ts', `import 'vitest'\nimport 'node:crypto'\n`)
    plant('client/src/node/planted.ts', `import 'node:net'\nimport '../planted.ts'\n`)
    expect(said(checkArrows)).toEqual([])
  })
})

describe('check-pure refuses', () => {
  test.each([
    [
      'Buffer',
      'wire/src/planted.ts',
      'export const x = Buffer.alloc(1)',
      'Buffer: bytes are Uint8Array here',
    ],
    [
      'Buffer as a type',
      'transport/src/planted.ts',
      'export type T = Buffer',
      'Buffer: bytes are Uint8Array here',
    ],
    [
      'a timer',
      'connection/src/planted.ts',
      'setTimeout(() => {}, 1)',
      'setTimeout: there are no timers here',
    ],
    ['a clock', 'userauth/src/planted.ts', 'export const now = Date.now()', 'Date: there are no clocks here'],
    [
      'a promise type',
      'wire/src/planted.ts',
      'export declare function f(): Promise<void>',
      'Promise: nothing waits here',
    ],
    [
      'an async function',
      'crypto/src/planted.ts',
      'export async function f() {}',
      'async: nothing waits here',
    ],
    [
      'randomness',
      'crypto/src/cipher/planted.ts',
      'export const x = Math.random()',
      'Math.random: randomness is passed in',
    ],
    [
      'a way around',
      'wire/src/planted.ts',
      `globalThis['setTimeout']`,
      'globalThis: what a pure file needs is passed to it',
    ],
    ['Node', 'wire/src/planted.ts', `import 'node:fs'`, 'imports node:fs: there is no Node here'],
    ['console', 'transport/src/kex/planted.ts', `console.log('x')`, 'console: observers get trace events'],
    [
      'a promise in the SFTP protocol',
      'sftp/src/protocol/planted.ts',
      'export type T = Promise<1>',
      'Promise: nothing waits here',
    ],
    [
      'a promise in a machine',
      'sftp/src/client/machine.ts',
      'export type T = Promise<1>',
      'Promise: nothing waits here',
    ],
  ])('%s', (_name, path, line, what) => {
    plant(path, `// one line before\n${line}\n`)
    expect(said(checkPure)).toEqual([`packages/${path}:2: ${what} (a pure file)`])
  })

  test('what a pure file draws in from beside it', () => {
    plant('sftp/src/client/machine.ts', `import { later } from '../planted.ts'\nlater()\n`)
    plant('sftp/src/planted.ts', `export function later() { setInterval(() => {}, 1) }\n`)
    expect(said(checkPure)).toEqual([
      'packages/sftp/src/planted.ts:1: setInterval: there are no timers here (a pure file)',
    ])
  })

  test('and lets through names that only look alike, tests, and the layers above', () => {
    plant('wire/src/planted.ts', 'export const x = { process: 1, Date: 2 }.process // setTimeout, Buffer\n')
    plant('wire/src/planted.test.ts', 'export const x = Promise.resolve(Date.now())\n')
    plant('session/src/planted.ts', 'export const x = Promise.resolve(setTimeout)\n')
    expect(said(checkPure)).toEqual([])
  })
})

describe('as commands', () => {
  const check = (script: string) =>
    run(process.execPath, ['--import', 'tsx', join(root, 'scripts', script), tree], { cwd: root })

  test('check:arrows fails with the place and the reason', async () => {
    plant('wire/src/planted.ts', `import '@hawser/session'\n`)
    const { code, stderr, text } = await check('check-arrows.ts')
    expect(code).toBe(1)
    expect(stderr).toContain(
      'packages/wire/src/planted.ts:1: imports @hawser/session; wire may import no other package',
    )
    expect(text).toMatch(/^arrows: \d+ wrong$/m)
  })

  test('check:pure fails with the place and the reason', async () => {
    plant('wire/src/planted.ts', `export const bytes = Buffer.from('')\n`)
    const { code, stderr, text } = await check('check-pure.ts')
    expect(code).toBe(1)
    expect(stderr).toContain('packages/wire/src/planted.ts:1: Buffer: bytes are Uint8Array here')
    expect(text).toMatch(/^purity: \d+ wrong$/m)
  })
})
