/** Disks that are really full, and folders that really are closed: commands that run a program beside them. */

import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '@hawser/test-kit'

/** How a disk comes to be full. */
export interface FullDisk {
  readonly name: string
  /** What the system says to the write that does not fit. */
  readonly code: 'ENOSPC' | 'EFBIG'
  /** The words of our server for it. */
  readonly words: string
  /** Why it cannot be had here; undefined when it can. */
  readonly missing: string | undefined
  /** The command line that runs `command` where `folder`, which must be there, takes `room` bytes. */
  readonly run: (folder: string, command: readonly string[]) => readonly string[]
}

/** Bytes that fit. */
export const room = 256 * 1024

/** Mounts need root, or a kernel that lets everybody be root of a namespace of their own; containers may forbid both. */
const ways = [['--mount'], ['--user', '--map-root-user', '--mount']]
const unshare = findProgram('unshare')
const way =
  unshare === undefined
    ? undefined
    : ways.find(
        (flags) =>
          spawnSync(unshare, [...flags, 'mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', '/tmp']).status ===
          0,
      )

const tmpfs: FullDisk = {
  name: 'a disk without room',
  code: 'ENOSPC',
  words: 'No space left',
  missing: way === undefined ? 'this machine lets us mount nothing, not even in a namespace' : undefined,
  run: (folder, command) => [
    unshare ?? '',
    ...(way ?? []),
    ...sh(`mount -t tmpfs -o size=${room},mode=777 tmpfs "$1" && shift && exec "$@"`, [folder, ...command]),
  ],
}

/** Needs no rights. Programs that do not ignore the signal would be killed by it. */
const limit: FullDisk = {
  name: 'a limit of file sizes',
  code: 'EFBIG',
  words: 'File too large',
  missing: undefined,
  run: (_folder, command) => sh(`trap '' XFSZ; ulimit -f ${room / 512}; exec "$@"`, command),
}

export const fullDisks: readonly FullDisk[] = [tmpfs, limit]

/** The command line that runs `command` as nobody where this is root, whom no permission keeps from anything. */
export function asNobody(command: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return command
  return [findProgram('setpriv') ?? '', '--reuid=65534', '--regid=65534', '--clear-groups', ...command]
}

/** Writes a script that runs `command` with at most `handles` open files: sshd_config takes no lists of words. */
export function scriptOf(folder: string, name: string, command: readonly string[], handles: number): string {
  const path = join(folder, name)
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  writeFileSync(path, `#!/bin/sh\nulimit -n ${handles}\nexec ${words}\n`)
  chmodSync(path, 0o755)
  return path
}

function sh(script: string, args: readonly string[]): readonly string[] {
  return ['/bin/sh', '-c', script, 'sh', ...args]
}
