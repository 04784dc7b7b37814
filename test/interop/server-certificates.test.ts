/** Users' certificates, made by ssh-keygen and presented by ssh, at our server: each constraint accepted and refused. */

import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateKey, parseRevocationList } from '@hawser/keys'
import { type AuthorizedKeysOptions, authorizedKeys, type SessionChannel } from '@hawser/server'
import { listen, spawnProcess } from '@hawser/server/node'
import {
  type KeyFile,
  type KeyFileType,
  makeKeyFile,
  runNow,
  runSsh,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { expect, test } from 'vitest'

const hostKey = await generateKey('ed25519')

function programs(session: SessionChannel): void {
  session.onExec((request) => spawnProcess(request.accept(), { shellCommand: request.command }))
}

describePeers(['ssh'], 'certificates of ssh-keygen at our server', () => {
  const authority = makeKeyFile('ed25519')
  const stranger = makeKeyFile('ed25519')
  const folder = temporaryFolder('certificates')
  let made = 0

  /** A key of its own name each time, with a certificate beside it. */
  function certified(args: readonly string[], o: { by?: KeyFile; type?: KeyFileType } = {}): KeyFile {
    const key = makeKeyFile(o.type ?? 'ed25519')
    runNow('ssh-keygen', [
      '-q',
      '-s',
      (o.by ?? authority).path,
      '-I',
      `id ${made++}`,
      ...args,
      `${key.path}.pub`,
    ])
    return key
  }

  async function login(
    key: KeyFile,
    line = `cert-authority ${authority.publicLine}`,
    options: AuthorizedKeysOptions = {},
  ): Promise<boolean> {
    await using server = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: { publickey: authorizedKeys((user) => (user === 'ada' ? line : undefined), options) },
      onSession: programs,
    })
    const result = await runSsh({
      port: server.port,
      user: 'ada',
      identities: [key.path],
      options: [`CertificateFile=${key.path}-cert.pub`],
      command: 'echo in',
    })
    if (result.text !== 'in\n') expect(result.stderr).toContain('Permission denied')
    return result.text === 'in\n'
  }

  test.each(['ed25519', 'ecdsa-256', 'rsa-3072'] as const)('%s, by the authority', async (type) => {
    expect(await login(certified(['-n', 'ada'], { type }))).toBe(true)
  })

  test('by another authority, or with the authority’s line for keys', async () => {
    expect(await login(certified(['-n', 'ada'], { by: stranger }))).toBe(false)
    expect(await login(certified(['-n', 'ada']), authority.publicLine)).toBe(false)
  })

  test('principals: the user’s, another’s, none, and those of the line', async () => {
    expect(await login(certified(['-n', 'eve,ada']))).toBe(true)
    expect(await login(certified(['-n', 'eve']))).toBe(false)
    expect(await login(certified([]))).toBe(false)
    const line = `cert-authority,principals="ops" ${authority.publicLine}`
    expect(await login(certified(['-n', 'ops']), line)).toBe(true)
    expect(await login(certified(['-n', 'ada']), line)).toBe(false)
  })

  test('validity: now, over, not yet', async () => {
    expect(await login(certified(['-n', 'ada', '-V', '-1d:+1d']))).toBe(true)
    expect(await login(certified(['-n', 'ada', '-V', '-2d:-1d']))).toBe(false)
    expect(await login(certified(['-n', 'ada', '-V', '+1d:+2d']))).toBe(false)
  })

  test('source address: from here, from elsewhere', async () => {
    expect(await login(certified(['-n', 'ada', '-O', 'source-address=127.0.0.0/8,::1/128']))).toBe(true)
    expect(await login(certified(['-n', 'ada', '-O', 'source-address=10.0.0.0/8']))).toBe(false)
  })

  test('a forced command lets in only who honours it', async () => {
    const key = certified(['-n', 'ada', '-O', 'force-command=uptime'])
    expect(await login(key)).toBe(false)
    const forced: unknown[] = []
    const withRestrictions: AuthorizedKeysOptions['withRestrictions'] = ({ restrictions, certificate }) => {
      forced.push(restrictions.command, certificate.keyId)
      return true
    }
    expect(await login(key, undefined, { withRestrictions })).toBe(true)
    expect(forced).toContain('uptime')
    expect(await login(certified(['-n', 'ada', '-O', 'clear']))).toBe(false)
  })

  test('unknown critical options, and certificates for hosts', async () => {
    expect(await login(certified(['-n', 'ada', '-O', 'critical:new@example.net=1']))).toBe(false)
    expect(await login(certified(['-n', 'ada', '-h']))).toBe(false)
  })

  test('revoked: by a list that ssh-keygen made', async () => {
    const key = certified(['-n', 'ada'])
    const copy = join(folder, 'revoked.pub')
    copyFileSync(`${key.path}-cert.pub`, copy)
    runNow('ssh-keygen', ['-q', '-k', '-f', join(folder, 'krl'), '-s', `${authority.path}.pub`, copy])
    const revoked = parseRevocationList(readFileSync(join(folder, 'krl')))
    expect(await login(key)).toBe(true)
    expect(await login(key, undefined, { revoked })).toBe(false)
    expect(await login(certified(['-n', 'ada', '-z', '7']), undefined, { revoked })).toBe(true)
  })
})
