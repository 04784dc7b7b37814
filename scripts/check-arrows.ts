/**
 * Which package may import which (docs/architecture.md): sources and manifests are held to one table.
 * `node --import tsx scripts/check-arrows.ts [tree]`
 */

import { builtinModules } from 'node:module'
import {
  type Import,
  importsOf,
  isTestFile,
  type Package,
  type Problem,
  packagesOf,
  report,
  resolveInside,
  type Source,
} from './sources.ts'

interface Row {
  /** Packages below that it may import. */
  readonly may: readonly string[]
  /** npm packages that it may depend on, as prefixes. */
  readonly npm?: readonly string[]
  /** npm packages whose code becomes part of its own when it is built; the root's package.json has them. */
  readonly bundled?: readonly string[]
  /** node: modules that its Node files may import; `true`: the whole package is for Node. */
  readonly node?: readonly string[] | true
  /** Which files are its Node files. Default: node.ts, node/ and *.node.ts. */
  readonly nodeFiles?: RegExp
  /** Folders of `src` that must not import each other. */
  readonly apart?: readonly [string, string]
}

const base = ['wire', 'crypto', 'keys'] as const
const protocols = ['transport', 'userauth', 'connection'] as const

/** Lowest first: each package may only name packages above it in this list. */
export const table: Readonly<Record<string, Row>> = {
  wire: { may: [] },
  crypto: {
    may: ['wire'],
    npm: ['@noble/'],
    // Most of pako's package are builds that nobody here needs.
    bundled: ['pako'],
    node: ['node:crypto', 'node:zlib'],
    nodeFiles: /^(backend|ciphers|ml-kem)\.node\.ts$/,
  },
  keys: { may: ['wire', 'crypto'], node: ['node:crypto'] },
  transport: { may: base },
  userauth: { may: ['wire', 'keys'] },
  connection: { may: ['wire'] },
  session: {
    may: [...base, ...protocols],
    node: ['node:stream', 'node:net', 'node:events', 'node:diagnostics_channel', 'node:worker_threads'],
  },
  sftp: {
    may: ['wire'],
    node: ['node:crypto', 'node:fs', 'node:fs/promises', 'node:stream', 'node:path'],
    apart: ['client', 'server'],
  },
  agent: {
    may: ['wire', 'keys'],
    node: [
      'node:net',
      'node:fs',
      'node:fs/promises',
      'node:os',
      'node:child_process',
      'node:events',
      'node:stream',
    ],
  },
  client: {
    may: [...base, ...protocols, 'session', 'sftp', 'agent'],
    npm: ['socks'],
    node: [
      'node:net',
      'node:timers/promises',
      'node:http',
      'node:crypto',
      'node:events',
      'node:child_process',
      'node:dns',
      'node:fs',
      'node:fs/promises',
      'node:os',
      'node:path',
      'node:stream',
    ],
  },
  server: {
    may: [...base, ...protocols, 'session', 'sftp'],
    node: ['node:net', 'node:events', 'node:child_process', 'node:fs', 'node:os', 'node:path', 'node:stream'],
  },
  'http-agent': { may: ['client'], node: true },
  testing: { may: ['wire', 'crypto', 'keys', 'session', 'client', 'server'], node: true },
  'ssh2-compat': {
    may: [...base, ...protocols, 'session', 'sftp', 'agent', 'client', 'server', 'http-agent'],
    node: true,
  },
}

/** Private: never published, may import anything. */
const privatePackages = ['test-kit']
/** What test files may import beside what their package may. */
const testTools = ['vitest', 'fast-check', '@hawser/test-kit']
const builtins = new Set(builtinModules)

/** Everything in the tree at `at` that breaks the table. */
export function checkArrows(at: string): Problem[] {
  const problems: Problem[] = tableProblems()
  for (const unit of packagesOf(at)) {
    if (privatePackages.includes(unit.name)) continue
    const row = table[unit.name]
    if (row === undefined)
      problems.push({ where: `packages/${unit.name}`, what: 'not in the table of scripts/check-arrows.ts' })
    else problems.push(...manifestProblems(unit, row), ...sourceProblems(unit, row))
  }
  return problems
}

function tableProblems(): Problem[] {
  const names = Object.keys(table)
  return names.flatMap((name, at) =>
    (table[name] as Row).may
      .filter((other) => names.indexOf(other) < 0 || names.indexOf(other) >= at)
      .map((other) => ({
        where: 'scripts/check-arrows.ts',
        what: `the arrow ${name} → ${other} does not point down`,
      })),
  )
}

function manifestProblems(unit: Package, row: Row): Problem[] {
  const where = `packages/${unit.name}/package.json`
  const problems: Problem[] = []
  const imported = new Set(
    unit.files
      .filter((file) => !file.isTest)
      .flatMap((file) => importsOf(file).map(({ specifier }) => packageOf(specifier))),
  )
  const { manifest } = unit
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies'] as const)
    for (const [name, range] of Object.entries(manifest[kind] ?? {})) {
      if (!allowed(name, row))
        problems.push({ where, what: `${kind} has ${name}; ${mayText(unit.name, row)}` })
      else if (!imported.has(name))
        problems.push({ where, what: `${kind} has ${name}, which no source imports` })
      if (name.startsWith('@hawser/') && !/^\^\d+\.\d+\.\d+$/.test(range))
        problems.push({ where, what: `the range of ${name} is ${range}; write ^major.minor.patch` })
    }
  if (manifest.devDependencies !== undefined)
    problems.push({ where, what: 'devDependencies belong into the root package.json' })
  return problems
}

function sourceProblems(unit: Package, row: Row): Problem[] {
  const problems: Problem[] = []
  for (const file of unit.files)
    for (const found of importsOf(file)) {
      const what = importProblem(unit, row, file, found)
      if (what !== undefined) problems.push({ where: `${file.shown}:${found.line}`, what })
    }
  return problems
}

/** What is wrong with one import, in one sentence; undefined when nothing is. */
function importProblem(
  unit: Package,
  row: Row,
  file: Source,
  { specifier, typeOnly }: Import,
): string | undefined {
  if (specifier.startsWith('.')) return relativeProblem(row, file, specifier, typeOnly)
  if (specifier.startsWith('#'))
    return unit.manifest.imports?.[specifier] === undefined
      ? `${specifier} is not among the imports of packages/${unit.name}/package.json`
      : undefined
  const name = packageOf(specifier)
  if (file.isTest && testTools.includes(name)) return undefined
  if (specifier.startsWith('node:')) return nodeProblem(unit, row, file, specifier)
  if (builtins.has(specifier)) return `write node:${specifier} for the module of Node`
  if (row.bundled?.includes(name) === true) return undefined
  if (!allowed(name, row)) return `imports ${specifier}; ${mayText(unit.name, row)}`
  if (unit.manifest.dependencies?.[name] === undefined)
    return `imports ${specifier}, which packages/${unit.name}/package.json does not list in its dependencies`
  if (/^@hawser\/[^/]+\/node$/.test(specifier) && !mayUseNode(row, file))
    return `imports ${specifier} in a file that also runs without Node; only ${nodeFilesText(row)} may`
  return undefined
}

function relativeProblem(row: Row, file: Source, specifier: string, typeOnly: boolean): string | undefined {
  const target = resolveInside(file, specifier)
  if (target.startsWith('..')) return `imports ${specifier}, which lies outside of its package's src`
  if (!/\.[cm]?ts$/.test(specifier)) return `imports ${specifier} without the ending .ts`
  if (!file.isTest && isTestFile(target)) return `imports ${target}, which only tests have`
  if (!typeOnly && !file.isTest && isNodeFile(row, target) && !mayUseNode(row, file))
    return `imports the Node file ${target} in a file that also runs without Node`
  if (row.apart !== undefined) {
    const [one, other] = row.apart
    for (const [here, there] of [
      [one, other],
      [other, one],
    ])
      if (file.path.startsWith(`${here}/`) && target.startsWith(`${there}/`))
        return `${here}/ imports ${target}; ${here} and ${there} share only what lies beside them`
  }
  return undefined
}

function nodeProblem(unit: Package, row: Row, file: Source, specifier: string): string | undefined {
  if (row.node === true) return undefined
  if (row.node === undefined) return `imports ${specifier}; ${unit.name} runs anywhere and has no Node files`
  if (!file.isTest && !isNodeFile(row, file.path))
    return `imports ${specifier}; in ${unit.name} only ${nodeFilesText(row)} may`
  return row.node.includes(specifier)
    ? undefined
    : `imports ${specifier}; the Node files of ${unit.name} may import ${row.node.join(', ')}`
}

function allowed(name: string, row: Row): boolean {
  if (name.startsWith('@hawser/')) return row.may.includes(name.slice('@hawser/'.length))
  return (row.npm ?? []).some((prefix) => name.startsWith(prefix))
}

function mayText(name: string, row: Row): string {
  const all = [
    ...row.may.map((other) => `@hawser/${other}`),
    ...(row.npm ?? []).map((prefix) => `${prefix}*`),
    ...(row.bundled ?? []),
  ]
  return `${name} may import ${all.length === 0 ? 'no other package' : all.join(', ')}`
}

function mayUseNode(row: Row, file: Source): boolean {
  return row.node === true || isNodeFile(row, file.path)
}

function isNodeFile(row: Row, path: string): boolean {
  if (row.node === true) return false
  return (row.nodeFiles ?? /(^|\/)node\.ts$|(^|\/)node\/|\.node(\.test)?\.ts$/).test(path)
}

function nodeFilesText(row: Row): string {
  return row.nodeFiles === undefined ? 'node.ts, node/ and *.node.ts' : String(row.nodeFiles)
}

/** `@scope/name` or `name` of an import specifier. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

report(import.meta.url, 'arrows', checkArrows)
