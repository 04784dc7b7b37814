/**
 * What would be published is fit to be published: manifests, licence, contents, publint, attw, and that Node can load it both ways.
 * Needs built packages. `node --import tsx scripts/check-packages.ts`
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { type Packed, pack, published, run, unpack } from './pack.ts'
import { type Manifest, type Package, type Problem, root } from './sources.ts'

/** Everything that is wrong with the published packages of this repository, after a build. */
export async function checkPackages(): Promise<Problem[]> {
  const units = published()
  const problems = units.flatMap(manifestProblems)
  const folder = mkdtempSync(join(tmpdir(), 'hawser-packages-'))
  try {
    const packed = await pack(units, folder)
    const built = packed.filter(({ files }) => files.includes('dist/index.js'))
    for (const { unit } of packed.filter((one) => !built.includes(one)))
      problems.push({ where: `packages/${unit.name}`, what: 'is not built, so nothing else was checked' })
    problems.push(...built.flatMap(contentProblems))
    const perPackage = await inParallel(built, lintProblems)
    problems.push(...perPackage.flat(), ...(await loadProblems(built, folder)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return problems
}

function manifestProblems({ name, folder, manifest }: Package): Problem[] {
  const where = `packages/${name}/package.json`
  const problems: Problem[] = []
  const expect = (right: boolean, what: string): void => void (right || problems.push({ where, what }))
  const fields = manifest as Manifest & Readonly<Record<string, unknown>>
  expect(manifest.name === `@hawser/${name}`, `the name must be @hawser/${name}`)
  expect(fields['license'] === 'MIT', 'license must be MIT')
  expect(fields['type'] === 'module', 'type must be module')
  expect(fields['sideEffects'] === false, 'sideEffects must be false')
  expect(JSON.stringify(fields['engines']) === '{"node":">=20.19"}', 'engines must be {"node": ">=20.19"}')
  expect(typeof fields['description'] === 'string' && fields['description'] !== '', 'description is missing')
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
    expect(manifest.scripts?.[script] === undefined, `the script ${script} runs on users' machines`)
  for (const file of ['README.md', 'LICENSE'])
    if (!existsSync(join(folder, file)))
      problems.push({ where: `packages/${name}`, what: `${file} is missing` })
    else if (
      file === 'LICENSE' &&
      readFileSync(join(folder, file), 'utf8') !== readFileSync(join(root, file), 'utf8')
    )
      problems.push({ where: `packages/${name}/LICENSE`, what: 'differs from the LICENSE of the repository' })
  return problems
}

function contentProblems({ unit, files }: Packed): Problem[] {
  const where = `packages/${unit.name}`
  const problems: Problem[] = []
  for (const wanted of ['LICENSE', 'README.md'])
    if (!files.includes(wanted)) problems.push({ where, what: `${wanted} is not published` })
  for (const file of files)
    if (/\.test(-kit)?\.|\/testing\/|fixtures\/|tsconfig|tsup\.config/.test(file))
      problems.push({ where, what: `${file} must not be published` })
  for (const target of targetsOf(unit.manifest.exports).concat(targetsOf(unit.manifest.imports)))
    if (!files.includes(target.replace(/^\.\//, '')))
      problems.push({
        where: `${where}/package.json`,
        what: `${target} is named in exports or imports but not published`,
      })
  return problems
}

/** What publint and attw say. A tarball that they once passed, with the same tools, is not given to them again. */
async function lintProblems(one: Packed): Promise<Problem[]> {
  const key = createHash('sha256').update(one.integrity)
  for (const file of ['package-lock.json', 'scripts/check-packages.ts'])
    key.update(readFileSync(join(root, file)))
  const folder = join(root, 'node_modules', '.cache', 'hawser-packages')
  const passed = join(folder, key.digest('hex'))
  if (existsSync(passed)) return []
  const problems = [...(await publintProblems(one)), ...(await attwProblems(one))]
  if (problems.length === 0) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(passed, `${one.unit.name}\n`)
  }
  return problems
}

async function publintProblems({ unit }: Packed): Promise<Problem[]> {
  const { messages } = await publint({ pkgDir: unit.folder, strict: true, level: 'suggestion', pack: 'npm' })
  const manifest = unit.manifest as Record<string, unknown>
  return messages
    .filter(({ type }) => type !== 'suggestion')
    .map((message) => ({
      where: `packages/${unit.name}/package.json`,
      what: `publint: ${formatMessage(message, manifest, { color: false }) ?? message.code}`,
    }))
}

async function attwProblems({ unit, tarball }: Packed): Promise<Problem[]> {
  const program = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
  const args = [
    program,
    tarball,
    '--profile',
    'node16',
    '--no-color',
    '--no-emoji',
    '--format',
    'table-flipped',
  ]
  const { code, output } = await run(process.execPath, args, root)
  return code === 0 ? [] : [{ where: `packages/${unit.name}`, what: `attw:\n${output.trim()}` }]
}

/** Unpacks all packages beside each other and loads every entry by `import` and by `require`, without the source condition. */
async function loadProblems(packed: readonly Packed[], folder: string): Promise<Problem[]> {
  await unpack(packed, folder)
  const entries = packed.flatMap(({ unit }) =>
    Object.keys((unit.manifest.exports ?? {}) as object)
      .filter((key) => key !== './package.json')
      .map((key) => `@hawser/${unit.name}${key.slice(1)}`),
  )
  const program = `
    const { createRequire } = await import('node:module')
    const require = createRequire(${JSON.stringify(join(folder, 'x.cjs'))})
    for (const entry of ${JSON.stringify(entries)}) {
      try {
        const names = (module) => Object.keys(module).filter((name) => name !== 'default' && name !== 'module.exports').sort().join()
        const [esm, cjs] = [await import(entry), require(entry)]
        if (names(esm) !== names(cjs)) console.log(entry + ': import gives other names than require')
        for (const name of Object.keys(cjs))
          if (esm[name] !== cjs[name]) console.log(entry + ': import gives another copy of ' + name)
      } catch (error) { console.log(entry + ': ' + error.message.split('\\n')[0]) }
    }`
  const { code, output } = await run(process.execPath, ['--input-type=module', '-e', program], folder)
  const problems = output
    .split('\n')
    .filter((line) => line.startsWith('@hawser/'))
    .map((line) => ({ where: 'loading', what: line }))
  if (code !== 0) problems.push({ where: 'loading', what: output })
  return problems
}

/** Every path at the leaves of an exports or imports map. */
function targetsOf(map: unknown): string[] {
  if (typeof map === 'string') return [map]
  return typeof map === 'object' && map !== null ? Object.values(map).flatMap(targetsOf) : []
}

async function inParallel<T, R>(list: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < list.length; at = next++) results[at] = await work(list[at] as T)
  }
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker))
  return results
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = await checkPackages()
  for (const { where, what } of problems) console.error(`${where}: ${what}`)
  console.log(problems.length === 0 ? 'packages: nothing wrong' : `packages: ${problems.length} wrong`)
  if (problems.length > 0) process.exitCode = 1
}
