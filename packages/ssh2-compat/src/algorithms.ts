/** ssh2's `algorithms` option: lists, single names, and changes by append, prepend and remove. */

import { type AlgorithmNames, defaults, isPostQuantum, supported } from '@hawser/crypto'
import { UsageError } from '@hawser/wire'
import type { AlgorithmList, Algorithms } from './types.ts'

/** ssh2's names of the categories, ours, and how ssh2's messages call them. */
const categories = [
  { option: 'kex', ours: 'kex', words: 'key exchange' },
  { option: 'serverHostKey', ours: 'serverHostKey', words: 'server host key' },
  { option: 'cipher', ours: 'cipher', words: 'cipher' },
  { option: 'hmac', ours: 'mac', words: 'HMAC' },
  { option: 'compress', ours: 'compression', words: 'compression' },
] as const satisfies readonly { option: keyof Algorithms; ours: keyof AlgorithmNames; words: string }[]

/** What ssh2 documents, less what is broken. What came after it is there by name. Made when asked for, not when the module loads. */
function standardNames(): AlgorithmNames {
  return {
    ...defaults,
    kex: defaults.kex.filter((name) => !isPostQuantum(name)),
    mac: defaults.mac.filter((name) => !name.startsWith('umac')),
  }
}

/** A client takes plain zlib, too, from a server that has nothing else; it would open a server to inflating before the login. */
function clientDefaults(): AlgorithmNames {
  return { ...standardNames(), compression: supported.compression }
}

type Resolved = { -readonly [K in keyof AlgorithmNames]?: readonly string[] }

/** The categories that `algorithms` changes, starting from `standard`, and those in which `standard` is not what the layers below offer. Throws for a name that is not supported. */
export function resolveAlgorithms(
  algorithms: Algorithms | null | undefined,
  standard: AlgorithmNames = standardNames(),
): Resolved {
  const resolved: Resolved = { kex: standard.kex, mac: standard.mac }
  for (const { option, ours, words } of categories) {
    const wish = algorithms?.[option]
    if (wish === undefined || wish === null) continue
    resolved[ours] = resolveList(wish, supported[ours], standard[ours], words)
  }
  return resolved
}

/** {@link resolveAlgorithms} for a client, and `compress` where `algorithms` says nothing of compression. */
export function clientAlgorithms(
  algorithms: Algorithms | null | undefined,
  compress: boolean | 'force' | null | undefined,
): Resolved {
  return { compression: compressions(compress), ...resolveAlgorithms(algorithms, clientDefaults()) }
}

function compressions(compress: boolean | 'force' | null | undefined): readonly string[] {
  const compressing = supported.compression.filter((name) => name !== 'none')
  if (compress === undefined || compress === null) return supported.compression
  if (compress === false) return ['none']
  return compress === 'force' ? compressing : [...compressing, 'none']
}

function resolveList(
  wish: AlgorithmList,
  known: readonly string[],
  standard: readonly string[],
  words: string,
): readonly string[] {
  if (typeof wish === 'string' || Array.isArray(wish)) {
    const names: readonly string[] = typeof wish === 'string' ? [wish] : wish
    if (names.length === 0) return standard
    for (const name of names) if (!known.includes(name)) throw unsupported(name, words, known)
    return names
  }
  let list = [...standard]
  for (const [verb, value] of Object.entries(
    wish as Record<string, string | RegExp | readonly (string | RegExp)[]>,
  )) {
    const patterns = Array.isArray(value) ? value : [value]
    for (const pattern of patterns as (string | RegExp)[]) {
      const matches = matching(pattern, known, words)
      if (verb === 'remove') list = list.filter((name) => !matches.includes(name))
      else if (verb === 'append') list.push(...matches.filter((name) => !list.includes(name)))
      else if (verb === 'prepend') list.unshift(...matches.filter((name) => !list.includes(name)))
    }
  }
  return list
}

function matching(pattern: string | RegExp, known: readonly string[], words: string): readonly string[] {
  if (typeof pattern !== 'string')
    return known.filter((name) => new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).test(name))
  if (!known.includes(pattern)) throw unsupported(pattern, words, known)
  return [pattern]
}

function unsupported(name: string, words: string, known: readonly string[]): UsageError {
  return new UsageError(`Unsupported ${words} algorithm: ${name} (supported are ${known.join(', ')})`, {
    code: 'ERR_SSH_UNSUPPORTED_ALGORITHM',
  })
}
