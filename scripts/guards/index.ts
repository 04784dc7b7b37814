/** All guards that are removed one by one, lowest layer first. */

import { agent } from './agent.ts'
import { client } from './client.ts'
import { connection } from './connection.ts'
import { crypto } from './crypto.ts'
import type { Guard } from './guard.ts'
import { httpAgent } from './http-agent.ts'
import { keys } from './keys.ts'
import { server, session } from './session.ts'
import { sftp } from './sftp.ts'
import { transport } from './transport.ts'
import { userauth } from './userauth.ts'
import { wire } from './wire.ts'

export const guards: readonly Guard[] = [
  ...wire,
  ...crypto,
  ...keys,
  ...transport,
  ...userauth,
  ...connection,
  ...session,
  ...server,
  ...client,
  ...sftp,
  ...agent,
  ...httpAgent,
]
