export { AttributeFlag, OpenFlag, SftpStatus, sftpStatusName, sftpVersion } from './constants.ts'
