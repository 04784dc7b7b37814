/** Gives `import` in Node what `require` gives: one copy of each class in a process, and parts that load when they are first used. */

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

interface Entry {
  readonly import: { readonly node: string; readonly default: string }
  readonly require: { readonly default: string }
}

/** Writes what the `node` condition of each entry's `import` names. Bundlers and browsers go by the modules beside it. */
export async function writeImports(folder: string): Promise<void> {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly exports: Record<string, Entry | string>
  }
  const require = createRequire(join(process.cwd(), folder, 'package.json'))
  for (const entry of Object.values(exports)) {
    if (typeof entry === 'string') continue
    const names = Object.keys(
      (await import(pathToFileURL(join(folder, entry.import.default)).href)) as object,
    )
    const missing = names.filter((name) => !(name in (require(entry.require.default) as object)))
    if (missing.length > 0) throw new Error(`${entry.require.default} lacks ${missing.join(', ')}`)
    writeFileSync(join(folder, entry.import.node), importOf(entry.require.default, names))
  }
}

function importOf(path: string, names: readonly string[]): string {
  const named = names.filter((name) => name !== 'default')
  const lines = [
    `import module from './${path.slice(path.lastIndexOf('/') + 1)}';`,
    `export const { ${named.join(', ')} } = module;`,
  ]
  if (named.length < names.length) lines.push('export default module.default;')
  return `${lines.join('\n')}\n`
}
