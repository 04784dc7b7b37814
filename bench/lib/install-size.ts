/** What `npm install` of a module brings: bytes and packages, the module's own dependencies and theirs. */

import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pack, published, unpack } from '../../scripts/pack.ts'

export interface InstallSize {
  readonly bytes: number
  readonly packages: number
}

/** Of our packages as they are packed. What they take from others comes from this repository's node_modules. */
export async function ownInstallSize(name: string): Promise<InstallSize> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-install-'))
  try {
    await unpack(await pack(published(), folder), folder)
    return installSize(join(folder, 'node_modules', name))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Of an installed package. What is listed as optional counts where it is there: npm installs it. */
export function installSize(folder: string): InstallSize {
  const found = new Set<string>()
  const visit = (at: string): void => {
    if (found.has(at)) return
    found.add(at)
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(at, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string> | undefined>
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const next = locate(at, name)
      if (next !== undefined) visit(next)
      else if (optionalDependencies?.[name] === undefined)
        throw new Error(`${at} depends on ${name}, which is not there`)
    }
  }
  visit(folder)
  return { bytes: [...found].reduce((sum, at) => sum + bytesIn(at), 0), packages: found.size }
}

/** Where Node would find a package, from `from` upwards. */
function locate(from: string, name: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const place = join(at, 'node_modules', name)
    if (statSync(place, { throwIfNoEntry: false }) !== undefined) return realpathSync(place)
    if (at === dirname(at)) return undefined
  }
}

/** Less what lies in a node_modules of its own, which is counted by itself. */
function bytesIn(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) bytes += entry.name === 'node_modules' ? 0 : bytesIn(path)
    else if (entry.isFile()) bytes += statSync(path).size
  }
  return bytes
}
