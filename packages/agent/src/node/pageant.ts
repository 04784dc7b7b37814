/** PuTTY's Pageant, by the named pipe that it listens on since PuTTY 0.75. */

import { readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { AgentError } from '../errors.ts'

const pipes = '\\\\.\\pipe\\'

/** The path of this user's Pageant. Throws {@link AgentError} when there is none, and everywhere but on Windows. */
export function pageantPath(): string {
  if (process.platform !== 'win32')
    throw new AgentError(
      'SSH_AGENT_UNREACHABLE',
      'Pageant runs on Windows only; give the path of an agent socket',
    )
  const name = pageantPipe(readdirSync(pipes), userInfo().username)
  if (name === undefined)
    throw new AgentError(
      'SSH_AGENT_UNREACHABLE',
      'no Pageant of this user listens: start it, from PuTTY 0.75 or later (older ones talk by window messages only, which need native code)',
    )
  return pipes + name
}

/** Which of the named pipes is the Pageant of `user`: `pageant`, the user's name, and 64 digits that only Windows can work out. */
export function pageantPipe(names: readonly string[], user: string): string | undefined {
  const start = `pageant.${user}.`.toLowerCase()
  return names.find(
    (name) => name.toLowerCase().startsWith(start) && /^[0-9a-f]{64}$/i.test(name.slice(start.length)),
  )
}
