/** Public keys as RFC 4716 has them: `---- BEGIN SSH2 PUBLIC KEY ----`. */

import { base64Decode, base64Encode, utf8Encode } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import { publicKeyFromBlob } from '../public-blob.ts'

const format = 'RFC 4716 public key'
const begin = '---- BEGIN SSH2 PUBLIC KEY ----'
const end = '---- END SSH2 PUBLIC KEY ----'

/** Certificates and keys of 16,384 bits have some thousands. */
const mostCharacters = 262_144

export function isRfc4716(text: string): boolean {
  return text.trimStart().startsWith(begin)
}

/** Headers, then base64; the comment is that of the Comment header. Throws {@link KeyError}. */
export function readRfc4716(text: string): PublicKey {
  const { bytes, comment } = readFrame(text, begin, end, format)
  return publicKeyFromBlob(bytes, comment)
}

/** What stands between two lines with four hyphens, which private keys of ssh.com have too. Throws {@link KeyError}. */
export function readFrame(
  text: string,
  first: string,
  last: string,
  what: string,
): { readonly bytes: Uint8Array; readonly comment: string | undefined } {
  if (text.length > mostCharacters)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${what}: ${text.length} characters, the limit is ${mostCharacters}`,
      {
        format: what,
      },
    )
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.trimEnd())
  if (lines[0] !== first || lines.at(-1) !== last)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${what}: it must start with "${first}" and end with "${last}", each on its line`,
      { format: what },
    )
  let comment: string | undefined
  let at = 1
  for (; at < lines.length - 1; at++) {
    let line = lines[at] as string
    if (!line.includes(':')) break
    // RFC 4716 §3.3: a line that ends in a backslash goes on in the next.
    while (line.endsWith('\\') && at < lines.length - 2) line = line.slice(0, -1) + (lines[++at] as string)
    const [, tag = '', value = ''] = /^([^:]*):[ \t]?(.*)$/s.exec(line) ?? []
    if (tag.toLowerCase() === 'comment') comment = value.replace(/^"(.*)"$/s, '$1')
  }
  const bytes = base64Decode(lines.slice(at, -1).join(''))
  if (bytes === undefined || bytes.length === 0)
    throw new KeyError('SSH_KEY_FORMAT', `${what}: what stands between BEGIN and END is not base64`, {
      format: what,
    })
  return { bytes, comment }
}

/** Bytes of a line, without its end (RFC 4716 §3.3). */
const mostInLine = 72

/** The text, with a line end behind its last line. The comment is quoted, as PuTTY and OpenSSH write it. */
export function writeRfc4716(key: PublicKey, comment: string): string {
  const lines = [begin]
  if (comment !== '') {
    // A line that is too long ends in a backslash and goes on in the next.
    let line = ''
    for (const character of `Comment: "${comment}"`) {
      if (utf8Encode(line + character).length >= mostInLine) {
        lines.push(`${line}\\`)
        line = ''
      }
      line += character
    }
    lines.push(line)
  }
  const base64 = base64Encode(key.blob)
  for (let at = 0; at < base64.length; at += 70) lines.push(base64.slice(at, at + 70))
  lines.push(end, '')
  return lines.join('\n')
}
