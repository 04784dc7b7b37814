/** SFTP servers for the promise client: each over the disk of this machine, by absolute paths. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '@hawser/client'
import { openSftp, type SftpClient } from '@hawser/sftp'
import { directory, streamChannel } from '@hawser/sftp/node'
import { serveSftp } from '@hawser/sftp/server'
import {
  findPeer,
  memoryPipes,
  type PeerName,
  sharedKeyFile,
  start,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { clientOf, keyOf, publicLine, userKey } from './kit.ts'
import { sftpServer } from './sftp-transfer-kit.ts'

export interface Opened {
  readonly sftp: SftpClient
  stop(): Promise<void>
}

export interface Target {
  readonly name: string
  /** Where the tests' own folder is for this server. */
  readonly rootedIn?: (folder: string) => string
  /** It cannot list a name that is no UTF-8: the whole listing fails. */
  readonly textOnly?: boolean
  /** Why it cannot be used here; undefined when it can. */
  readonly missing: string | undefined
  open(folder: string): Promise<Opened>
}

export const targets: readonly Target[] = [
  {
    name: 'sftp-server over its stdio',
    missing: sftpServer === undefined ? 'sftp-server is not installed' : undefined,
    async open() {
      const child = spawn(sftpServer as string, { stdio: ['pipe', 'pipe', 'ignore'] })
      const sftp = await openSftp(streamChannel({ readable: child.stdout, writable: child.stdin }))
      return { sftp, stop: () => sftp.close() }
    },
  },
  {
    name: 'internal-sftp of sshd',
    missing: without('sshd'),
    async open() {
      const sshd = await startSshd({ authorizedKeys: [publicLine(userKey.publicKey)] })
      const client = await clientOf(sshd)
      const sftp = await client.sftp()
      return {
        sftp,
        async stop() {
          await sftp.close()
          await client.close()
          await sshd.stop()
        },
      }
    },
  },
  python('asyncssh'),
  python('paramiko'),
  {
    name: 'our own server over a directory',
    missing: undefined,
    rootedIn: () => '',
    async open(folder) {
      const { a, b } = memoryPipes()
      const served = serveSftp(b, directory(folder))
      const sftp = await openSftp(a)
      return {
        sftp,
        async stop() {
          await sftp.close()
          await served
        },
      }
    },
  },
]

function without(peer: PeerName): string | undefined {
  return findPeer(peer) === undefined ? `${peer} is not installed` : undefined
}

function python(peer: 'asyncssh' | 'paramiko'): Target {
  return {
    name: `${peer}'s server`,
    missing: without(peer),
    textOnly: peer === 'paramiko',
    async open() {
      const host = sharedKeyFile('ed25519', 'host')
      const authorized = join(temporaryFolder(peer), 'authorized_keys')
      const line = publicLine(userKey.publicKey)
      writeFileSync(authorized, `${line}\n`)
      const spec = { host_keys: [host.path], authorized_keys: authorized, keys: [line.split(' ')[1]] }
      const script = fileURLToPath(new URL(`./peers/${peer}_sftp_server.py`, import.meta.url))
      const running = start(findPeer(peer)?.path ?? '', [script, JSON.stringify(spec)], {
        keepInputOpen: true,
        env: { PYTHONWARNINGS: 'ignore' },
      })
      const first = await Promise.race([once(running.child.stdout, 'data'), running.done])
      if (!Array.isArray(first)) throw new Error(`${peer} ended: ${first.stderr}`)
      const client = await connect({
        host: '127.0.0.1',
        port: Number(String(first[0])),
        user: 'somebody',
        auth: [{ method: 'publickey', signer: userKey }],
        hostKey: { keys: [keyOf(host.publicLine)] },
      })
      const sftp = await client.sftp()
      return {
        sftp,
        async stop() {
          await sftp.close()
          await client.close()
          running.child.stdin.end()
          await running.stop()
        },
      }
    },
  }
}
