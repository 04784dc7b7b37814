/** Public keys as OpenSSH writes them on one line: type, base64, comment. */

import { base64Decode, base64Encode } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import { blobType, isTypeName, publicKeyFromBlob } from '../public-blob.ts'

const format = 'OpenSSH public key line'

/** The key in `type base64 comment`; everything behind the base64 is the comment. Throws {@link KeyError}. */
export function readLine(line: string): PublicKey {
  const [, type, base64 = '', comment = ''] = /^([^ \t]*)[ \t]*([^ \t]*)[ \t]*(.*)$/s.exec(line.trim()) ?? []
  if (type === undefined || !isTypeName(type))
    throw new KeyError('SSH_KEY_FORMAT', `${format}: it does not start with the name of a key type`, {
      format,
    })
  const blob = base64 === '' ? undefined : base64Decode(base64)
  if (blob === undefined)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: what follows ${type} is not base64`, { format })
  const key = publicKeyFromBlob(blob, comment)
  if (key.type !== type)
    throw new KeyError(
      'SSH_KEY_INVALID',
      `${format}: the line says ${type}, the key in it is of type ${key.type}`,
      {
        format,
      },
    )
  return key
}

/** Whether `line` starts as a public key line does: the name of a type and the base64 of a blob of that type. */
export function looksLikeLine(line: string): boolean {
  const [, type, base64] = /^([^ \t]+)[ \t]+([A-Za-z0-9+/=]+)(?:[ \t]|$)/.exec(line) ?? []
  if (type === undefined || base64 === undefined || !isTypeName(type)) return false
  // The blob repeats the type; compare as far as whole groups of base64 go.
  const start = Uint8Array.of(0, 0, 0, type.length, ...Array.from(type, (c) => c.charCodeAt(0)))
  const groups = base64Encode(start.subarray(0, start.length - (start.length % 3)))
  return base64.startsWith(groups)
}

/** `type base64`, and the comment behind it when there is one; no line end. Throws {@link KeyError}. */
export function writeLine(key: PublicKey, comment = key.comment ?? ''): string {
  const type = blobType(key.blob)
  if (type !== key.type)
    throw new KeyError(
      'SSH_KEY_INVALID',
      `${format}: the key says that it is ${key.type}, its blob is of type ${type}`,
    )
  checkComment(comment)
  return `${type} ${base64Encode(key.blob)}${comment === '' ? '' : ` ${comment}`}`
}

/** A line end in a comment would make another line of a file of keys. */
export function checkComment(comment: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\0-\x1f\x7f]/.test(comment))
    throw new KeyError(
      'SSH_KEY_INVALID',
      `${format}: the comment has control characters: ${JSON.stringify(comment.slice(0, 80))}`,
    )
}
