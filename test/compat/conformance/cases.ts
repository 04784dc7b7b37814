/** All cases of the conformance suite, and the way one of them is run. */

import { agentCases } from './agents.ts'
import { authenticationCases } from './authentication.ts'
import { channelCases } from './channel.ts'
import { clientCases } from './client.ts'
import { forwardingCases } from './forwarding.ts'
import { keyFileCases } from './key-files.ts'
import { keyCases } from './keys.ts'
import { type Case, type Ssh2, World } from './kit.ts'
import { moduleCases } from './module.ts'
import { observedCases } from './observed.ts'
import { observedChannelCases } from './observed-channels.ts'
import { optionCases } from './options.ts'
import { serverCases } from './server.ts'
import { sessionCases } from './session.ts'
import { sftpCases } from './sftp.ts'
import { utilsCases } from './utils.ts'

export const cases: readonly Case[] = [
  ...moduleCases,
  ...clientCases,
  ...optionCases,
  ...channelCases,
  ...serverCases,
  ...authenticationCases,
  ...agentCases,
  ...forwardingCases,
  ...sessionCases,
  ...keyCases,
  ...keyFileCases,
  ...utilsCases,
  ...observedCases,
  ...observedChannelCases,
  ...sftpCases,
]

/** Rejects when the case does not hold for `module`. */
export async function runCase(one: Case, module: Ssh2): Promise<void> {
  const world = new World()
  try {
    await one.run(module, world)
  } finally {
    world.end()
  }
}
