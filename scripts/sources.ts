/** What the checks read: the packages of a tree, their manifests, source files and imports. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

export interface Manifest {
  readonly name?: string
  readonly private?: boolean
  readonly version?: string
  readonly imports?: Readonly<Record<string, unknown>>
  readonly exports?: unknown
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

export interface Package {
  /** Folder name, which is also the name behind `@hawser/`. */
  readonly name: string
  readonly folder: string
  readonly manifest: Manifest
  readonly files: readonly Source[]
}

export interface Source {
  /** Path inside `src`, with `/`. */
  readonly path: string
  /** Path from the root of the tree, with `/`, for messages. */
  readonly shown: string
  readonly text: string
  /** A test or what only tests use: `*.test.ts`, `*.test-kit.ts`, `testing/`. None of it is published. */
  readonly isTest: boolean
}

export interface Import {
  readonly specifier: string
  readonly line: number
  /** Whether it leaves nothing behind at run time. */
  readonly typeOnly: boolean
}

/** One thing that a check found wrong: where, and one sentence. */
export interface Problem {
  readonly where: string
  readonly what: string
}

/** Every package of the tree at `at`, sorted by name. */
export function packagesOf(at: string): Package[] {
  const folder = join(at, 'packages')
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'package.json')))
    .map((entry) => entry.name)
  return names.sort().map((name) => ({
    name,
    folder: join(folder, name),
    manifest: JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as Manifest,
    files: sourcesOf(at, join(folder, name, 'src')),
  }))
}

/** Every import, export-from, dynamic import and require of a source, `import('…')` types included. */
export function importsOf(source: Source): Import[] {
  const tree = parse(source)
  const found: Import[] = []
  const add = (literal: ts.Node | undefined, typeOnly: boolean): void => {
    if (literal !== undefined && ts.isStringLiteralLike(literal))
      found.push({ specifier: literal.text, line: lineOf(tree, literal), typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true)
    else if (ts.isExternalModuleReference(node)) add(node.expression, false)
    else if (ts.isCallExpression(node) && isLoader(node.expression)) add(node.arguments[0], false)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** The file that a relative import means, as a path inside `src`; it may start with `..` when it leaves it. */
export function resolveInside(from: Source, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from.path), specifier))
}

/** Whether a path inside `src` is a test or what only tests use. */
export function isTestFile(path: string): boolean {
  return /\.test(-kit)?\.ts$|^testing\//.test(path)
}

export function parse(source: Source): ts.SourceFile {
  return ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true)
}

export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}

/** For the end of a script: prints problems and sets the exit code. Does nothing when the script was only imported. */
export function report(script: string, title: string, check: (at: string) => readonly Problem[]): void {
  if (script !== pathToFileURL(process.argv[1] ?? '').href) return
  const problems = check(process.argv[2] ?? root)
  for (const { where, what } of problems) console.error(`${where}: ${what}`)
  console.log(problems.length === 0 ? `${title}: nothing wrong` : `${title}: ${problems.length} wrong`)
  if (problems.length > 0) process.exitCode = 1
}

function isLoader(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
}

function sourcesOf(at: string, src: string): Source[] {
  if (!existsSync(src)) return []
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[cm]?ts$/.test(path))
    .sort()
    .map((path) => {
      const full = join(src, path)
      return {
        path: path.split(sep).join('/'),
        shown: relative(at, full).split(sep).join('/'),
        text: readFileSync(full, 'utf8'),
        isTest: isTestFile(path.split(sep).join('/')),
      }
    })
}
