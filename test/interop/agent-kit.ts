/** A real ssh-agent for tests: started, filled by the real ssh-add, and ended. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  findProgram,
  type KeyFile,
  type RunResult,
  removeFolder,
  run,
  start,
  temporaryFolder,
} from '@hawser/test-kit'

export interface RealAgent {
  /** Path of its socket. */
  readonly path: string
  /** Ends it; connections to it are cut. */
  stop(): Promise<void>
}

export const haveAgent = findProgram('ssh-agent') !== undefined && findProgram('ssh-add') !== undefined

/** Starts ssh-agent with the keys of `files`. */
export async function startAgent(files: readonly KeyFile[]): Promise<RealAgent> {
  const folder = temporaryFolder('agent')
  const path = join(folder, 'agent.sock')
  const running = start(findProgram('ssh-agent') as string, ['-D', '-a', path], { timeoutMs: 10 * 60_000 })
  // ssh-add ends with 2 as long as nobody answers.
  for (let tries = 0; (await sshAdd(path, ['-l'])).code === 2; tries++)
    if (tries > 500) throw new Error(`ssh-agent does not listen: ${running.stderr()}`)
  for (const file of files) {
    const { code, stderr } = await sshAdd(path, [file.path])
    if (code !== 0) throw new Error(`ssh-add: ${stderr}`)
  }
  return {
    path,
    stop: async () => {
      running.child.kill('SIGKILL')
      await running.done
      removeFolder(folder)
    },
  }
}

/** Runs ssh-add on the agent at `path`; `passphrase` is what it gets when it asks for one. */
export function sshAdd(path: string, args: readonly string[], passphrase?: string): Promise<RunResult> {
  const asked =
    passphrase === undefined
      ? {}
      : { SSH_ASKPASS: askpass(), SSH_ASKPASS_REQUIRE: 'force', ASKPASS_ANSWER: passphrase }
  return run(findProgram('ssh-add') as string, args, { env: { SSH_AUTH_SOCK: path, ...asked } })
}

/** A program that answers every question with ASKPASS_ANSWER. */
function askpass(): string {
  const path = join(temporaryFolder('askpass'), 'askpass')
  writeFileSync(path, '#!/bin/sh\nprintf "%s\\n" "$ASKPASS_ANSWER"\n', { mode: 0o700 })
  return path
}
