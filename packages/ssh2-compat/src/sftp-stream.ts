export { flagsToString, OPEN_MODE, STATUS_CODE, stringToFlags } from './constants.ts'
export { SFTPStream, SFTPStream as default, type SFTPStreamConfig } from './sftp-duplex.ts'
