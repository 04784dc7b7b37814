/** Signatures in git's commits and tags (gitformat-signature(5), gpg.format=ssh): where they stand and what they cover. */

import type { CryptoProvider } from '@hawser/crypto'
import { concat, UsageError, utf8Encode } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { Signer } from '../key.ts'
import {
  formatMessageSignature,
  type MessageSignature,
  parseMessageSignature,
  signMessage,
} from './sshsig.ts'

const format = 'git object'
/** The namespace of git's signatures. */
export const gitNamespace = 'git'

const mostBytes = 64 * 1_048_576
const newline = 10
const space = 32

export interface SignedGitObject {
  readonly kind: 'commit' | 'tag'
  /** What the signature covers: the object without it. */
  readonly payload: Uint8Array
  readonly signature: MessageSignature
}

/**
 * Takes the signature out of a commit or tag, as `git cat-file commit` or `git cat-file tag` gives it; undefined when there is none.
 * Then `verifyMessageBy(payload, signature, { namespace: 'git', … })`. Throws {@link KeyError} for a signature that is malformed or not SSH's.
 */
export function parseGitObject(object: Uint8Array): SignedGitObject | undefined {
  const kind = kindOf(object)
  const found = kind === 'commit' ? splitCommit(object) : splitTag(object)
  if (found === undefined) return undefined
  return { kind, payload: found.payload, signature: parseMessageSignature(found.signature) }
}

export interface SignGitOptions {
  /** The object id format of the repository: commits of sha256 repositories have their signature under another header. Default: sha1. */
  readonly objectFormat?: 'sha1' | 'sha256'
  readonly crypto?: CryptoProvider
}

/**
 * Signs a commit or tag that has no signature, as `git commit -S` and `git tag -s` do: the object to store, by
 * `git hash-object -t commit -w --stdin`. Rejects with UsageError for one that has a signature already.
 */
export async function signGitObject(
  object: Uint8Array,
  signer: Signer,
  { objectFormat = 'sha1', crypto }: SignGitOptions = {},
): Promise<Uint8Array> {
  const kind = kindOf(object)
  if ((kind === 'commit' ? splitCommit(object) : splitTag(object)) !== undefined)
    throw new UsageError(`the ${kind} has a signature already`)
  const made = await signMessage(object, signer, {
    namespace: gitNamespace,
    ...(crypto === undefined ? {} : { crypto }),
  })
  const armour = formatMessageSignature(made)
  if (kind === 'tag') return concat(object, utf8Encode(armour))
  const head = headersEnd(object)
  const header = `${commitHeaders[objectFormat]} ${armour.trimEnd().replaceAll('\n', '\n ')}\n`
  return concat(object.subarray(0, head), utf8Encode(header), object.subarray(head))
}

const commitHeaders = { sha1: 'gpgsig', sha256: 'gpgsig-sha256' } as const

function kindOf(object: Uint8Array): 'commit' | 'tag' {
  if (object.length > mostBytes)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: ${object.length} bytes, the limit is ${mostBytes}`, {
      format,
    })
  if (startsWith(object, 0, 'tree ')) return 'commit'
  if (startsWith(object, 0, 'object ')) return 'tag'
  throw new KeyError('SSH_KEY_FORMAT', `${format}: neither a commit (tree …) nor a tag (object …)`, {
    format,
  })
}

/** Where the headers end: at the empty line, or at the end of the object. */
function headersEnd(object: Uint8Array): number {
  for (let at = 0; at < object.length; at = nextLine(object, at)) if (object[at] === newline) return at
  return object.length
}

/** The value of the signature header, without the spaces that continue it, and the object without the header. */
function splitCommit(object: Uint8Array): { payload: Uint8Array; signature: Uint8Array } | undefined {
  const end = headersEnd(object)
  const names = Object.values(commitHeaders).map((name) => `${name} `)
  const kept: Uint8Array[] = []
  const lines: Uint8Array[] = []
  let signatures = 0
  let inside = false
  for (let at = 0; at < end; ) {
    const next = nextLine(object, at)
    const name = names.find((header) => startsWith(object, at, header))
    if (name !== undefined) signatures++
    inside = name !== undefined || (inside && object[at] === space)
    if (!inside) kept.push(object.subarray(at, next))
    else lines.push(object.subarray(at + (name?.length ?? 1), next))
    at = next
  }
  if (signatures === 0) return undefined
  if (signatures > 1)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: the commit has ${signatures} signatures`, { format })
  return { payload: concat(...kept, object.subarray(end)), signature: concat(...lines) }
}

/** A tag's signature is the rest of it, from the last line on that begins an armour, as git takes it. */
function splitTag(object: Uint8Array): { payload: Uint8Array; signature: Uint8Array } | undefined {
  let found: number | undefined
  for (let at = 0; at < object.length; at = nextLine(object, at))
    if (armours.some((begin) => startsWith(object, at, begin))) found = at
  return found === undefined
    ? undefined
    : { payload: object.subarray(0, found), signature: object.subarray(found) }
}

/** By SSH, and those of git's other signatures. */
const armours: readonly string[] = [
  '-----BEGIN SSH SIGNATURE-----',
  '-----BEGIN PGP SIGNATURE-----',
  '-----BEGIN PGP MESSAGE-----',
  '-----BEGIN SIGNED MESSAGE-----',
]

function nextLine(bytes: Uint8Array, at: number): number {
  const end = bytes.indexOf(newline, at)
  return end < 0 ? bytes.length : end + 1
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++)
    if (bytes[at + index] !== text.charCodeAt(index)) return false
  return true
}
