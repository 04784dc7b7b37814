/** The text frame around binary keys: BEGIN line, headers, base64, END line (RFC 7468, RFC 1421). */

import { base64Decode, base64Encode } from '@hawser/wire'
import { KeyError } from './errors.ts'

export interface ArmouredBlock {
  /** What stands between `-----BEGIN ` and `-----`. */
  readonly label: string
  /** `Name: value` lines in front of the base64, names in lower case; only old encrypted files have some. */
  readonly headers: ReadonlyMap<string, string>
  readonly base64: string
}

const mostBlocks = 32

/** All blocks of a text, in order; what stands around them is passed over. Throws {@link KeyError} for one without an end. */
export function findBlocks(text: string): readonly ArmouredBlock[] {
  const blocks: ArmouredBlock[] = []
  const begin = /-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,39})-----/g
  for (let found = begin.exec(text); found !== null; found = begin.exec(text)) {
    const label = found[1] as string
    const endLine = `-----END ${label}-----`
    const start = begin.lastIndex
    const end = text.indexOf(endLine, start)
    if (end < 0)
      throw new KeyError('SSH_KEY_FORMAT', `${label}: there is no line "${endLine}", the file is cut off`, {
        format: label,
      })
    if (blocks.length === mostBlocks)
      throw new KeyError('SSH_KEY_FORMAT', `more than ${mostBlocks} blocks in one text`)
    blocks.push({ label, ...splitHeaders(text.slice(start, end)) })
    begin.lastIndex = end + endLine.length
  }
  return blocks
}

/** The bytes of a block. Throws {@link KeyError}. */
export function decodeBlock({ label, base64 }: ArmouredBlock): Uint8Array {
  const bytes = base64Decode(base64)
  if (bytes !== undefined) return bytes
  const hint = base64.includes('\\n')
    ? ': it has a backslash and an n where its lines should end; put real line ends there'
    : ''
  throw new KeyError(
    'SSH_KEY_FORMAT',
    `${label}: what stands between its BEGIN and END is not base64${hint}`,
    {
      format: label,
    },
  )
}

/** A block as text, with a line end behind its last line. */
export function encodeBlock(
  label: string,
  bytes: Uint8Array,
  width = 64,
  headers: readonly string[] = [],
): string {
  const base64 = base64Encode(bytes)
  const lines = [`-----BEGIN ${label}-----`]
  if (headers.length > 0) lines.push(...headers, '')
  for (let at = 0; at < base64.length; at += width) lines.push(base64.slice(at, at + width))
  lines.push(`-----END ${label}-----`, '')
  return lines.join('\n')
}

/** Old encrypted files have two. */
const mostHeaders = 32

function splitHeaders(content: string): Pick<ArmouredBlock, 'headers' | 'base64'> {
  const headers = new Map<string, string>()
  if (!content.includes(':')) return { headers, base64: content }
  // The first line is the rest of the BEGIN line.
  let at = content.indexOf('\n') + 1
  for (let count = 0; at > 0; count++) {
    const end = content.indexOf('\n', at)
    const line = end < 0 ? content.slice(at) : content.slice(at, end)
    const colon = line.indexOf(':')
    if (colon < 0) break
    if (count === mostHeaders)
      throw new KeyError('SSH_KEY_FORMAT', `a block of text with more than ${mostHeaders} headers`)
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
    at = end + 1
  }
  return { headers, base64: at === 0 ? '' : content.slice(at) }
}
