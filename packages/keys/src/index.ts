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
export {
  certificateAlgorithm,
  certificateSigner,
  certificateVerifier,
  plainAlgorithm,
} from './certificates/signer.ts'
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
  type JwkFormatOptions,
  type OpenSshFormatOptions,
  type PemFormatOptions,
  type Pkcs8FormatOptions,
  type PpkFormatOptions,
  type PublicFormatOptions,
  privateKeyToJwk,
  publicKeyToJwk,
} from './format.ts'
export type { Jwk } from './formats/jwk.ts'
export { type GenerateOptions, generateKey, type KeyType } from './generate.ts'
export type { PrivateKey, PublicKey, Signer, VerifySignature } from './key.ts'
export type { SecurityKeyFacts } from './key-types/security-key.ts'
export {
  type ParseOptions,
  parsePrivateKey,
  parsePublicKey,
  privateKeyFromJwk,
  publicKeyFromJwk,
} from './parse.ts'
export { publicKeyFromBlob, sameKey } from './public-blob.ts'
export type { PrivateKeyOptions } from './sign.ts'
export {
  gitNamespace,
  parseGitObject,
  type SignedGitObject,
  type SignGitOptions,
  signGitObject,
} from './signatures/git.ts'
export type { MessageHash, MessageSource, ReadableBytes } from './signatures/message.ts'
export {
  formatMessageSignature,
  type MessageSignature,
  parseMessageSignature,
  type SignMessageOptions,
  signMessage,
  type VerifyMessageOptions,
  verifyMessage,
} from './signatures/sshsig.ts'
export { type MessageVerdict, type VerifyByOptions, verifyMessageBy } from './signatures/verify-by.ts'
export { type CreateSignerOptions, createSigner, type SignRequest } from './signers/external.ts'
export {
  type CryptoKeyOptions,
  cryptoKeySigner,
  privateKeyFromCryptoKey,
  privateKeyToCryptoKey,
  publicKeyFromCryptoKey,
  publicKeyToCryptoKey,
  type WebCryptoKey,
} from './signers/web-crypto.ts'
export { inRanges, parseAddress } from './trust/addresses.ts'
export {
  type AllowedSigner,
  type AllowedSigners,
  parseAllowedSigners,
  type SignerQuestion,
  type SignerVerdict,
} from './trust/allowed-signers.ts'
export { authorizeKey, type LoginQuestion, type LoginVerdict } from './trust/authorize.ts'
export {
  type AuthorizedKey,
  type AuthorizedKeyOption,
  type AuthorizedKeys,
  parseAuthorizedKeys,
} from './trust/authorized-keys.ts'
export { matchesPattern } from './trust/host-patterns.ts'
export { type KeyRestrictions, keyRestrictions, type PermittedAddress } from './trust/key-restrictions.ts'
export {
  formatKnownHost,
  type KnownHostEntry,
  type KnownHostLineOptions,
  type KnownHostStatus,
  type KnownHosts,
  type KnownHostsText,
  type KnownHostVerdict,
  parseKnownHosts,
} from './trust/known-hosts.ts'
export {
  addKnownHost,
  type FoundKnownHost,
  findKnownHost,
  type HashedKnownHosts,
  hashKnownHosts,
  type KnownHostsEditOptions,
  type RemovedKnownHosts,
  removeKnownHost,
} from './trust/known-hosts-edit.ts'
export {
  type HostKeysAnnouncement,
  type HostKeysChange,
  type HostKeysUnchanged,
  updateKnownHosts,
} from './trust/known-hosts-update.ts'
export type { TrustFileProblem } from './trust/lines.ts'
export { createVerifier, type KeyPolicy, securityKeyFacts, whyUnusable } from './verify.ts'
