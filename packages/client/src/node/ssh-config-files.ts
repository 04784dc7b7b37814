/** The files of an ssh_config: read whole, and found by the patterns of Include. */

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { matchesPattern } from '@hawser/keys'

/** What the file holds; undefined when there is none. */
export async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

/** The files that fit an absolute path with `*` and `?`, in order. */
export async function matchingFiles(pattern: string): Promise<readonly string[]> {
  let found = ['/']
  for (const part of pattern.split('/').filter((name) => name !== '')) {
    if (!/[*?]/.test(part)) {
      found = found.map((folder) => join(folder, part))
      continue
    }
    const next: string[] = []
    for (const folder of found) {
      const names = await readdir(folder).catch((error: unknown) => {
        const { code } = error as { code?: unknown }
        if (code === 'ENOENT' || code === 'ENOTDIR') return []
        throw error
      })
      for (const name of names.sort((a, b) => (a < b ? -1 : 1)))
        if (matchesPattern(name, part) && (!name.startsWith('.') || part.startsWith('.')))
          next.push(join(folder, name))
    }
    found = next
  }
  return found
}
