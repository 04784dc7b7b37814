/** Fingerprints, pictures and SSHFP records against `ssh-keygen -l`, `-lv`, `-B` and `-r`. */

import {
  bubbleBabbleFingerprint,
  fingerprint,
  fingerprintLine,
  formatPublicKey,
  formatSshfp,
  KeyError,
  type PublicKey,
  parseSshfp,
  randomart,
  sshfpRecords,
} from '@hawser/keys'
import type { Context, Section } from './context.ts'

const hashes = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const

export const fingerprints: Section = {
  name: 'fingerprints (-l -E, five hashes; -B)',
  run(context, count, tally) {
    const keys = keysWithComments(context, count)
    const file = context.file(fileOf(keys))
    const theirs = [
      ...hashes.map((hash) => linesOf(context.keygen(['-l', '-E', hash, '-f', file]).stdout)),
      linesOf(context.keygen(['-B', '-f', file]).stdout),
    ]
    for (const [at, key] of keys.entries())
      tally.compare(
        formatPublicKey(key),
        [...hashes.map((hash) => fingerprintLine(key, hash)), bubbleLine(key)],
        theirs.map((lines) => lines[at]),
      )
  },
}

export const pictures: Section = {
  name: 'randomart (-lv -E, five hashes)',
  run(context, count, tally) {
    const keys = keysWithComments(context, count)
    const file = context.file(fileOf(keys))
    const theirs = hashes.map((hash) => linesOf(context.keygen(['-lv', '-E', hash, '-f', file]).stdout))
    for (const [at, key] of keys.entries())
      tally.compare(
        formatPublicKey(key),
        hashes.map((hash) => randomart(key, hash)),
        theirs.map((lines) => lines.slice(at * 12 + 1, at * 12 + 12).join('\n')),
      )
  },
}

export const sshfp: Section = {
  name: 'SSHFP records (-r, -r -g)',
  run(context, count, tally) {
    for (let round = 0; round < count; round++) {
      const key = context.publicKey()
      const host = context.pick(['host.example', 'a.b.c.example.', 'x', '@', 'xn--bcher-kva.example'])
      const file = context.file(fileOf([key]))
      for (const generic of context.rng.chance(0.5) ? [true] : [false]) {
        const { stdout } = context.keygen(['-r', host, ...(generic ? ['-g'] : []), '-f', file])
        const theirs = linesOf(stdout)
        const ours = recordsOf(key)
        tally.compare(
          `${host} ${formatPublicKey(key)}`,
          [
            ours.map((record) => formatSshfp(host, record, { generic })),
            ours.map((record) => ({ host, ...record })),
          ],
          [theirs, theirs.map(parseSshfp)],
        )
      }
    }
  },
}

/** In a file of several keys ssh-keygen shows other bytes in place of a comment that is not there. */
function keysWithComments(context: Context, count: number): PublicKey[] {
  return Array.from({ length: count }, () => {
    const key = context.publicKey()
    return key.comment === undefined ? { ...key, comment: 'a comment' } : key
  })
}

/** ssh-keygen has no record for security keys, and neither have we. */
function recordsOf(key: PublicKey): ReturnType<typeof sshfpRecords> {
  try {
    return sshfpRecords(key)
  } catch (error) {
    if (error instanceof KeyError && error.code === 'SSH_KEY_UNSUPPORTED') return []
    throw error
  }
}

function bubbleLine(key: PublicKey): string {
  return fingerprintLine(key).replace(fingerprint(key), bubbleBabbleFingerprint(key))
}

function fileOf(keys: readonly PublicKey[]): string {
  return keys.map((key) => `${formatPublicKey(key)}\n`).join('')
}

export function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1)
}
