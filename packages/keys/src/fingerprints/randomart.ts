/** Fingerprints as pictures: the walk of the drunken bishop (Loss, Limmer, von Gernler 2009), as ssh-keygen -lv draws it. */

import { type CryptoProvider, defaultProvider, type HashName } from '@hawser/crypto'
import type { PublicKey } from '../key.ts'
import { describeKey } from './describe.ts'
import { digestOf } from './fingerprint.ts'

const width = 17
const height = 9
/** What a square shows that was visited that often. */
const shades = ' .o+=*BOX@%&#/^'

/** Eleven lines with a frame, no line end behind the last. Throws {@link KeyError} for a blob that breaks the rules of its type. */
export function randomart(
  key: PublicKey,
  hash: HashName = 'sha256',
  crypto: CryptoProvider = defaultProvider,
): string {
  const { label, bits } = describeKey(key)
  const full = `[${label} ${bits}]`
  const title = full.length <= width ? full : `[${label}]`
  return [
    border(title),
    ...drawWalk(digestOf(key, hash, crypto)).map((row) => `|${row}|`),
    border(`[${hash.toUpperCase()}]`),
  ].join('\n')
}

/** The rows of the picture of `digest`, without a frame. */
function drawWalk(digest: Uint8Array): string[] {
  const visits = new Uint16Array(width * height)
  const start = { x: Math.floor(width / 2), y: Math.floor(height / 2) }
  let { x, y } = start
  for (const byte of digest)
    for (let pair = 0; pair < 8; pair += 2) {
      // One move per two bits, the low ones first: right or left, down or up, along the wall at the edge.
      x = Math.min(width - 1, Math.max(0, x + ((byte >> pair) & 1 ? 1 : -1)))
      y = Math.min(height - 1, Math.max(0, y + ((byte >> (pair + 1)) & 1 ? 1 : -1)))
      visits[y * width + x] = (visits[y * width + x] as number) + 1
    }
  const squares = Array.from(visits, (count) => shades[Math.min(count, shades.length - 1)] as string)
  squares[start.y * width + start.x] = 'S'
  squares[y * width + x] = 'E'
  return Array.from({ length: height }, (_, row) => squares.slice(row * width, (row + 1) * width).join(''))
}

function border(title: string): string {
  const text = title.slice(0, width)
  return `+${text.padStart(text.length + Math.floor((width - text.length) / 2), '-').padEnd(width, '-')}+`
}
