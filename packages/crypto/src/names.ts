/** Names of algorithms as they go into KEXINIT: what can be used, what is offered, what only on request. */

import type { AlgorithmNames, CryptoProvider } from './algorithm.ts'
import { defaultProvider } from './provider.ts'

/** Host key algorithms, most preferred first. They are implemented by the keys package; their order and standing belong here. */
const hostKeys: readonly { readonly name: string; readonly insecure?: true }[] = [
  { name: 'ssh-ed25519' },
  { name: 'ecdsa-sha2-nistp256' },
  { name: 'ecdsa-sha2-nistp384' },
  { name: 'ecdsa-sha2-nistp521' },
  { name: 'rsa-sha2-512' },
  { name: 'rsa-sha2-256' },
  /** SHA-1 (RFC 8332 §1). */
  { name: 'ssh-rsa', insecure: true },
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

type Standing = { readonly name: string; readonly insecure?: true }

function names(provider: CryptoProvider, keep: (algorithm: Standing) => boolean): AlgorithmNames {
  const pick = (algorithms: readonly Standing[]): readonly string[] =>
    Object.freeze(algorithms.filter(keep).map(({ name }) => name))
  return Object.freeze({
    kex: pick(provider.agreements),
    serverHostKey: pick(hostKeys),
    cipher: pick(provider.ciphers),
    mac: pick(provider.macs),
    compression: pick(provider.compressions),
  })
}
