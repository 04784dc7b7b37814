/** The 0.8 line's SFTPStream: both sides piped into each other, and a client over a subsystem's channel of sshd. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Client, type ClientChannel, type SFTPWrapper } from '@hawser/ssh2-compat'
import { SFTPStream } from '@hawser/ssh2-compat/sftp-stream'
import { startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { expect, test } from 'vitest'

test('client and server piped into each other', async () => {
  const lines: string[] = []
  const server = new SFTPStream({ server: true }, 'SSH-2.0-Other_1.0')
  const client = SFTPStream({ debug: (line) => void lines.push(line) }, 'SSH-2.0-Other_1.0')
  client.pipe(server).pipe(client)
  server.on('OPEN', (id: number) => server.handle(id, Buffer.from('h')))
  server.on('READ', (id: number, _handle: Buffer, offset: number) =>
    offset === 0 ? server.data(id, 'content') : server.status(id, SFTPStream.STATUS_CODE.EOF),
  )
  server.on('CLOSE', (id: number) => server.status(id, SFTPStream.STATUS_CODE.OK))
  expect(() => client.stat('x', () => undefined)).toThrow('wait for the event ready')
  await once(client, 'ready')
  expect(() => (client as unknown as SFTPWrapper).status(0, 0)).toThrow('a method of the other side')
  expect(await new Promise((resolve) => client.readFile('x', 'utf8', (_error, text) => resolve(text)))).toBe(
    'content',
  )
  const unsupported = await new Promise<Error | undefined>((resolve) =>
    client.stat('x', (error) => resolve(error)),
  )
  expect(unsupported).toMatchObject({ code: SFTPStream.STATUS_CODE.OP_UNSUPPORTED })
  expect(lines.some((line) => line.includes('open'))).toBe(true)
  expect([SFTPStream.stringToFlags('w'), SFTPStream.flagsToString(26)]).toEqual([26, 'w'])
  const closed = once(server, 'close')
  client.end()
  await closed
})

test('garbage is an error of the stream', async () => {
  const client = new SFTPStream()
  const failed = once(client, 'error')
  client.write('Welcome!\r\n')
  expect((await failed)[0]).toBeInstanceOf(Error)
})

describePeers(['sshd'], 'a client over the channel of a subsystem', () => {
  test('lists a folder of sshd', async () => {
    await using sshd = await startSshd()
    const conn = new Client()
    const privateKey = readFileSync(sshd.userKeys.get('ed25519')?.path as string)
    conn.connect({ host: sshd.host, port: sshd.port, username: sshd.user, privateKey })
    await once(conn, 'ready')
    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      conn.subsys('sftp', (error, stream) => (error ? reject(error) : resolve(stream))),
    )
    const sftp = new SFTPStream({}, 'SSH-2.0-OpenSSH_9.2')
    channel.pipe(sftp).pipe(channel)
    await once(sftp, 'ready')
    const list = await new Promise<readonly { filename: string }[]>((resolve, reject) =>
      sftp.readdir('/', (error, found) => (error ? reject(error) : resolve(found))),
    )
    expect(list.map(({ filename }) => filename)).toContain('etc')
    const closed = once(conn, 'close')
    conn.end()
    await closed
  })
})
