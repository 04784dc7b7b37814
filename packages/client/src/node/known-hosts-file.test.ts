import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fingerprint, formatKnownHost, generateKey, type PublicKey } from '@hawser/keys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HostKeyRejectedError, hostKeyVerifier } from '../host-key.ts'
import { knownHostsFile } from './known-hosts-file.ts'

const [mine, other] = (await Promise.all([generateKey('ed25519'), generateKey('ed25519')])).map(
  ({ publicKey }) => publicKey,
) as [PublicKey, PublicKey]
const target = { host: 'Example.net', port: 2222 }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hawser-known-hosts-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function accepts(path: string, key: PublicKey, acceptNew?: true | (() => boolean)): Promise<boolean> {
  const policy = await knownHostsFile({ path, ...(acceptNew === undefined ? {} : { acceptNew }) })
  try {
    return await hostKeyVerifier(policy, target)({ key, algorithm: key.type, first: true, changed: false })
  } catch (error) {
    if (error instanceof HostKeyRejectedError) return false
    throw error
  }
}

describe('a known_hosts file', () => {
  test('one that does not exist knows nobody', async () => {
    expect(await accepts(join(folder, 'absent'), mine)).toBe(false)
  })

  test('new hosts are added when that is wished, in a folder that is made, and known from then on', async () => {
    const path = join(folder, 'new', 'known_hosts')
    expect(await accepts(path, mine, true)).toBe(true)
    expect(await readFile(path, 'utf8')).toMatch(/^\[example\.net\]:2222 ssh-ed25519 \S+\n$/)
    expect(await accepts(path, mine)).toBe(true)
    expect(await accepts(path, other, true)).toBe(false)
  })

  test('a question that is answered with no adds nothing', async () => {
    const path = join(folder, 'unwanted')
    expect(await accepts(path, mine, () => false)).toBe(false)
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a last line without an end stays a line of its own', async () => {
    const path = join(folder, 'unended')
    await writeFile(path, formatKnownHost('elsewhere', 22, other))
    expect(await accepts(path, mine, true)).toBe(true)
    expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(2)
  })

  test('a file that cannot be read is an error, not an empty file', async () => {
    await expect(knownHostsFile({ path: folder })).rejects.toMatchObject({ code: 'EISDIR' })
  })

  test('a changed key is told with the known one', async () => {
    const path = join(folder, 'changed')
    await writeFile(path, `${formatKnownHost(target.host, target.port, mine)}\n`)
    const verify = hostKeyVerifier(await knownHostsFile({ path }), target)
    expect(() => verify({ key: other, algorithm: other.type, first: true, changed: false })).toThrow(
      fingerprint(mine),
    )
  })
})
