export { SFTPStream, SFTPStream as default, type SFTPStreamConfig } from './sftp-duplex.ts'
