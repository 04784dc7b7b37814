/** `client.sftp()`: how it starts, what else may answer, and how both ends of it end. */

import { type Client, SftpStartError } from '@hawser/client'
import { findPeer, type Sshd, startSshd } from '@hawser/test-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientOf, publicLine, userKey } from './kit.ts'
import { sftpServer } from './sftp-transfer-kit.ts'

describe.skipIf(findPeer('sshd') === undefined || sftpServer === undefined)('with sshd', () => {
  let sshd: Sshd
  let client: Client

  beforeAll(async () => {
    sshd = await startSshd({ authorizedKeys: [publicLine(userKey.publicKey)] })
    client = await clientOf(sshd)
  })
  afterAll(async () => {
    await client.close()
    await sshd.stop()
  })

  test('by its subsystem, several side by side, each closed by its own', async () => {
    const one = await client.sftp()
    {
      await using two = await client.sftp()
      expect(await two.realpath('/')).toBe('/')
    }
    expect(await one.exists('/')).toBe(true)
    await one.close()
    await expect(one.stat('/')).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('by a command', async () => {
    await using sftp = await client.sftp({ command: `exec ${sftpServer}` })
    expect(await sftp.realpath('/')).toBe('/')
  })

  test('what is under way when it is closed is answered', async () => {
    const sftp = await client.sftp()
    const running = Array.from({ length: 200 }, () => sftp.realpath('/'))
    const closed = sftp.close()
    expect(new Set(await Promise.all(running))).toEqual(new Set(['/']))
    await closed
  })

  test('a program that is not there: exit status 127, and its words', async () => {
    const error = await client.sftp({ command: 'exec no-such-sftp' }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SftpStartError)
    expect(error).toMatchObject({ code: 'SSH_SFTP_NOT_STARTED', exit: { code: 127 } })
    expect((error as SftpStartError).stderr).toContain('no-such-sftp')
    expect((error as SftpStartError).message).toContain('is not there (exit status 127)')
  })

  test('one that ends at once, and one that a signal ends', async () => {
    await expect(client.sftp({ command: 'exit 3' })).rejects.toMatchObject({ exit: { code: 3 }, stderr: '' })
    await expect(client.sftp({ command: 'kill -KILL $$' })).rejects.toMatchObject({
      exit: { signal: 'KILL' },
    })
  })

  test('one that greets is shown', async () => {
    await expect(client.sftp({ command: 'echo Welcome; sleep 5' })).rejects.toMatchObject({
      code: 'SSH_SFTP_NOT_SFTP',
      message: expect.stringContaining('Welcome'),
    })
  })

  test('a subsystem that is refused', async () => {
    await expect(client.sftp({ subsystem: 'no-such' })).rejects.toSatisfy(
      (error) => error instanceof Error && error.name === 'ChannelRequestError',
    )
  })

  test('one that never answers, by its time and by its caller', async () => {
    await expect(client.sftp({ command: 'exec cat >/dev/null', timeoutMs: 200 })).rejects.toMatchObject({
      code: 'SSH_TIMEOUT',
    })
    const controller = new AbortController()
    const opening = client.sftp({ command: 'exec cat >/dev/null', signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toMatchObject({ code: 'SSH_ABORTED' })
    expect(await (await client.exec('echo alive')).text()).toMatchObject({ stdout: 'alive\n' })
  })

  test('a connection that is lost rejects everything once, and says why', async () => {
    const other = await clientOf(sshd)
    const sftp = await other.sftp({ command: `exec ${sftpServer}` })
    const running = [
      sftp.stat('/'),
      sftp.readdir('/usr').toArray(),
      sftp.readFile('/dev/zero'),
      sftp.open('/'),
    ]
    const outcomes = Promise.allSettled(running)
    const listening = sftp.readFile('/dev/zero')
    const lost = expect(listening).rejects.toMatchObject({ code: 'ECONNRESET' })
    await sftp.realpath('/')
    other.session.destroy(new Error('cable cut'))
    await lost
    for (const outcome of await outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ECONNRESET' })
    await sftp.closed
    await expect(sftp.stat('/')).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})
