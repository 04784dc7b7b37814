/** SFTP as programs with types see it: one name for both sides, as @types/ssh2 has it. */

import type { EventEmitter } from 'node:events'
import type { EmitterOf } from './emitter.ts'
import type { SftpClient } from './sftp-client.ts'
import type { SftpServer } from './sftp-server.ts'
import type { SFTPEvents } from './sftp-types.ts'

type Methods<C> = Omit<{ [K in keyof C]: C[K] }, keyof EventEmitter | 'server'>

/** What `client.sftp()` and `accept()` of a session's `sftp` give; each side has the methods of its own. */
export interface SFTPWrapper
  extends Methods<SftpClient>,
    Methods<SftpServer>,
    InstanceType<EmitterOf<SFTPEvents>> {
  readonly server: boolean
}
/** @deprecated The name of the 0.8 line. */
export type SFTPStream = SFTPWrapper
