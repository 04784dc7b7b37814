export { BufferPool } from './buffer-pool.ts'
export { type DirectoryOptions, directory, type QuotaChange } from './directory.ts'
export type { DirectoryFile } from './directory-files.ts'
export type { DirectoryListing, OwnerNames } from './directory-listing.ts'
export {
  type Downloaded,
  type DownloadFileOptions,
  downloadFile,
  type RunningTransfer,
} from './download-file.ts'
export { get } from './get.ts'
export { put } from './put.ts'
export { type FileToRead, type ReadStreamOptions, SftpReadStream } from './read-stream.ts'
export { type ChannelStreams, streamChannel } from './stream-channel.ts'
export type { TransferEntry, TransferOptions, TransferProgress, TransferResult } from './transfer-options.ts'
export { type Uploaded, type UploadFileOptions, uploadFile } from './upload-file.ts'
export { type FileToWrite, SftpWriteStream, type WriteStreamOptions } from './write-stream.ts'
