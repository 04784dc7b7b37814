/** What the comparisons with ssh-keygen share: keys, random inputs, the program itself, and a count. */

import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
  publicKeyFromBlob,
} from '@hawser/keys'
import { findProgram, Rng, removeFolder, runNow, temporaryFolder } from '@hawser/test-kit'
import { Reader, Writer } from '@hawser/wire'

export interface Output {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/** A key that ssh-keygen has made, as a file and in memory. */
export interface KeyPair {
  readonly name: string
  readonly path: string
  readonly key: PrivateKey
}

/** How many inputs gave the same on both sides, and what was different. */
export class Tally {
  equal = 0
  readonly different: string[] = []
  /** How often each kind of answer came, so that nobody compares refusals only. */
  readonly kinds = new Map<string, number>()

  note(kind: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1)
  }

  /** Compares one input by one or several outputs. */
  compare(what: string, ours: unknown, theirs: unknown): void {
    const [a, b] = [JSON.stringify(ours), JSON.stringify(theirs)]
    if (a === b) this.equal++
    else this.different.push(`${what}\n  ours:   ${a}\n  theirs: ${b}`)
  }
}

export interface Section {
  readonly name: string
  /** The kinds of answers that must come. */
  readonly kinds?: readonly string[]
  run(context: Context, count: number, tally: Tally): Promise<void> | void
}

/** A folder with keys, and the seeded randomness of one section. */
export class Context {
  readonly rng: Rng
  readonly folder: string
  readonly pairs: readonly KeyPair[]
  #files = 0

  constructor(seed: number | string, pool: KeyPool) {
    this.rng = new Rng(seed)
    this.folder = pool.folder
    this.pairs = pool.pairs
  }

  /** Writes a file of its own and gives its path. */
  file(content: string | Uint8Array, name = 'file'): string {
    const path = join(this.folder, `${this.rng.seed}-${this.#files++}-${name}`)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }

  keygen(args: readonly string[], input: string | Uint8Array = ''): Output {
    const result = spawnSync(keygen, args, { input, encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 26 })
    if (result.error !== undefined) throw result.error
    return { stdout: result.stdout, stderr: result.stderr, code: result.status }
  }

  pick<T>(list: readonly T[]): T {
    return list[this.rng.below(list.length)] as T
  }

  /** Each of `list` with the given probability. */
  some<T>(list: readonly T[], probability = 0.5): T[] {
    return list.filter(() => this.rng.chance(probability))
  }

  pair(...names: readonly string[]): KeyPair {
    return this.pick(this.pairs.filter(({ name }) => names.length === 0 || names.includes(name)))
  }

  /** A public key of any type with random values, by which it can be shown and compared but not used. */
  publicKey(types: readonly string[] = publicTypes): PublicKey {
    const { rng } = this
    const type = this.pick(types)
    const to = new Writer(512).string(type)
    const curve = /nistp(\d+)/.exec(type)?.[0] as Curve | undefined
    if (type.includes('ed25519')) to.string(rng.bytes(32))
    else if (curve !== undefined) to.string(curve).string(randomPoint(curve))
    else if (type === 'ssh-rsa')
      to.mpintBytes(Uint8Array.of(1, 0, 1)).mpintBytes(
        this.#number(this.pick([1024, 1536, 2047, 2048, 3072, 4096])),
      )
    else {
      const [p, q, g] = dsaGroup
      for (const number of [p, q, g, power(g, BigInt(rng.uint32()) + 2n, p)]) to.mpint(number)
    }
    if (type.startsWith('sk-')) to.string(this.pick(['ssh:', 'ssh:work']))
    const comment = this.pick(['', 'me@example', 'two words', 'ünï çødé', 'x'.repeat(90)])
    return publicKeyFromBlob(to.finish(), comment)
  }

  /** An odd number of exactly as many bits. */
  #number(bits: number): Uint8Array {
    const bytes = this.rng.bytes(Math.ceil(bits / 8))
    const top = (bits - 1) % 8
    bytes[0] = ((bytes[0] as number) & ((1 << top) - 1)) | (1 << top)
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 1
    return bytes
  }
}

const keygen = findProgram('ssh-keygen') ?? 'ssh-keygen'

const publicTypes = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
  'ssh-dss',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
] as const

const dsaBase64 =
  'AAAAB3NzaC1kc3MAAACBANTl+fjldh1/WSnLAhq7WU2BeCmpG+kQvMc/nPNJvOymeAk5ftYpXd0yJflUP1qzOHQRH6HDvEokQRQjgcuXVNepeg72tuVdJejpiU5YAQu6MKcgEvdTB5P3aLinlbHcCoznWEjE5lb7NOpUtvXEbGO+DhGKrA0+AdaKrQku7lt7AAAAFQDg3Q2NyZ6l/WVxyJCaNe9rgKqRJwAAAIEAjZE3ZE/30eNgvsjkjE5TlGnBXJgkD1PYidTLlrSLq82YXjmsJ6BmSONDLBMG8zx8a3bW8yMjoCcDJM0JEHUd6XWNCHmDgQuR+3Qxgc4b6zGYWdOH9xpMztWGp7a03j109g/MbY7sP6MttV06vQgm8XdbaSDxYjSSc4LjpIoFYooAAACBAINr0GO31XadGIXjHU2C6fg6xJ3R3WJ4+JkZeCJ2X73YLUmYbHUKYFFzJC5pp+CQXBtFDw/U4OmBLW5lB1pe0qPL+e9B9yIioqr2bT/kSpN5kJ6rBRQ1ETtoPkmjvvTmR/yUDdyTKG/SLyyduz2J9ZKXGYa/k/61jI6VBIxkPJVe'

export interface KeyPool {
  readonly folder: string
  readonly pairs: readonly KeyPair[]
}

/** One folder with a key of each kind that ssh-keygen makes and that signs. */
export function makeKeyPool(): KeyPool {
  const folder = temporaryFolder('keygen')
  const kinds = ['ed25519', 'ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-2048', 'rsa-3072']
  const pairs = kinds.map((kind, at): KeyPair => {
    const path = join(folder, `${kind}-${at}`)
    const [type, bits] = kind.split('-') as [string, string?]
    const size = bits === undefined ? [] : ['-b', bits]
    runNow(keygen, ['-q', '-t', type, ...size, '-N', '', '-C', `${kind} key ${at}`, '-f', path])
    return { name: kind, path, key: parsePrivateKey(readFileSync(path, 'utf8')) }
  })
  return { folder, pairs }
}

export function dropKeyPool({ folder }: KeyPool): void {
  removeFolder(folder)
}

/** p, q and g of a DSA key of ssh-keygen's. */
const dsaGroup = (() => {
  const from = new Reader(parsePublicKey(`ssh-dss ${dsaBase64}`).blob)
  from.string()
  return [from.mpint(), from.mpint(), from.mpint()] as const
})()

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus
    if (bit === '1') result = (result * base) % modulus
  }
  return result
}

type Curve = 'nistp256' | 'nistp384' | 'nistp521'

const curveNames = { nistp256: 'P-256', nistp384: 'P-384', nistp521: 'P-521' } as const

/** ssh-keygen wants points on the curve. */
function randomPoint(curve: Curve): Uint8Array {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: curveNames[curve] })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}
