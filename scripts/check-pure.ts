/**
 * The layers below session wait for nothing: no Node, no promises, no timers, no clocks, no randomness of their own.
 * `node --import tsx scripts/check-pure.ts [tree]`
 */

import ts from 'typescript'
import {
  importsOf,
  lineOf,
  type Package,
  type Problem,
  packagesOf,
  parse,
  report,
  resolveInside,
  type Source,
} from './sources.ts'

/** Which files of a package are pure; what they import from beside them must be pure too. */
const pure: Readonly<Record<string, RegExp>> = {
  wire: /./,
  /** Less the backends: their interface, both of them, and the RSA of one that has to wait. */
  crypto: /^(?!backend(\.node|\.noble)?\.ts$|ciphers\.node\.ts$|ml-kem\.node\.ts$|rsa-webcrypto\.ts$)/,
  transport: /./,
  userauth: /./,
  connection: /./,
  session: /^engine\.ts$/,
  sftp: /^protocol\/|(^|\/)machine\.ts$/,
  agent: /^(frames|messages|client|server|signing|key-limits|destinations|login-request)\.ts$/,
}

/** Globals that wait, tell the time, do I/O or are only on some runtime. */
const forbidden: ReadonlyMap<string, string> = new Map([
  ['Buffer', 'bytes are Uint8Array here'],
  ['Promise', 'nothing waits here'],
  ['setTimeout', 'there are no timers here'],
  ['setInterval', 'there are no timers here'],
  ['setImmediate', 'there are no timers here'],
  ['queueMicrotask', 'nothing waits here'],
  ['requestAnimationFrame', 'there are no timers here'],
  ['Date', 'there are no clocks here'],
  ['performance', 'there are no clocks here'],
  ['process', 'there is no Node here'],
  ['require', 'there is no Node here'],
  ['console', 'observers get trace events'],
  ['fetch', 'there is no I/O here'],
  ['WebSocket', 'there is no I/O here'],
  ['ReadableStream', 'there are no streams here'],
  ['WritableStream', 'there are no streams here'],
  ['AbortSignal', 'nothing waits here'],
  ['globalThis', 'what a pure file needs is passed to it'],
])

/** The two globals that are the same everywhere and have no type without a platform's library, and who may reach for them. */
const reachesOut: ReadonlyMap<string, RegExp> = new Map([
  ['wire', /^bytes\.ts$/],
  ['crypto', /^wasm\//],
])

/** Every impure thing in the pure files of the tree at `at`. */
export function checkPure(at: string): Problem[] {
  return packagesOf(at).flatMap((unit) => pureFiles(unit).flatMap((file) => impurities(unit, file)))
}

/** Pure files and, from there, everything that they import at run time from their own package. */
function pureFiles(unit: Package): Source[] {
  const pattern = pure[unit.name]
  if (pattern === undefined) return []
  const byPath = new Map(unit.files.map((file) => [file.path, file]))
  const reached = new Set(unit.files.filter((file) => !file.isTest && pattern.test(file.path)))
  for (const file of reached)
    for (const { specifier, typeOnly } of importsOf(file)) {
      const target =
        specifier.startsWith('.') && !typeOnly ? byPath.get(resolveInside(file, specifier)) : undefined
      if (target !== undefined) reached.add(target)
    }
  return [...reached]
}

function impurities(unit: Package, file: Source): Problem[] {
  const problems: Problem[] = []
  const tree = parse(file)
  const add = (node: ts.Node, what: string): void =>
    void problems.push({ where: `${file.shown}:${lineOf(tree, node)}`, what: `${what} (a pure file)` })
  for (const { specifier, line } of importsOf(file))
    if (specifier.startsWith('node:'))
      problems.push({
        where: `${file.shown}:${line}`,
        what: `imports ${specifier}: there is no Node here (a pure file)`,
      })
  const mayReachOut = reachesOut.get(unit.name)?.test(file.path) ?? false
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AsyncKeyword) add(node, 'async: nothing waits here')
    else if (ts.isAwaitExpression(node)) add(node, 'await: nothing waits here')
    else if (ts.isPropertyAccessExpression(node) && node.getText(tree) === 'Math.random')
      add(node, 'Math.random: randomness is passed in')
    else if (ts.isIdentifier(node) && !isOwnName(node) && !(mayReachOut && node.text === 'globalThis')) {
      const why = forbidden.get(node.text)
      if (why !== undefined) add(node, `${node.text}: ${why}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return problems
}

/** Whether an identifier is a name of a member, not a use of the global. */
function isOwnName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isQualifiedName(parent)) return parent.right === node
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isGetAccessorDeclaration(parent) ||
      ts.isSetAccessorDeclaration(parent)) &&
    parent.name === node
  )
}

report(import.meta.url, 'purity', checkPure)
