export type { ByteChannel } from '@hawser/wire'
export type { SftpCallOptions } from './client/ask.ts'
export type { SftpMode, SftpTime } from './client/attribute-values.ts'
export { type MakeDirectoryOptions, type RenameOptions, SftpClient } from './client/client.ts'
export type { CopyOptions } from './client/copy-tree.ts'
export { type ReadableOptions, type ReadRangeOptions, readableFile, readRange } from './client/download.ts'
export { type FileRangeOptions, type FileStreamOptions, SftpFile } from './client/file.ts'
export type { SameAs, UserAndGroupNames } from './client/file-system.ts'
export { SftpLink } from './client/link.ts'
export { DirectoryEntry, Listing, type ListingOptions } from './client/listing.ts'
export { type OpenSftpOptions, openSftp } from './client/open.ts'
export { type OpenFlags, openFlags } from './client/open-flags.ts'
export type { SftpPath } from './client/path.ts'
export { type Position, ReadAhead, type ReadAheadOptions } from './client/read-ahead.ts'
export { Stats } from './client/stats.ts'
export { type FlowOptions, flowDefaults, sftpWindow } from './client/transfer-flow.ts'
export type { RemoveOptions } from './client/tree.ts'
export {
  type FileContent,
  type WritableOptions,
  type WriteRangeOptions,
  writableFile,
  writeRange,
} from './client/upload.ts'
export type { ReadFileOptions, WriteFileOptions } from './client/whole-file.ts'
export { WriteBehind, type WriteBehindOptions, type Written } from './client/write-behind.ts'
export { SftpError, type SftpErrorFacts, sftpErrorCode } from './errors.ts'
export * from './protocol/index.ts'
