export { BufferPool } from './buffer-pool.ts'
export {
  type Downloaded,
  type DownloadFileOptions,
  downloadFile,
  type RunningTransfer,
} from './download-file.ts'
export { type FileToRead, type ReadStreamOptions, SftpReadStream } from './read-stream.ts'
export { type Uploaded, type UploadFileOptions, uploadFile } from './upload-file.ts'
export { type FileToWrite, SftpWriteStream, type WriteStreamOptions } from './write-stream.ts'
