/** Algorithm negotiation (RFC 4253 §7.1): one function over eight rows, and the judgement of guesses. */

import type { AlgorithmNames } from '@hawser/crypto'
import { type AlgorithmCategory, NegotiationError, PolicyError } from './errors.ts'
import { isMarker } from './ext-info.ts'
import type { KexInit } from './messages.ts'
import { terrapinProne } from './terrapin.ts'

/** What both sides agreed on, seen from our side: `Out` is what we send with. */
export interface Negotiated {
  readonly kex: string
  /** The signature algorithm of the host key. */
  readonly serverHostKey: string
  readonly cipherOut: string
  readonly cipherIn: string
  /** Empty where the cipher authenticates by itself. */
  readonly macOut: string
  readonly macIn: string
  readonly compressionOut: string
  readonly compressionIn: string
  /** Whether strict key exchange is in force (OpenSSH PROTOCOL §1.10). */
  readonly strict: boolean
}

export interface NegotiationInput {
  readonly role: 'client' | 'server'
  readonly ours: KexInit
  readonly theirs: KexInit
  readonly strict: boolean
  /** Whether a cipher authenticates by itself, so that no MAC is chosen for it. */
  readonly aead: (cipher: string) => boolean
  /** Everything that could be offered, for hints. */
  readonly known: AlgorithmNames
  /** Our key exchanges are post-quantum ones because a policy says so. */
  readonly postQuantumOnly?: boolean
  /** Without strict key exchange, only ciphers are taken that need none. */
  readonly refuseTerrapin?: boolean
}

type ListKey = {
  readonly [K in keyof KexInit]: KexInit[K] extends readonly string[] ? K : never
}[keyof KexInit]

interface Row {
  readonly category: AlgorithmCategory
  readonly list: ListKey
  readonly option: keyof AlgorithmNames
}

/** Which list of KEXINIT decides about which of our directions. */
function rowsFor(role: 'client' | 'server'): readonly Row[] {
  const out = role === 'client' ? 'ClientToServer' : 'ServerToClient'
  const incoming = role === 'client' ? 'ServerToClient' : 'ClientToServer'
  return [
    { category: 'kex', list: 'kexAlgorithms', option: 'kex' },
    { category: 'serverHostKey', list: 'serverHostKeyAlgorithms', option: 'serverHostKey' },
    { category: 'cipherOut', list: `encryptionAlgorithms${out}`, option: 'cipher' },
    { category: 'cipherIn', list: `encryptionAlgorithms${incoming}`, option: 'cipher' },
    { category: 'macOut', list: `macAlgorithms${out}`, option: 'mac' },
    { category: 'macIn', list: `macAlgorithms${incoming}`, option: 'mac' },
    { category: 'compressionOut', list: `compressionAlgorithms${out}`, option: 'compression' },
    { category: 'compressionIn', list: `compressionAlgorithms${incoming}`, option: 'compression' },
  ]
}

const rows = { client: rowsFor('client'), server: rowsFor('server') } as const

/**
 * For each row the client's first name that the server has too. RFC 4253 §7.1 also asks that a key exchange fits the host key
 * algorithm; all of ours need a host key that signs, and every host key algorithm here is one, so that any pair fits.
 * Languages are not negotiated. Throws {@link NegotiationError}, and {@link PolicyError}.
 */
export function negotiate(input: NegotiationInput): Negotiated {
  const { role, ours, theirs, aead } = input
  const chosen: Record<AlgorithmCategory, string> = {
    kex: '',
    serverHostKey: '',
    cipherOut: '',
    cipherIn: '',
    macOut: '',
    macIn: '',
    compressionOut: '',
    compressionIn: '',
  }
  for (const row of rows[role]) {
    if (row.category === 'macOut' && aead(chosen.cipherOut)) continue
    if (row.category === 'macIn' && aead(chosen.cipherIn)) continue
    const our = ours[row.list].filter((name) => !isMarker(name))
    const their = theirs[row.list].filter((name) => !isMarker(name))
    const [clients, servers] = role === 'client' ? [our, their] : [their, new Set(our)]
    const has = servers instanceof Set ? servers : new Set(servers)
    const name = clients.find((candidate) => has.has(candidate))
    if (name === undefined && row.category === 'kex' && input.postQuantumOnly)
      throw new PolicyError('requirePostQuantum', 'the policy requires a post-quantum key exchange', {
        ours: our,
        theirs: their,
        fix: 'update the peer, or drop policy.requirePostQuantum',
      })
    if (name === undefined)
      throw new NegotiationError(row.category, our, their, hintFor(row, role, their, input.known))
    chosen[row.category] = name
  }
  if (!input.strict && input.refuseTerrapin === true) refuseTerrapin(input, terrapinProne(chosen))
  return Object.freeze(Object.assign(chosen, { strict: input.strict }))
}

/** Nothing is sent by then but our KEXINIT, so that a client cannot take the next of its ciphers: the server has chosen the same one. */
function refuseTerrapin({ ours, theirs }: NegotiationInput, prone: readonly string[]): void {
  if (prone.length === 0) return
  throw new PolicyError(
    'terrapin',
    `without strict key exchange, which the peer does not have, ${prone.join(' and ')} would let somebody in the middle take out packets unseen (CVE-2023-48795)`,
    {
      ours: ours.encryptionAlgorithmsClientToServer,
      theirs: theirs.encryptionAlgorithmsClientToServer,
      fix: "update the peer, leave the cipher out of algorithms.cipher, or take the risk by policy.terrapin 'allow'",
    },
  )
}

/**
 * Whether the sender of a guessed key exchange packet guessed right (RFC 4253 §7): both sides prefer the same
 * key exchange and the same host key algorithm.
 */
export function guessedRight(ours: KexInit, theirs: KexInit): boolean {
  const firstKex = (lists: KexInit): string | undefined => lists.kexAlgorithms.find((name) => !isMarker(name))
  return (
    firstKex(ours) === firstKex(theirs) &&
    ours.serverHostKeyAlgorithms[0] === theirs.serverHostKeyAlgorithms[0]
  )
}

function hintFor(
  row: Row,
  role: 'client' | 'server',
  theirs: readonly string[],
  known: AlgorithmNames,
): string {
  const usable = theirs.filter((name) => known[row.option].includes(name))
  if (usable.length === 0)
    return `none of the peer's is implemented here: the peer must be set to offer one of ${known[row.option].join(',')}`
  const list = usable.join(' or ')
  if (row.category === 'serverHostKey' && role === 'server')
    return `add a host key for ${list}, or allow it in algorithms.serverHostKey`
  return `allow ${list} in algorithms.${row.option}, or set the peer to offer one of ours`
}
