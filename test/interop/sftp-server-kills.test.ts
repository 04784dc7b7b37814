/** Our SFTP server killed at ten points of a transfer: its clients end with one error, and go on with the server that is started next. */

import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { acceptAnyHostKey, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'
import { SftpError } from '@hawser/sftp'
import { get, put } from '@hawser/sftp/node'
import { type RunResult, sharedKeyFile, start, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { describe, expect, test } from 'vitest'
import { sftp, userKey } from './sftp-server-kit.ts'
import { fileDigest, pattern } from './sftp-transfer-kit.ts'

const program = fileURLToPath(new URL('programs/sftp-directory.ts', import.meta.url))
const hostKey = sharedKeyFile('ed25519', 'host').path
const folder = temporaryFolder('sftp-server-kills')
const served = temporaryFolder('sftp-served')
const kills = 10
const size = 11_000_000
const local = join(folder, 'source')
const remote = join(served, 'source')
for (const path of [local, remote]) writeFileSync(path, pattern(size))
const whole = fileDigest(local)

type Way = 'get' | 'put'

/** Lets the server be killed each time that it has moved another part, and ends with one that is not. */
async function throughKills(
  way: Way,
  target: string,
  run: (port: number, survives: boolean) => Promise<void>,
): Promise<void> {
  const source = readFileSync(local)
  const lengths = [0]
  for (let kill = 0; kill <= kills; kill++) {
    const survives = kill === kills
    const most = survives ? Infinity : size / (kills + 1)
    const server = start(
      process.execPath,
      ['--conditions=@hawser/source', '--import', 'tsx', program, hostKey, served, String(most)],
      { keepInputOpen: true },
    )
    const [line] = (await Promise.race([once(server.child.stdout, 'data'), ended(server.done)])) as [unknown]
    await run(Number(String(line)), survives)
    server.child.stdin.end()
    expect(await server.done).toMatchObject(
      survives ? { code: 0, stderr: '' } : { signal: 'SIGKILL', timedOut: false, stderr: '' },
    )
    // A prefix, without holes: else going on would make a broken file.
    const there = readFileSync(target)
    expect(there.equals(source.subarray(0, there.length))).toBe(true)
    lengths.push(there.length)
  }
  expect(fileDigest(target)).toBe(whole)
  // Every run went on where the one before it was.
  expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
  expect(new Set(lengths).size).toBe(kills + 2)
  if (way === 'put') expect(Math.min(...lengths.slice(1))).toBeGreaterThan(size / (kills + 1))
}

async function ended(done: Promise<RunResult>): Promise<never> {
  const { stderr } = await done
  throw new Error(`the server ended: ${stderr}`)
}

/** Where the file of that way goes, as this machine and as the server's clients see it. */
function places(
  name: string,
  way: Way,
): { readonly target: string; readonly local: string; readonly remote: string } {
  if (way === 'get') return { target: join(folder, name), local: join(folder, name), remote: '/source' }
  return { target: join(served, name), local, remote: `/${name}` }
}

describe('our server killed at ten points', () => {
  for (const way of ['get', 'put'] as const)
    test(`of a ${way} of our client`, { timeout: 120_000 }, async () => {
      const at = places(`ours-${way}`, way)
      await throughKills(way, at.target, async (port, survives) => {
        const client = await connect({
          host: '127.0.0.1',
          port,
          user: 'ada',
          auth: [{ method: 'publickey', signer: parsePrivateKey(readFileSync(userKey.path)) }],
          // The server is one that this test has started.
          hostKey: acceptAnyHostKey,
        })
        const link = await client.sftp()
        const o = { resume: true, chunkSize: 65_536, maxBytes: 1_048_576 }
        const running = way === 'get' ? get(link, at.remote, at.local, o) : put(link, at.local, at.remote, o)
        const error = await running.then(
          () => undefined,
          (failure: unknown) => failure,
        )
        if (survives) expect(error).toBeUndefined()
        else {
          expect(error).toBeInstanceOf(SftpError)
          expect(error).toMatchObject({ code: 'ECONNRESET' })
          await link.closed
          expect(link.connection.outstanding).toBe(0)
        }
        await client.close()
      })
    })
})

describePeers(['sftp'], 'our server killed at ten points', () => {
  for (const way of ['get', 'put'] as const)
    test(`of a ${way} of sftp`, { timeout: 120_000 }, async () => {
      const at = places(`sftp-${way}`, way)
      await throughKills(way, at.target, async (port, survives) => {
        const line = way === 'get' ? `reget ${at.remote} ${at.local}` : `reput ${at.local} ${at.remote}`
        // What is to be gone on with must be there.
        if (way === 'put' && !there(at.target)) writeFileSync(at.target, '')
        const { code, signal, timedOut } = await sftp(port, [line])
        expect(timedOut).toBe(false)
        // It ends by itself, or by writing to ssh, which is gone.
        expect(survives ? [0] : [255, 'SIGPIPE']).toContain(code ?? signal)
      })
    })
})

function there(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
