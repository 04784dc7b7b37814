/** Extension negotiation (RFC 8308): the markers in KEXINIT and what EXT_INFO says. */

import { equal, latin1Decode, latin1Encode, ProtocolError } from '@hawser/wire'
import { extInfo, serviceAccept } from './messages.ts'

/** In the first KEXINIT's kex list: "I take EXT_INFO" (RFC 8308 §2.1). Never negotiated. */
export const extInfoMarker = { client: 'ext-info-c', server: 'ext-info-s' } as const

/** In the first KEXINIT's kex list: strict key exchange (OpenSSH PROTOCOL §1.10). Never negotiated. */
export const strictMarker = {
  client: 'kex-strict-c-v00@openssh.com',
  server: 'kex-strict-s-v00@openssh.com',
} as const

const markers: ReadonlySet<string> = new Set([
  ...Object.values(extInfoMarker),
  ...Object.values(strictMarker),
])

/** Whether `name` stands in kex lists only as a flag. */
export function isMarker(name: string): boolean {
  return markers.has(name)
}

/** Extensions by their names: RFC 8308 §3.1, OpenSSH PROTOCOL §3.1, §1.9 and §1.11. */
const names = {
  signatureAlgorithms: 'server-sig-algs',
  hostbound: 'publickey-hostbound@openssh.com',
  ping: 'ping@openssh.com',
  inAuth: 'ext-info-in-auth@openssh.com',
} as const

/** The version of OpenSSH's extensions, and the only one there is. */
const versionZero = latin1Encode('0')

/** The server's first EXT_INFO: the signature algorithms for user keys, that it takes logins bound to its host key, and that it answers pings. */
function serverExtInfo(signatureAlgorithms: readonly string[]): Uint8Array {
  return extInfo.encode({
    extensions: [
      { name: names.signatureAlgorithms, value: latin1Encode(signatureAlgorithms.join(',')) },
      { name: names.hostbound, value: versionZero },
      { name: names.ping, value: versionZero },
    ],
  })
}

/** The server's second EXT_INFO, once it knows the user: the signature algorithms for that user's keys. */
export function userExtInfo(signatureAlgorithms: readonly string[]): Uint8Array {
  return extInfo.encode({
    extensions: [{ name: names.signatureAlgorithms, value: latin1Encode(signatureAlgorithms.join(',')) }],
  })
}

/** The client's EXT_INFO: it takes a second one of the server during authentication, and answers pings. */
function clientExtInfo(): Uint8Array {
  return extInfo.encode({
    extensions: [
      { name: names.inAuth, value: versionZero },
      { name: names.ping, value: versionZero },
    ],
  })
}

/**
 * What the peer has announced by EXT_INFO, and when it may (RFC 8308 §2.4): as the first thing after its first NEWKEYS; and a server
 * once more, during authentication if it was told that this is taken, otherwise right in front of SUCCESS.
 */
export class PeerExtensions {
  readonly #role: 'client' | 'server'
  #received: ReadonlyMap<string, Uint8Array> | undefined
  #place: 'first' | 'service' | 'authentication' | 'success' | 'none' = 'first'
  #inAuthOffered = false
  #signatureAlgorithms: readonly string[] | undefined

  /** `role` is ours. */
  constructor(role: 'client' | 'server') {
    this.#role = role
  }

  /** Client: the signature algorithms for user keys that the server takes. */
  get signatureAlgorithms(): readonly string[] | undefined {
    return this.#signatureAlgorithms
  }

  /** Client: the server takes logins bound to its host key. */
  get hostbound(): boolean {
    return this.#isAnnounced(names.hostbound)
  }

  /** The peer answers pings. */
  get ping(): boolean {
    return this.#isAnnounced(names.ping)
  }

  /** Server: the client takes a second EXT_INFO during authentication. */
  get inAuth(): boolean {
    return this.#isAnnounced(names.inAuth)
  }

  /** Our own EXT_INFO, to be sent right after our first NEWKEYS. */
  offer(signatureAlgorithms: readonly string[]): Uint8Array {
    if (this.#role === 'server') return serverExtInfo(signatureAlgorithms)
    this.#inAuthOffered = true
    return clientExtInfo()
  }

  /** A message has come after the first NEWKEYS that is none of 1 to 4. Throws ProtocolError when SUCCESS had to come. */
  passed(number: number): void {
    if (this.#place === 'success' && number !== 52)
      throw new ProtocolError(
        `EXT_INFO, and then message ${number}: a second EXT_INFO comes right in front of SUCCESS (RFC 8308 §2.4)`,
      )
    if (this.#place === 'first') this.#place = 'service'
    if (number === serviceAccept.number && this.#place === 'service') this.#place = 'authentication'
  }

  /** Takes an EXT_INFO and gives its extensions; of a name that comes twice the last counts. Throws ProtocolError out of its place. */
  receive(payload: Uint8Array): ReadonlyMap<string, Uint8Array> {
    const isFirst = this.#place === 'first'
    if (!isFirst && (this.#role === 'server' || this.#place !== 'authentication'))
      throw new ProtocolError(
        `EXT_INFO out of its place: it comes right after the first NEWKEYS${this.#role === 'client' ? ', and once more during authentication' : ''} (RFC 8308 §2.4)`,
      )
    this.#place = isFirst ? 'service' : this.#inAuthOffered ? 'none' : 'success'
    const extensions = new Map(extInfo.decode(payload).extensions.map(({ name, value }) => [name, value]))
    this.#received = this.#received === undefined ? extensions : new Map([...this.#received, ...extensions])
    const algorithms = extensions.get(names.signatureAlgorithms)
    if (this.#role === 'client' && algorithms !== undefined)
      this.#signatureAlgorithms = readSignatureAlgorithms(algorithms)
    return extensions
  }

  #isAnnounced(name: string): boolean {
    const value = this.#received?.get(name)
    return value !== undefined && equal(value, versionZero)
  }
}

/** The names in a `server-sig-algs` value; empty names of careless servers are dropped. */
function readSignatureAlgorithms(value: Uint8Array): readonly string[] {
  return latin1Decode(value.subarray(0, 16_384))
    .split(',')
    .filter((name) => name !== '')
}
