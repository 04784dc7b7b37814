/** The numbers of SFTP version 3 (draft-ietf-secsh-filexfer-02): statuses, open flags, attribute flags. */

/** Protocol version that is spoken (draft-ietf-secsh-filexfer-02 §4). */
export const sftpVersion = 3

/** Status codes (draft-ietf-secsh-filexfer-02 §7). */
export const SftpStatus = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  opUnsupported: 8,
} as const
export type SftpStatus = (typeof SftpStatus)[keyof typeof SftpStatus]

/** Flags of an open request, combined by `|` (draft-ietf-secsh-filexfer-02 §6.3). */
export const OpenFlag = {
  read: 0x01,
  write: 0x02,
  append: 0x04,
  create: 0x08,
  truncate: 0x10,
  exclusive: 0x20,
} as const
export type OpenFlag = (typeof OpenFlag)[keyof typeof OpenFlag]

/** Which attributes follow in ATTRS (draft-ietf-secsh-filexfer-02 §5). */
export const AttributeFlag = {
  size: 0x01,
  uidGid: 0x02,
  permissions: 0x04,
  times: 0x08,
  extended: 0x8000_0000,
} as const
export type AttributeFlag = (typeof AttributeFlag)[keyof typeof AttributeFlag]

/** The name of a status in our case, such as `noSuchFile`; its number when the draft has none. */
export function sftpStatusName(status: number): string {
  for (const [name, value] of Object.entries(SftpStatus)) if (value === status) return name
  return String(status)
}
