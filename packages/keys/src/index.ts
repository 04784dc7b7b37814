export { readAgentKey, writeAgentKey } from './agent-form.ts'
export {
  type Certificate,
  type CertificateOption,
  forever,
  isCertificate,
  parseCertificate,
} from './certificates/certificate.ts'
export {
  authorityAlgorithms,
  type CertificateCheck,
  type CertificateProblem,
  type CertificateVerdict,
  checkCertificate,
} from './certificates/check.ts'
export {
  type CertificateRequest,
  type IssueOptions,
  issueCertificate,
  type OptionRequest,
} from './certificates/issue.ts'
export {
  parseRevocationList,
  type Revocation,
  type RevocationList,
  type RevocationListOptions,
  type RevokedBy,
} from './certificates/krl.ts'
export { certificateListing } from './certificates/listing.ts'
export { type CertificatePermissions, defaultUserExtensions } from './certificates/permissions.ts'
export { certificateSigner, certificateVerifier } from './certificates/signer.ts'
export type { TimeZoneOptions } from './certificates/time.ts'
export { KeyError, type KeyErrorCode, type KeyErrorFacts } from './errors.ts'
export { bubbleBabble, bubbleBabbleFingerprint } from './fingerprints/bubble-babble.ts'
export { describeKey, fingerprintLine, type KeyDescription } from './fingerprints/describe.ts'
export { fingerprint } from './fingerprints/fingerprint.ts'
export { randomart } from './fingerprints/randomart.ts'
export {
  checkSshfp,
  formatSshfp,
  parseSshfp,
  readSshfp,
  type SshfpLine,
  type SshfpRecord,
  type SshfpStatus,
  sshfpRecords,
} from './fingerprints/sshfp.ts'
export {
  type FormatOptions,
  formatPrivateKey,
  formatPublicKey,
  type OpenSshFormatOptions,
  type PemFormatOptions,
  type PublicFormatOptions,
} from './format.ts'
export { type GenerateOptions, generateKey, type KeyType } from './generate.ts'
export type { PrivateKey, PublicKey, Signer, VerifySignature } from './key.ts'
export { type ParseOptions, parsePrivateKey, parsePublicKey } from './parse.ts'
export { publicKeyFromBlob } from './public-blob.ts'
export type { PrivateKeyOptions } from './sign.ts'
export {
  type AuthorizedKey,
  type AuthorizedKeyOption,
  type AuthorizedKeys,
  parseAuthorizedKeys,
} from './trust/authorized-keys.ts'
export {
  formatKnownHost,
  type KnownHostEntry,
  type KnownHostLineOptions,
  type KnownHostStatus,
  type KnownHosts,
  type KnownHostVerdict,
  parseKnownHosts,
  type TrustFileProblem,
} from './trust/known-hosts.ts'
export { createVerifier, type KeyPolicy, whyUnusable } from './verify.ts'
