/** Every target of the fuzzer. */

import { agentServingTarget, agentTarget } from './agent.ts'
import { connectionTarget } from './connection.ts'
import { keysTarget } from './keys-target.ts'
import { sessionTarget } from './session.ts'
import { sftpClientTarget, sftpServerTarget, sftpTarget } from './sftp.ts'
import type { Target } from './target.ts'
import { transportTarget } from './transport.ts'
import { userauthTarget } from './userauth.ts'
import { wireTarget } from './wire.ts'

export const targets: readonly Target[] = [
  wireTarget,
  transportTarget,
  userauthTarget,
  connectionTarget,
  sessionTarget,
  sftpClientTarget,
  sftpServerTarget,
  sftpTarget,
  agentTarget,
  agentServingTarget,
  keysTarget,
]
