/** All cases about SFTP. */

import type { Case } from './kit.ts'
import { sftpObservedCases } from './sftp-observed.ts'
import { sftpRequestCases } from './sftp-requests.ts'
import { sftpServerCases } from './sftp-server.ts'
import { sftpTransferCases } from './sftp-transfers.ts'

export const sftpCases: readonly Case[] = [
  ...sftpRequestCases,
  ...sftpTransferCases,
  ...sftpServerCases,
  ...sftpObservedCases,
]
