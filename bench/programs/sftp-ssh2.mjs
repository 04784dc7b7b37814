// One SFTP client run of an ssh2-shaped module: `node sftp-ssh2.mjs '{"module","work",…}'` prints one JSON line of what it did and cost.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pipeline } from 'node:stream/promises'
import { measure, some, zeros } from './sftp-measure.mjs'

const o = JSON.parse(process.argv[2])
const { Client } = createRequire(import.meta.url)(o.module)

const client = new Client()
await new Promise((resolve, reject) => {
  client.on('ready', resolve).on('error', reject)
  client.connect({
    host: '127.0.0.1',
    port: o.port,
    username: o.user,
    privateKey: readFileSync(o.key),
    readyTimeout: 60_000,
    algorithms: { cipher: ['aes128-gcm@openssh.com'] },
  })
})
const call = (method, ...args) =>
  new Promise((resolve, reject) => {
    sftp[method](...args, (error, result) => (error ? reject(error) : resolve(result)))
  })
const sftp = await new Promise((resolve, reject) =>
  client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper))),
)

const works = {
  async readStream() {
    let bytes = 0
    const stream = sftp.createReadStream(o.remote)
    stream.on('data', (chunk) => {
      bytes += chunk.length
    })
    await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject))
    return bytes
  },
  async writeStream() {
    await pipeline(zeros(o.bytes), sftp.createWriteStream(o.remote))
    return o.bytes
  },
  async get() {
    await call('fastGet', o.remote, o.local)
    return o.bytes
  },
  async put() {
    await call('fastPut', o.local, o.remote)
    return o.bytes
  },
  async readdir() {
    return (await call('readdir', o.remote)).length
  },
  async smallUp() {
    await call('mkdir', o.remote)
    const names = readdirSync(o.local)
    return some(names.length, (i) => call('fastPut', `${o.local}/${names[i]}`, `${o.remote}/${names[i]}`))
  },
  async smallDown() {
    mkdirSync(o.local)
    const list = await call('readdir', o.remote)
    const file = (i) => list[i].filename
    return some(list.length, (i) => call('fastGet', `${o.remote}/${file(i)}`, `${o.local}/${file(i)}`))
  },
  async calls() {
    await some(o.count, async (i) => {
      const [path, content] = [`${o.remote}/file-${i}`, `the content of file ${i}\n`]
      await call('writeFile', path, content)
      if ((await call('stat', path)).size !== content.length) throw new Error(`${path} has another size`)
      if ((await call('readFile', path, 'utf8')) !== content) throw new Error(`${path} has another content`)
      await call('unlink', path)
    })
    return 4 * o.count
  },
}

process.stdout.write(`${JSON.stringify(await measure(works[o.work]))}\n`)
client.end()
