/** Either side of a transfer killed at ten points: no hang, one error, and the next run goes on where the first ended. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SftpClient, SftpError } from '@hawser/sftp'
import { get, put } from '@hawser/sftp/node'
import { startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { describe, expect, test } from 'vitest'
import { fileDigest, pattern, sftpServer, startSftpServer } from './sftp-transfer-kit.ts'

const folder = temporaryFolder('sftp-kills')
const size = 12_000_000
const source = join(folder, 'source')
writeFileSync(source, pattern(size))
const whole = fileDigest(source)
const points = Array.from({ length: 10 }, (_, i) => Math.floor((size * (i + 0.5)) / 10))

describe.skipIf(sftpServer === undefined)('sftp-server killed', () => {
  for (const [way, run] of [
    ['get', get],
    ['put', put],
  ] as const)
    test.each(points)(`at byte %d of a ${way}: one error, and resume makes it whole`, async (point) => {
      const target = join(folder, `${way}-${point}`)
      const first = await startSftpServer()
      const o = { chunkSize: 65_536, maxBytes: 1_048_576, progressIntervalMs: 0 }
      const failed = run(new SftpClient(first.link), source, target, {
        ...o,
        onProgress: ({ bytes }) => {
          if (bytes >= point) first.child.kill('SIGKILL')
        },
      })
      await expect(failed).rejects.toBeInstanceOf(SftpError)
      await expect(failed).rejects.toMatchObject({ code: 'ECONNRESET' })
      await first.link.closed
      expect(first.link.outstanding).toBe(0)
      const there = statSync(target).size
      expect(there).toBeGreaterThan(0)
      // A prefix, without holes: else going on would make a broken file.
      expect(readFileSync(target).equals(readFileSync(source).subarray(0, there))).toBe(true)
      const second = await startSftpServer()
      const { bytes } = await run(new SftpClient(second.link), source, target, { ...o, resume: true })
      expect(bytes).toBe(size - there)
      expect(fileDigest(target)).toBe(whole)
      await second.stop()
      rmSync(target)
    })
})

describePeers(['sshd'], 'through sshd', () => {
  const copier = fileURLToPath(new URL('programs/sftp-copier.ts', import.meta.url))

  for (const way of ['get', 'put'])
    test(`our side of a ${way} killed at ten points: the server ends, and each run goes on`, async () => {
      await using sshd = await startSshd({ logLevel: 'INFO' })
      const key = sshd.userKeys.get('ed25519')?.path ?? ''
      const target = join(folder, `copier-${way}`)
      const start = (): ChildProcess =>
        spawn(
          process.execPath,
          [
            ...['--conditions=@hawser/source', '--import', 'tsx', copier],
            ...[way, String(sshd.port), sshd.user, key, source, target],
          ],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        )
      for (const point of points) {
        const child = start()
        let out = ''
        child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          out += text
          if (Number(out.trim().split('\n').at(-1)) >= point) child.kill('SIGKILL')
        })
        await once(child, 'close')
        const there = statSync(target).size
        expect(readFileSync(target).equals(readFileSync(source).subarray(0, there))).toBe(true)
      }
      const [code] = (await once(
        start().on('error', () => undefined),
        'close',
      )) as [number | null]
      expect(code).toBe(0)
      expect(fileDigest(target)).toBe(whole)
      const left = execFileSync('sh', ['-c', `ps -o ppid= -e | grep -c '^ *${sshd.pid}$' || true`], {
        encoding: 'utf8',
      })
      expect(Number(left)).toBe(0)
    }, 120_000)
})
