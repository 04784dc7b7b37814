// One SFTP client run of @hawser/client and @hawser/sftp: `node sftp-hawser.mjs '{"work",…}'` prints one JSON line of what it did and cost.
import { readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { acceptAnyHostKey, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'
import { get, put, SftpReadStream, SftpWriteStream } from '@hawser/sftp/node'
import { measure, some, zeros } from './sftp-measure.mjs'

const o = JSON.parse(process.argv[2])
const client = await connect({
  host: '127.0.0.1',
  port: o.port,
  user: o.user,
  auth: [{ method: 'publickey', signer: parsePrivateKey(readFileSync(o.key)) }],
  hostKey: acceptAnyHostKey,
  algorithms: { ciphers: ['aes128-gcm@openssh.com'] },
})
const sftp = await client.sftp()
const link = sftp.connection
const remote = new TextEncoder().encode(o.remote)

const works = {
  async readStream() {
    let bytes = 0
    const stream = new SftpReadStream(link, { path: remote })
    stream.on('data', (chunk) => {
      bytes += chunk.length
    })
    await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject))
    return bytes
  },
  async writeStream() {
    await pipeline(zeros(o.bytes), new SftpWriteStream(link, { path: remote }))
    return o.bytes
  },
  async get() {
    return (await get(sftp, o.remote, o.local, { sparse: o.sparse === true })).bytes
  },
  async put() {
    await put(sftp, o.local, o.remote, { sparse: o.sparse === true })
    return o.bytes
  },
  async readdir() {
    let count = 0
    for await (const entry of sftp.readdir(o.remote)) count += entry.name.length > 0 ? 1 : 0
    return count
  },
  async smallUp() {
    return (await put(sftp, o.local, o.remote, { concurrency: 32 })).files
  },
  async smallDown() {
    return (await get(sftp, o.remote, o.local, { concurrency: 32 })).files
  },
  /** Whole files in memory: written, looked at, read and removed. */
  async calls() {
    await some(o.count, async (i) => {
      const [path, content] = [`${o.remote}/file-${i}`, `the content of file ${i}\n`]
      await sftp.writeFile(path, content)
      if ((await sftp.stat(path)).size !== content.length) throw new Error(`${path} has another size`)
      if ((await sftp.readFile(path, { encoding: 'utf8' })) !== content)
        throw new Error(`${path} has another content`)
      await sftp.unlink(path)
    })
    return 4 * o.count
  },
  /** A reader that takes a millisecond for each chunk. */
  async slowRead() {
    let bytes = 0
    for await (const chunk of new SftpReadStream(link, { path: remote })) {
      bytes += chunk.length
      await sleep(1)
    }
    return bytes
  },
  /** A source that gives a chunk each millisecond. */
  async slowWrite() {
    const slowly = async function* () {
      for await (const chunk of zeros(o.bytes)) {
        await sleep(1)
        yield chunk
      }
    }
    await pipeline(slowly, new SftpWriteStream(link, { path: remote }))
    return o.bytes
  },
}

process.stdout.write(`${JSON.stringify(await measure(works[o.work]))}\n`)
await client.close()
