/** known_hosts shared with OpenSSH: files that ssh wrote are read, files that we wrote satisfy it, and both follow a host whose keys change. */

import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, type HostKeyRejectedError } from '@hawser/client'
import { type KnownHostsFileOptions, knownHostsFile } from '@hawser/client/node'
import {
  fingerprint,
  formatKnownHost,
  formatPublicKey,
  generateKey,
  type HostKeysChange,
  type PrivateKey,
  parseKnownHosts,
  parsePrivateKey,
} from '@hawser/keys'
import { authorizedKeys } from '@hawser/server'
import { type Listener, listen, spawnProcess } from '@hawser/server/node'
import {
  type KeyFileType,
  removeFolder,
  runSsh,
  type Sshd,
  type SshResult,
  sharedKeyFile,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyOf } from './kit.ts'

const userFile = sharedKeyFile('ed25519', 'user')
const userSigner = parsePrivateKey(readFileSync(userFile.path, 'utf8'))

let folder: string
let count = 0
beforeAll(() => {
  folder = temporaryFolder('known-hosts')
})
afterAll(() => removeFolder(folder))

/** A new file with `text`, of a mode that is not what a new file would have. */
function file(text?: string): string {
  const path = join(folder, `known_hosts_${count++}`)
  if (text !== undefined) {
    writeFileSync(path, text)
    chmodSync(path, 0o640)
  }
  return path
}

function ssh(port: number, path: string, options: readonly string[], user?: string): Promise<SshResult> {
  return runSsh({
    port,
    identities: [userFile.path],
    options: [`UserKnownHostsFile=${path}`, ...options],
    command: 'echo in',
    ...(user === undefined ? {} : { user }),
  })
}

async function login(
  port: number,
  path: string,
  options: KnownHostsFileOptions & { readonly host?: string; readonly user?: string } = {},
): Promise<void> {
  const { host = '127.0.0.1', user = userFileOwner(), ...policy } = options
  const client = await connect({
    host,
    port,
    user,
    auth: [{ method: 'publickey', signer: userSigner }],
    hostKey: await knownHostsFile({ path, ...policy }),
  })
  await client.close()
}

let sshd: Sshd
const userFileOwner = (): string => sshd.user

describePeers(['sshd', 'ssh'], 'known_hosts with OpenSSH', () => {
  const types: readonly KeyFileType[] = ['ed25519', 'ecdsa-256', 'rsa-3072']
  beforeAll(async () => {
    sshd = await startSshd({ hostKeys: types })
  })
  afterAll(() => sshd?.stop())
  const keyFor = (type: KeyFileType) => keyOf(sshd.hostKeys.get(type)?.publicLine ?? '')
  const typesIn = (path: string, host = '127.0.0.1') =>
    parseKnownHosts(readFileSync(path, 'utf8'))
      .keysOf(host, sshd.port)
      .map(({ type }) => type)
      .sort()

  test.each([
    ['plain', 'no'],
    ['hashed', 'yes'],
  ])('a %s file written by ssh is read', async (_, hash) => {
    const path = file()
    const options = ['StrictHostKeyChecking=accept-new', `HashKnownHosts=${hash}`]
    expect(await ssh(sshd.port, path, options)).toMatchObject({ code: 0 })
    expect(readFileSync(path, 'utf8').startsWith('|1|')).toBe(hash === 'yes')
    await login(sshd.port, path)
  })

  test.each([false, true])('one written by us satisfies strict ssh, hashed: %s', async (hashed) => {
    const path = file('# mine\nelsewhere,*.example not-a-key\n')
    await expect(login(sshd.port, path)).rejects.toMatchObject({ reason: 'unknown' })
    await login(sshd.port, path, { acceptNew: true, hashed })
    await login(sshd.port, path, { acceptNew: true, hashed, host: 'localhost' })
    expect(statSync(path).mode & 0o777).toBe(0o640)
    const text = readFileSync(path, 'utf8')
    expect(text.startsWith('# mine\nelsewhere,*.example not-a-key\n')).toBe(true)
    expect(text.includes('localhost')).toBe(!hashed)
    expect(await ssh(sshd.port, path, ['StrictHostKeyChecking=yes'])).toMatchObject({ code: 0 })
    expect(
      await ssh(sshd.port, path, ['StrictHostKeyChecking=yes', 'HostKeyAlias=unheard-of']),
    ).toMatchObject({ code: 255 })
  })

  test('a line of several names, and one of port 22 through an alias, mean the same to both', async () => {
    const line = formatPublicKey(keyFor('ed25519'))
    const path = file(`box,[127.0.0.1]:${sshd.port},[localhost]:${sshd.port} ${line}\n`)
    await login(sshd.port, path)
    await login(sshd.port, path, { host: 'localhost' })
    expect(await ssh(sshd.port, path, ['StrictHostKeyChecking=yes'])).toMatchObject({ code: 0 })
    expect(await ssh(sshd.port, path, ['StrictHostKeyChecking=yes', 'HostKeyAlias=box'])).toMatchObject({
      code: 0,
    })
  })

  test('a changed key: both fingerprints, the file and the line', async () => {
    const other = (await generateKey('ed25519')).publicKey
    const path = file(`# one\n\n${formatKnownHost('127.0.0.1', sshd.port, other)}\n`)
    const error: HostKeyRejectedError = await login(sshd.port, path, { acceptNew: true }).then(
      () => expect.unreachable(),
      (reason) => reason,
    )
    expect(error).toMatchObject({ reason: 'changed', known: [{ file: path, line: 3 }] })
    for (const part of [fingerprint(other), fingerprint(keyFor('ed25519')), `${path} line 3`])
      expect(error.message).toContain(part)
    const theirs = await ssh(sshd.port, path, ['StrictHostKeyChecking=yes'])
    expect(theirs.stderr).toContain(`${path}:3`)
  })

  test('sshd with several HostKeys under our client: new ones are added, old ones go, on its proof', async () => {
    for (const hashed of [false, true]) {
      // Of a type that sshd does not have: it could not begin the connection.
      const old = (await generateKey('ecdsa', { bits: 384 })).publicKey
      const bystander = formatKnownHost('elsewhere', 22, old)
      const first = [old, keyFor('ecdsa-256')].map((key) =>
        formatKnownHost('127.0.0.1', sshd.port, key, { hashed }),
      )
      const path = file(`# mine\n${first.join('\n')}\n`)
      const change = await updated(sshd, path, { hashed })
      expect(change.removed.map((key) => fingerprint(key))).toEqual([fingerprint(old)])
      expect(change.added.map(({ type }) => type).sort()).toEqual(['ssh-ed25519', 'ssh-rsa'])
      expect(typesIn(path)).toEqual(['ecdsa-sha2-nistp256', 'ssh-ed25519', 'ssh-rsa'])
      expect(readFileSync(path, 'utf8').startsWith(`# mine\n${first[1]}\n`)).toBe(true)
      expect(statSync(path).mode & 0o777).toBe(0o640)
      for (const name of ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'])
        expect(
          await ssh(sshd.port, path, ['StrictHostKeyChecking=yes', `HostKeyAlgorithms=${name}`]),
        ).toMatchObject({ code: 0 })
      // Again: nothing to do. And where the old key is somebody else's too, nothing is touched.
      expect(await updated(sshd, path, { hashed })).toMatchObject({ unchanged: 'none' })
      const shared = file(`${first.join('\n')}\n${bystander}\n`)
      expect(await updated(sshd, shared, { hashed })).toMatchObject({ unchanged: 'other-names' })
      expect(readFileSync(shared, 'utf8')).toBe(`${first.join('\n')}\n${bystander}\n`)
    }
  })

  test('no means no: who is asked about the change can leave the file as it is', async () => {
    const text = `${formatKnownHost('127.0.0.1', sshd.port, keyFor('ed25519'))}\n`
    const path = file(text)
    const change = await updated(sshd, path, {}, () => false)
    expect(change.added.length).toBe(2)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})

/** Logs in and waits for what comes of the announcement. */
async function updated(
  at: { readonly port: number },
  path: string,
  options: KnownHostsFileOptions,
  updateHostKeys: KnownHostsFileOptions['updateHostKeys'] = true,
  user = userFileOwner(),
): Promise<HostKeysChange> {
  let heard: (change: HostKeysChange) => void = () => {}
  const change = new Promise<HostKeysChange>((resolve) => {
    heard = resolve
  })
  await using _client = await connect({
    host: '127.0.0.1',
    port: at.port,
    user,
    auth: [{ method: 'publickey', signer: userSigner }],
    hostKey: await knownHostsFile({ path, ...options, updateHostKeys, onHostKeysUpdated: (c) => heard(c) }),
  })
  return await change
}

describePeers(['ssh'], 'our server rotates its keys', () => {
  let keys: readonly PrivateKey[]
  beforeAll(async () => {
    keys = await Promise.all((['ed25519', 'ecdsa', 'rsa'] as const).map((type) => generateKey(type)))
  })

  const serve = (port: number, hostKeys: readonly PrivateKey[]): Promise<Listener> =>
    listen({
      port,
      hostKeys,
      auth: { publickey: authorizedKeys(() => userFile.publicLine) },
      onSession: (session) =>
        session.onExec((request) => void spawnProcess(request.accept(), { shellCommand: request.command })),
    })

  test('ssh and our client follow: from the first key to both, from both to the second and third', async () => {
    const [a, b, c] = keys as [PrivateKey, PrivateKey, PrivateKey]
    let server = await serve(0, [a, b])
    const { port } = server
    const line = `${formatKnownHost('127.0.0.1', port, a.publicKey)}\n`
    const [theirs, ours] = [file(line), file(line)]
    const options = ['StrictHostKeyChecking=yes', 'UpdateHostKeys=yes']
    const prints = (path: string): string[] =>
      parseKnownHosts(readFileSync(path, 'utf8'))
        .keysOf('127.0.0.1', port)
        .map((key) => fingerprint(key))
        .sort()
    const expected = (...list: readonly PrivateKey[]): string[] =>
      list.map(({ publicKey }) => fingerprint(publicKey)).sort()
    try {
      expect(await ssh(port, theirs, options, 'ada')).toMatchObject({ code: 0 })
      expect(await updated(server, ours, {}, true, 'ada')).toMatchObject({ removed: [] })
      for (const path of [theirs, ours]) expect(prints(path)).toEqual(expected(a, b))
      await server.close()
      server = await serve(port, [b, c])
      expect(await ssh(port, theirs, options, 'ada')).toMatchObject({ code: 0 })
      expect((await updated(server, ours, {}, true, 'ada')).removed.map((key) => fingerprint(key))).toEqual(
        expected(a),
      )
      for (const path of [theirs, ours]) expect(prints(path)).toEqual(expected(b, c))
      await server.close()
      server = await serve(port, [a])
      expect(await ssh(port, ours, options, 'ada')).toMatchObject({ code: 255 })
      await expect(login(port, theirs, { user: 'ada' })).rejects.toMatchObject({ reason: 'changed' })
    } finally {
      await server.close()
    }
  })
})

test('many writers in several processes: no line is lost', { timeout: 60_000 }, async () => {
  const path = file('# all of us\n')
  const { fork } = await import('node:child_process')
  const program = fileURLToPath(new URL('programs/known-hosts-writer.ts', import.meta.url))
  const writers = ['a', 'b', 'c'].map((name) =>
    fork(program, [path, name, '15'], {
      execArgv: ['--conditions=@hawser/source', '--import', 'tsx'],
      timeout: 50_000,
    }),
  )
  for (const [code] of await Promise.all(writers.map((writer) => once(writer, 'exit')))) expect(code).toBe(0)
  const text = readFileSync(path, 'utf8')
  expect(text.startsWith('# all of us\n')).toBe(true)
  const names = parseKnownHosts(text).entries.map(({ hosts }) => hosts)
  expect(new Set(names).size).toBe(45)
  expect(names.length).toBe(45)
  expect(statSync(path).mode & 0o777).toBe(0o640)
})
