/** Names of algorithms as they go into KEXINIT: what can be used, what is offered, what only on request. */

import type { AlgorithmNames, CryptoProvider } from './algorithm.ts'
import { defaultProvider } from './provider.ts'

/** Host key algorithms, most preferred first. They are implemented by the keys package; their order and standing belong here. */
const hostKeys: readonly Standing[] = [
  { name: 'ssh-ed25519' },
  { name: 'ecdsa-sha2-nistp256' },
  { name: 'ecdsa-sha2-nistp384' },
  { name: 'ecdsa-sha2-nistp521' },
  { name: 'rsa-sha2-512' },
  { name: 'rsa-sha2-256' },
  /** SHA-1 (RFC 8332 §1). */
  { name: 'ssh-rsa', insecure: true },
]

/** Composite keys of ML-DSA-44 and Ed25519, of a provider that was given ML-DSA: the name since OpenSSH 10.6, and the one of 10.4 and 10.5. */
const compositeHostKeys: readonly Standing[] = [
  { name: 'ssh-mldsa44-ed25519' },
  { name: 'ssh-mldsa44-ed25519@openssh.com' },
]

/** Everything that `provider` has, most preferred first. */
export function supportedNames(provider: CryptoProvider): AlgorithmNames {
  return names(provider, () => true)
}

/** What is offered unless the caller says otherwise: all but the insecure. */
export function defaultNames(provider: CryptoProvider): AlgorithmNames {
  return names(provider, ({ insecure }) => insecure !== true)
}

/** What is used only when the caller names it: broken or too weak. */
export function insecureNames(provider: CryptoProvider): AlgorithmNames {
  return names(provider, ({ insecure }) => insecure === true)
}

/** {@link supportedNames}, {@link defaultNames} and {@link insecureNames} of the default provider. */
export const supported: AlgorithmNames = supportedNames(defaultProvider)
export const defaults: AlgorithmNames = defaultNames(defaultProvider)
export const insecure: AlgorithmNames = insecureNames(defaultProvider)

/** How careful or how obliging a connection is: a value for the option `algorithms`. */
export interface Presets {
  /** What nobody objects to: no NIST curves, no group below 3072 bits or of a server's choice, MACs over the ciphertext only. Servers start with it. */
  readonly modern: AlgorithmNames
  /** {@link defaults}: everything that is not broken. */
  readonly default: AlgorithmNames
  /** {@link supported}: with SHA-1, MD5, CBC and 3DES at the end of the lists, for devices that have nothing else. */
  readonly legacy: AlgorithmNames
}

export const presets: Presets = Object.freeze({ modern: modernNames(), default: defaults, legacy: supported })

/** Whether recordings of a connection with the key exchange `kex` stay secret from quantum computers. */
export function isPostQuantum(kex: string): boolean {
  return defaultProvider.agreements.some(({ name, postQuantum }) => name === kex && postQuantum === true)
}

/** Which host keys there are is not for the preset to say: one that the owner of a server chose is used. */
function modernNames(): AlgorithmNames {
  return Object.freeze({
    ...defaults,
    kex: Object.freeze(defaults.kex.filter((name) => !/nistp|group14-|group-exchange/.test(name))),
    mac: Object.freeze(defaults.mac.filter((name) => /^(hmac|umac-128).*-etm@/.test(name))),
  })
}

interface Standing {
  readonly name: string
  readonly insecure?: true
}

function names(provider: CryptoProvider, keep: (algorithm: Standing) => boolean): AlgorithmNames {
  const pick = (algorithms: readonly Standing[]): readonly string[] =>
    Object.freeze(algorithms.filter(keep).map(({ name }) => name))
  return Object.freeze({
    kex: pick(provider.agreements),
    serverHostKey: pick(
      provider.backend.mlDsa44 === undefined ? hostKeys : [...compositeHostKeys, ...hostKeys],
    ),
    cipher: pick(provider.ciphers),
    mac: pick(provider.macs),
    compression: pick(provider.compressions),
  })
}
