/** Open directories on disk: their names, some at a time, each with its attributes. */

import type { Dir } from 'node:fs'
import type { DirectoryItem } from '../server/handlers.ts'
import { refusal } from '../server/status.ts'
import { attributesOf } from './directory-attributes.ts'
import { calls, codeOf } from './directory-calls.ts'
import type { Found, Jail, Place } from './directory-jail.ts'

/** Names of users and groups for listings; undefined where there is none. */
export interface OwnerNames {
  user?(uid: number): string | undefined
  group?(gid: number): string | undefined
}

/** An open directory. */
export interface DirectoryListing {
  readonly dir: Dir
  readonly place: Place
  readonly found: Found
  started: boolean
}

/** Names that are looked at at once. */
const batch = 128

export async function openListing(jail: Jail, path: Uint8Array): Promise<DirectoryListing> {
  const place = await jail.find(path, 'follow')
  try {
    const { found } = place
    if (found === undefined) throw refusal('ENOENT')
    if (!found.stats.isDirectory()) throw refusal('ENOTDIR')
    return { dir: await calls.opendir(found.path), place, found, started: false }
  } catch (error) {
    place.release()
    throw error
  }
}

/** Some more names; undefined at the end. Names that vanish meanwhile are left out. */
export async function readListing(
  listing: DirectoryListing,
  owners: OwnerNames,
): Promise<readonly DirectoryItem[] | undefined> {
  const names: Uint8Array[] = []
  if (!listing.started) names.push(Buffer.from('.'), Buffer.from('..'))
  listing.started = true
  let ended = false
  while (names.length < batch && !ended) {
    const entry = await listing.dir.read()
    // The listing was opened with names as bytes, which the type does not know.
    if (entry !== null) names.push(entry.name as unknown as Uint8Array)
    else ended = true
  }
  const items = (await Promise.all(names.map((name) => itemOf(listing, name, owners)))).filter(
    (item) => item !== undefined,
  )
  return items.length > 0 || ended ? items : readListing(listing, owners)
}

export async function closeListing({ dir, place }: DirectoryListing): Promise<void> {
  place.release()
  await dir.close()
}

async function itemOf(
  { found, place }: DirectoryListing,
  name: Uint8Array,
  owners: OwnerNames,
): Promise<DirectoryItem | undefined> {
  // What is above the folder is nobody's business.
  const shown =
    place.names.length === 0 && name.length === 2 && name.toString() === '..' ? Buffer.from('.') : name
  try {
    const stats = await calls.lstat(Buffer.concat([Buffer.from(found.path), Buffer.from('/'), shown]))
    const owner = owners.user?.(Number(stats.uid))
    const group = owners.group?.(Number(stats.gid))
    return {
      name,
      attrs: attributesOf(stats),
      links: Number(stats.nlink),
      ...(owner === undefined ? {} : { owner }),
      ...(group === undefined ? {} : { group }),
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EACCES') return undefined
    throw error
  }
}
