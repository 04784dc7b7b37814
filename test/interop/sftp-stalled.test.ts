/** SFTP between our client and our server when one side stops: what is read or written of 64 MiB stays at what is under way. */

import { readFileSync } from 'node:fs'
import { acceptAnyHostKey, type Client, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'
import { SftpReadStream } from '@hawser/sftp/node'
import type { SftpHandlers } from '@hawser/sftp/server'
import { sharedKeyFile } from '@hawser/test-kit'
import { expect, test } from 'vitest'

const size = 64 * 1024 * 1024
/** The window of a channel, what a server answers ahead of it, and what a reader asks for ahead, are 2 MiB each at the start. */
const underWay = 8 * 1024 * 1024
const piece = 256 * 1024

async function served(handlers: SftpHandlers<string>, use: (client: Client) => Promise<void>): Promise<void> {
  const server = await listen({
    port: 0,
    hostKeys: [parsePrivateKey(readFileSync(sharedKeyFile('ed25519', 'host').path))],
    auth: { none: () => true },
    onSession: (session) => session.onSftp(handlers),
  })
  const client = await connect({
    host: '127.0.0.1',
    port: server.port,
    user: 'reader',
    auth: [{ method: 'none' }],
    hostKey: acceptAnyHostKey,
  })
  try {
    await use(client)
  } finally {
    client.session.destroy()
    await server.close()
  }
}

/** Whatever can move has moved once a few rounds were answered behind it. */
async function settled(client: Client): Promise<void> {
  for (let round = 0; round < 50; round++) await client.ping()
}

test.each(['web', 'Node'] as const)(
  'a file that nobody reads on is not read to its end: %s stream',
  async (kind) => {
    let read = 0
    const handlers: SftpHandlers<string> = {
      open: (path) => path.text,
      fstat: () => ({ permissions: 0o100644, size: BigInt(size) }),
      read(_file, offset, length) {
        if (offset >= BigInt(size)) return undefined
        const bytes = new Uint8Array(Math.min(length, size - Number(offset)))
        read += bytes.length
        return bytes
      },
    }
    await served(handlers, async (client) => {
      const sftp = await client.sftp()
      if (kind === 'web') {
        const file = await sftp.open('/file')
        const reader = file.readable().getReader()
        expect((await reader.read()).value?.length).toBeGreaterThan(0)
        await settled(client)
      } else {
        const stream = new SftpReadStream(sftp.connection, { path: new TextEncoder().encode('/file') })
        await new Promise((resolve) => stream.once('readable', resolve))
        await settled(client)
      }
      expect(read).toBeGreaterThan(0)
      expect(read).toBeLessThan(underWay)
    })
  },
)

test('a server that answers no write is not written to without end', async () => {
  let taken = 0
  let written = 0
  const handlers: SftpHandlers<string> = {
    open: (path) => path.text,
    write(_file, _offset, data) {
      taken += data.length
      return new Promise<void>(() => undefined)
    },
  }
  await served(handlers, async (client) => {
    const writer = (await (await client.sftp()).open('/file', 'w')).writable().getWriter()
    const lost = writer.closed.catch((error: Error) => error)
    const more = async (): Promise<void> => {
      while (written < size) {
        await writer.ready
        written += piece
        writer.write(new Uint8Array(piece)).catch(() => undefined) // `lost` has the error
      }
    }
    const stopped = more().catch((error: Error) => error)
    await settled(client)
    expect(taken).toBeGreaterThan(0)
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(underWay)
    client.session.destroy()
    expect(await lost).toBeInstanceOf(Error)
    expect(await stopped).toBeInstanceOf(Error)
  })
})
