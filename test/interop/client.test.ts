/** Our client against a real sshd: programs, streams, forwards, rekeys. */

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Client } from '@hawser/client'
import { ChannelOpenError, ChannelRequestError } from '@hawser/connection'
import { fingerprint } from '@hawser/keys'
import { freePort, type Sshd, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  bytes,
  checksumOf,
  clientOf,
  digestOf,
  keyOf,
  optionsFor,
  publicLine,
  textOf,
  userKey,
  writeAll,
} from './kit.ts'

const mebibyte = 1024 * 1024

describePeers(['sshd'], 'client against sshd', () => {
  let sshd: Sshd
  let client: Client

  beforeAll(async () => {
    sshd = await startSshd({ authorizedKeys: [publicLine(userKey.publicKey)] })
    client = await clientOf(sshd)
  })
  afterAll(async () => {
    await client?.close()
    await sshd?.stop()
  })

  test('tells what was negotiated, and with which host key', () => {
    const key = keyOf(sshd.hostKeys.get('ed25519')?.publicLine ?? '')
    expect(client.security).toMatchObject({
      kex: expect.stringMatching(/./),
      hostKeyAlgorithm: 'ssh-ed25519',
      hostKeyFingerprint: fingerprint(key),
    })
    expect(client.session.remoteIdent?.raw).toMatch(/^SSH-2\.0-OpenSSH_/)
  })

  test('exec gives stdout, stderr and the exit code', async () => {
    const process = await client.exec('echo out; echo err >&2; exit 3')
    expect(await process.text()).toEqual({ stdout: 'out\n', stderr: 'err\n', code: 3 })
  })

  test('input reaches the program, and its end too', async () => {
    const process = await client.exec('cat; echo done')
    expect(await process.text('grüße\n')).toEqual({ stdout: 'grüße\ndone\n', stderr: '', code: 0 })
  })

  test('a program that a signal ends tells which', async () => {
    const process = await client.exec('kill -TERM $$')
    expect(await process.text()).toMatchObject({ signal: 'TERM', coreDumped: false })
  })

  test('a command that does not exist ends with 127', async () => {
    const result = await (await client.exec('no-such-command-here')).text()
    expect(result.code).toBe(127)
    expect(result.stderr).toContain('no-such-command-here')
  })

  test('environment variables are set', async () => {
    const process = await client.exec('printf "%s" "$HAWSER_A-$HAWSER_B"', {
      env: { HAWSER_A: 'one', HAWSER_B: 'zwölf' },
    })
    expect((await process.text()).stdout).toBe('one-zwölf')
  })

  test('a terminal has the size and type that were asked for, and hears of a new size', async () => {
    const process = await client.exec('stty -echo; stty size; echo $TERM; read x; stty size', {
      pty: { term: 'vt220', columns: 101, rows: 33 },
    })
    const reader = process.stdout.getReader()
    let seen = ''
    const until = async (what: string): Promise<void> => {
      while (!seen.includes(what)) {
        const { done, value } = await reader.read()
        if (done) break
        seen += Buffer.from(value).toString()
      }
      expect(seen).toContain(what)
    }
    await until('vt220')
    expect(seen).toContain('33 101')
    process.resize({ columns: 90, rows: 44 })
    const writer = process.stdin.getWriter()
    await writer.write(Buffer.from('\n'))
    await until('44 90')
    await writer.close()
    expect(await process.exit).toEqual({ code: 0 })
  })

  test('a shell with a terminal takes commands', async () => {
    const process = await client.shell()
    const output = textOf(process.stdout)
    const writer = process.stdin.getWriter()
    await writer.write(Buffer.from('echo $((6 * 7)); tty; exit 5\n'))
    expect(await output).toMatch(/42\r\n\/dev\/pts\/\d+/)
    expect(await process.exit).toEqual({ code: 5 })
  })

  test('a shell without a terminal', async () => {
    const process = await client.shell({ pty: false })
    expect(await process.text('tty; exit 4\n')).toMatchObject({ stdout: 'not a tty\n', code: 4 })
  })

  test('a subsystem answers in its own protocol', async () => {
    const channel = await client.subsystem('sftp')
    const reader = channel.readable.getReader()
    // SSH_FXP_INIT, version 3
    channel.write(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3))
    const { value } = await reader.read()
    expect([...(value?.subarray(4, 9) ?? [])]).toEqual([2, 0, 0, 0, 3])
    await channel.close()
  })

  test('a subsystem that does not exist is refused with its name', async () => {
    const refused = client.subsystem('nothing-like-it')
    await expect(refused).rejects.toThrow(ChannelRequestError)
    await expect(refused).rejects.toMatchObject({ request: 'subsystem' })
  })

  test('8 MiB go through cat and come back unchanged', async () => {
    const process = await client.exec('cat')
    const [back] = await Promise.all([digestOf(process.stdout), writeAll(process.stdin, bytes(8 * mebibyte))])
    expect(back).toEqual({ hash: checksumOf(8 * mebibyte), length: 8 * mebibyte })
    expect(await process.exit).toEqual({ code: 0 })
  })

  test('8 MiB up: the server counts and hashes the same', async () => {
    const process = await client.exec('sha256sum')
    const [output] = await Promise.all([textOf(process.stdout), writeAll(process.stdin, bytes(8 * mebibyte))])
    expect(output).toBe(`${checksumOf(8 * mebibyte)}  -\n`)
  })

  test('data on stdout and stderr at once, more than a window of each', async () => {
    const process = await client.exec('head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait')
    const [out, err] = await Promise.all([digestOf(process.stdout), digestOf(process.stderr)])
    expect([out.length, err.length]).toEqual([5_000_000, 5_000_000])
  })

  test('a reader that stops holds the sender back, and gets the rest when it goes on', async () => {
    const process = await client.exec(`head -c ${16 * mebibyte} /dev/zero; echo finished >&2`)
    const reader = process.stdout.getReader()
    const first = await reader.read()
    // Meanwhile another channel works: only this one is held back.
    expect((await (await client.exec('echo other')).text()).stdout).toBe('other\n')
    let length = first.value?.length ?? 0
    for (let next = await reader.read(); !next.done; next = await reader.read()) length += next.value.length
    expect(length).toBe(16 * mebibyte)
    expect(await textOf(process.stderr)).toBe('finished\n')
  })

  test('keys are renewed in the middle of a stream, from our side', async () => {
    const process = await client.exec('cat')
    const rekeys = (async () => {
      for (let i = 0; i < 5; i++) await client.rekey()
    })()
    const [back] = await Promise.all([
      digestOf(process.stdout),
      writeAll(process.stdin, bytes(8 * mebibyte)),
      rekeys,
    ])
    expect(back).toEqual({ hash: checksumOf(8 * mebibyte), length: 8 * mebibyte })
  })

  test('twenty programs at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => (await client.exec(`echo ${i}; exit ${i}`)).text()),
    )
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => ({ stdout: `${i}\n`, stderr: '', code: i })))
  })

  test('aborting a program closes its channel and says so; the connection goes on', async () => {
    const given = new AbortController()
    const process = await client.exec('cat', { signal: given.signal })
    given.abort()
    await expect(process.exit).rejects.toMatchObject({ code: 'SSH_ABORTED' })
    await process.channel.closed
    expect((await (await client.exec('echo alive')).text()).stdout).toBe('alive\n')
  })

  test('an abort before the start starts nothing', async () => {
    await expect(client.exec('echo never', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'SSH_ABORTED',
    })
  })

  test('a forward reaches a server behind sshd, both directions end on their own', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const { port } = echo.address() as AddressInfo
    const channel = await client.forwardOut({ host: '127.0.0.1', port })
    const [back] = await Promise.all([
      digestOf(channel.readable),
      writeAll(channel.writable, bytes(3 * mebibyte)),
    ])
    expect(back).toEqual({ hash: checksumOf(3 * mebibyte), length: 3 * mebibyte })
    await channel.close()
    echo.close()
  })

  test('a forward to a port where nobody listens is refused with CONNECT_FAILED', async () => {
    const refused = client.forwardOut({ host: '127.0.0.1', port: await freePort() })
    await expect(refused).rejects.toThrow(ChannelOpenError)
    await expect(refused).rejects.toMatchObject({ reasonName: 'CONNECT_FAILED' })
  })

  test('a connection through a connection', async () => {
    const through = await clientOf(sshd, {
      jump: [optionsFor(sshd)],
    })
    expect((await (await through.exec('echo far')).text()).stdout).toBe('far\n')
    await through.close()
  })

  test('closing ends everything that is open, once', async () => {
    const second = await clientOf(sshd)
    const process = await second.exec('sleep 60')
    await second.close()
    await second.close()
    await second.closed
    await expect(process.exit).rejects.toMatchObject({ code: 'SSH_CLOSED' })
    await expect(second.exec('echo')).rejects.toMatchObject({ code: 'SSH_CLOSED' })
    expect(second.session.error).toBeUndefined()
  })
})

describePeers(['sshd'], 'client against an sshd that is set up otherwise', () => {
  test('RekeyLimit 1M: 16 MiB each way arrive', async () => {
    await using sshd = await startSshd({
      authorizedKeys: [publicLine(userKey.publicKey)],
      rekeyLimit: '1M',
      hostKeys: ['ed25519'],
    })
    let rekeys = 0
    await using client = await clientOf(sshd, { hooks: { keys: (_, first) => void (first || rekeys++) } })
    const process = await client.exec('cat')
    const [back] = await Promise.all([
      digestOf(process.stdout),
      writeAll(process.stdin, bytes(16 * mebibyte)),
    ])
    expect(back).toEqual({ hash: checksumOf(16 * mebibyte), length: 16 * mebibyte })
    expect(rekeys).toBeGreaterThan(8)
  })

  test('our own limit of 1 MiB does the same', async () => {
    await using sshd = await startSshd({
      authorizedKeys: [publicLine(userKey.publicKey)],
      hostKeys: ['ed25519'],
    })
    let rekeys = 0
    await using client = await clientOf(sshd, {
      rekeyLimits: { bytes: mebibyte },
      hooks: { keys: (_, first) => void (first || rekeys++) },
    })
    const process = await client.exec('cat')
    const [back] = await Promise.all([
      digestOf(process.stdout),
      writeAll(process.stdin, bytes(16 * mebibyte)),
    ])
    expect(back).toEqual({ hash: checksumOf(16 * mebibyte), length: 16 * mebibyte })
    expect(rekeys).toBeGreaterThan(8)
  })
})
