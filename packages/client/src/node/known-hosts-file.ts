/** Host keys by OpenSSH's known_hosts file. */

import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  addKnownHost,
  type HostKeysChange,
  type KnownHostsText,
  parseKnownHosts,
  type RevocationList,
  updateKnownHosts,
} from '@hawser/keys'
import type { Awaitable } from '@hawser/session'
import type { HostKeyPolicy, HostKeyQuestion, HostKeysUpdate } from '../host-key.ts'
import type { SshfpResolver } from '../sshfp.ts'
import { updateFile } from './file-update.ts'

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
  /** SSHFP records for hosts that the file does not know. Where they decide, nothing is added to the file. */
  readonly sshfp?: SshfpResolver
  /**
   * Whether the file follows when a server says, and proves, that it has new host keys and no longer some old ones: `true`, or a
   * function that is asked before anything is written. Default: false.
   */
  readonly updateHostKeys?: boolean | ((change: HostKeysChange, update: HostKeysUpdate) => Awaitable<boolean>)
  /** Told what came of each announcement, `unchanged` with its reason. */
  readonly onHostKeysUpdated?: (change: HostKeysChange) => void
  /** Keys, certificates and authorities that no longer count, besides the lines `@revoked`. */
  readonly revoked?: RevocationList
}

/** Reads the file and gives the policy over it: `hostKey: await knownHostsFile()`. Rejects when the file cannot be read. */
export async function knownHostsFile(options: KnownHostsFileOptions = {}): Promise<HostKeyPolicy> {
  const { path = join(homedir(), '.ssh', 'known_hosts'), acceptNew, also = [], hashed = false } = options
  const { sshfp, updateHostKeys = false, onHostKeysUpdated, revoked } = options
  const knownHosts = parseKnownHosts(await Promise.all([path, ...also].map(textOf)))
  const add = async (question: HostKeyQuestion): Promise<boolean> => {
    if (acceptNew !== true && (await acceptNew?.(question)) !== true) return false
    const { host, port, key } = question
    await updateFile(path, (text) => ({ text: addKnownHost(text, host, port, key, { hashed }) }))
    return true
  }
  const follow = async (update: HostKeysUpdate): Promise<void> => {
    const changed = (text: string): HostKeysChange =>
      updateKnownHosts(text, update.host, update.port, update, { hashed })
    const change = changed((await textOf(path)).text)
    const isWanted =
      change.unchanged === undefined &&
      (updateHostKeys === true ||
        (typeof updateHostKeys === 'function' && (await updateHostKeys(change, update)) === true))
    // Not inside the call: it is to be written whether somebody is told or not.
    const result = isWanted ? await updateFile(path, changed) : change
    onHostKeysUpdated?.(result)
  }
  return {
    knownHosts,
    ...(acceptNew === undefined ? {} : { acceptNew: add }),
    ...(sshfp === undefined ? {} : { sshfp }),
    ...(updateHostKeys === false ? {} : { updateHostKeys: follow }),
    ...(revoked === undefined ? {} : { revoked }),
  }
}

async function textOf(file: string): Promise<KnownHostsText> {
  try {
    return { file, text: await readFile(file, 'utf8') }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return { file, text: '' }
    throw error
  }
}
