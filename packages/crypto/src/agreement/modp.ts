/** Key agreement in finite fields: fixed groups (RFC 4253 §8, RFC 8268) and group exchange (RFC 4419). */

import { bytesToBigint, UsageError } from '@hawser/wire'
import type { AgreementAlgorithm, ModpGroup } from '../algorithm.ts'
import type { Backend, HashName } from '../backend.ts'
import { AgreementError } from '../errors.ts'
import { bitsOf, type KnownBits, knownGroup } from './groups.ts'

/**
 * Bits of the secret exponent: twice the 256 bits of strength that the strongest ciphers ask for (RFC 4253 §8, RFC 4419 §6.2).
 * The top bit is always set, so that the time a power takes does not show a shorter one.
 */
const exponentBits = 512

export const dhGroup14Sha256: AgreementAlgorithm = fixedGroup('diffie-hellman-group14-sha256', 'sha256', 2048)
export const dhGroup15Sha512: AgreementAlgorithm = fixedGroup('diffie-hellman-group15-sha512', 'sha512', 3072)
export const dhGroup16Sha512: AgreementAlgorithm = fixedGroup('diffie-hellman-group16-sha512', 'sha512', 4096)
export const dhGroup17Sha512: AgreementAlgorithm = fixedGroup('diffie-hellman-group17-sha512', 'sha512', 6144)
export const dhGroup18Sha512: AgreementAlgorithm = fixedGroup('diffie-hellman-group18-sha512', 'sha512', 8192)
/** SHA-1, and for group 1 a prime that states can solve (RFC 9142 §3.4): for old devices, by name only. */
export const dhGroup1Sha1: AgreementAlgorithm = fixedGroup('diffie-hellman-group1-sha1', 'sha1', 1024)
export const dhGroup14Sha1: AgreementAlgorithm = fixedGroup('diffie-hellman-group14-sha1', 'sha1', 2048)

/** The group must be given, checked by `checkGroup` when it came from a peer. */
export const dhGroupExchangeSha256: AgreementAlgorithm = groupExchange('sha256')
export const dhGroupExchangeSha1: AgreementAlgorithm = groupExchange('sha1')

function groupExchange(hash: 'sha256' | 'sha1'): AgreementAlgorithm {
  const name = `diffie-hellman-group-exchange-${hash}`
  return modpAgreement(name, hash, 'dh-gex', (group) => {
    if (group === undefined) throw new UsageError(`${name} needs the group that was exchanged`)
    return group
  })
}

function fixedGroup(name: string, hash: HashName, bits: KnownBits): AgreementAlgorithm {
  return modpAgreement(name, hash, 'dh', () => knownGroup(bits))
}

function modpAgreement(
  name: string,
  hash: HashName,
  form: 'dh' | 'dh-gex',
  groupOf: (given: ModpGroup | undefined) => ModpGroup,
): AgreementAlgorithm {
  const algorithm: AgreementAlgorithm = {
    name,
    hash,
    form,
    secretEncoding: 'mpint',
    ...(hash === 'sha1' ? { insecure: true } : {}),
    initiate(backend, given) {
      const group = groupOf(given)
      const own = keyPair(backend, group)
      return { init: own.value, finish: (reply) => derive(name, backend, group, own.exponent, reply) }
    },
    respond(backend, init, given) {
      const group = groupOf(given)
      // Before a power is computed: a value that must be refused costs next to nothing.
      checkPeerValue(name, group, init)
      const own = keyPair(backend, group)
      return { reply: own.value, secret: derive(name, backend, group, own.exponent, init) }
    },
  }
  return Object.freeze(algorithm)
}

function keyPair(backend: Backend, group: ModpGroup): { exponent: Uint8Array; value: Uint8Array } {
  const bits = bitsOf(group.prime)
  if (bits <= exponentBits) throw new UsageError(`a prime of ${bits} bits is too short for key agreement`)
  const exponent = backend.random(exponentBits / 8)
  exponent[0] = (exponent[0] as number) | 0x80
  return { exponent, value: backend.modPow(group.generator, exponent, group.prime) }
}

function derive(
  name: string,
  backend: Backend,
  group: ModpGroup,
  exponent: Uint8Array,
  peer: Uint8Array,
): Uint8Array {
  checkPeerValue(name, group, peer)
  const secret = backend.modPow(peer, exponent, group.prime)
  if (!isWithin(secret, group))
    throw new AgreementError(`${name}: the peer value gives a secret that anybody knows`)
  return secret
}

/**
 * RFC 4253 §8: "Values of 'e' or 'f' that are not in the range [1, p-1] MUST NOT be sent or accepted";
 * 1 and p - 1 are refused too, since they make the secret known (RFC 8268 §4).
 */
function checkPeerValue(name: string, group: ModpGroup, peer: Uint8Array): void {
  if (!isWithin(peer, group))
    throw new AgreementError(`${name}: the peer value of ${bitsOf(peer)} bits is not within 2 to p - 2`)
}

/** Whether 1 < value < p - 1. The length is looked at before anything is computed. */
function isWithin(value: Uint8Array, group: ModpGroup): boolean {
  if (bitsOf(value) > bitsOf(group.prime)) return false
  const number = bytesToBigint(value)
  return number > 1n && number < bytesToBigint(group.prime) - 1n
}
