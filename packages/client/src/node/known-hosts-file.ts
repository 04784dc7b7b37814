/** Host keys by OpenSSH's known_hosts file. */

import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { formatKnownHost } from '@hawser/keys'
import type { Awaitable } from '@hawser/session'
import type { HostKeyPolicy, HostKeyQuestion } from '../host-key.ts'

export interface KnownHostsFileOptions {
  /** Default `~/.ssh/known_hosts`. A file that does not exist knows nobody. */
  readonly path?: string
  /** More files that are read, and never written. */
  readonly also?: readonly string[]
  /** Whether hosts are added by a hash of their name. Default: false. */
  readonly hashed?: boolean
  /**
   * Whether hosts that the file does not know are accepted and added to it: `true` accepts and adds each, a function is asked first.
   * Default: they are refused. Changed and revoked keys are refused always.
   */
  readonly acceptNew?: true | ((question: HostKeyQuestion) => Awaitable<boolean>)
}

/** Reads the file and gives the policy over it: `hostKey: await knownHostsFile()`. Rejects when the file cannot be read. */
export async function knownHostsFile(options: KnownHostsFileOptions = {}): Promise<HostKeyPolicy> {
  const { path = join(homedir(), '.ssh', 'known_hosts'), acceptNew, also = [], hashed = false } = options
  const own = await textOf(path)
  const knownHosts = [own, ...(await Promise.all(also.map(textOf)))].join('\n')
  if (acceptNew === undefined) return { knownHosts }
  const lineBreak = own === '' || own.endsWith('\n') ? '' : '\n'
  return {
    knownHosts,
    acceptNew: async (question) => {
      if (acceptNew !== true && (await acceptNew(question)) !== true) return false
      const { host, port, key } = question
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await appendFile(path, `${lineBreak}${formatKnownHost(host, port, key, { hashed })}\n`, { mode: 0o600 })
      return true
    },
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return ''
    throw error
  }
}
