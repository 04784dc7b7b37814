/** Which types of key have certificates, and where the plain key stands in one (OpenSSH PROTOCOL.certkeys). */

import { Reader, Writer } from '@hawser/wire'
import { reading } from '../errors.ts'
import { blobType } from '../public-blob.ts'

export const certificateSuffix = '-cert-v01@openssh.com'

export interface CertificateType {
  /** The type name of certificates. */
  readonly name: string
  /** The type of the keys that they certify. */
  readonly plain: string
  /** How many fields the plain key has behind its type name; each is a string or an mpint. */
  readonly fields: number
}

const rows: readonly CertificateType[] = [
  row('ssh-ed25519', 1),
  row('ecdsa-sha2-nistp256', 2),
  row('ecdsa-sha2-nistp384', 2),
  row('ecdsa-sha2-nistp521', 2),
  row('ssh-rsa', 2),
  row('ssh-dss', 4),
  row('sk-ssh-ed25519@openssh.com', 2),
  row('sk-ecdsa-sha2-nistp256@openssh.com', 3),
]
const byName: ReadonlyMap<string, CertificateType> = new Map(rows.map((type) => [type.name, type]))
const byPlain: ReadonlyMap<string, CertificateType> = new Map(rows.map((type) => [type.plain, type]))

/** The row of a certificate's type name; undefined for names of anything else. */
export function certificateTypeNamed(name: string): CertificateType | undefined {
  return byName.get(name)
}

/** The type of certificates for keys of type `plain`; undefined when such keys have none. */
export function certificateTypeFor(plain: string): CertificateType | undefined {
  return byPlain.get(plain)
}

/** The fields of the plain key: copied, with its type name in front, they are its blob. */
export function readPlainBlob(from: Reader, type: CertificateType): Uint8Array {
  const to = new Writer(640).string(type.plain)
  for (let field = 0; field < type.fields; field++) to.string(from.string())
  return to.finish().slice()
}

/** The blob of the key that a blob is about: of the certified key for a certificate, itself otherwise. Throws {@link KeyError}. */
export function plainBlobOf(blob: Uint8Array): Uint8Array {
  const type = certificateTypeNamed(blobType(blob))
  if (type === undefined) return blob
  return reading('OpenSSH certificate', () => {
    const from = new Reader(blob, type.name)
    from.string()
    from.string()
    return readPlainBlob(from, type)
  })
}

function row(plain: string, fields: number): CertificateType {
  return { name: `${plain.replace(/@openssh\.com$/, '')}${certificateSuffix}`, plain, fields }
}
