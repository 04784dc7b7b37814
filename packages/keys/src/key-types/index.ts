/** The table of key types: one row each. */

import { assertNever } from '@hawser/wire'
import { mldsa44Ed25519, mldsa44Ed25519OpenSsh } from './composite.ts'
import { dsa } from './dsa.ts'
import { nistp256, nistp384, nistp521 } from './ecdsa.ts'
import { ed25519 } from './ed25519.ts'
import type { PrivateParts, PublicParts } from './parts.ts'
import type { KeyTypeRow } from './row.ts'
import { rsa } from './rsa.ts'
import { skEcdsa, skEd25519 } from './security-key.ts'

export type { PrivateParts, PublicParts } from './parts.ts'
export type { KeyTypeRow } from './row.ts'

const rows: readonly KeyTypeRow[] = [
  ...[ed25519, nistp256, nistp384, nistp521, rsa, dsa, skEd25519, skEcdsa],
  ...[mldsa44Ed25519, mldsa44Ed25519OpenSsh],
]
const byName: ReadonlyMap<string, KeyTypeRow> = new Map(rows.map((row) => [row.name, row]))

/** The row of an SSH type name; undefined for types that are only carried, not understood. */
export function keyTypeNamed(name: string): KeyTypeRow | undefined {
  return byName.get(name)
}

/** The row of a key's values. */
export function keyTypeOf(parts: PublicParts | PrivateParts): KeyTypeRow {
  switch (parts.type) {
    case 'ed25519':
      return ed25519
    case 'ecdsa':
      return { nistp256, nistp384, nistp521 }[parts.curve]
    case 'rsa':
      return rsa
    case 'dsa':
      return dsa
    case 'sk-ed25519':
      return skEd25519
    case 'sk-ecdsa':
      return skEcdsa
    case 'mldsa44-ed25519':
      return parts.name === mldsa44Ed25519.name ? mldsa44Ed25519 : mldsa44Ed25519OpenSsh
    default:
      return assertNever(parts)
  }
}
