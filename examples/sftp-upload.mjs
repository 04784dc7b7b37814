// Uploads a file or a whole directory and shows how far it is; when it was interrupted, the next run goes on:
//   node examples/sftp-upload.mjs user@host:port id_ed25519 known_hosts LOCAL REMOTE
import { readFile } from 'node:fs/promises'
import { connect } from '@hawser/client'
import { knownHostsFile } from '@hawser/client/node'
import { parsePrivateKey } from '@hawser/keys'
import { put } from '@hawser/sftp/node'
import progress from 'cli-progress'

const [where, key, hosts, local, remote] = process.argv.slice(2)
const { username: user, hostname: host, port } = new URL(`ssh://${where}`)

const client = await connect({
  host,
  port: Number(port || 22),
  user,
  auth: [{ method: 'publickey', signer: parsePrivateKey(await readFile(key)) }],
  hostKey: await knownHostsFile({ path: hosts }),
})
const sftp = await client.sftp()

const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort(new Error('interrupted; run it again to go on')))

const bar = new progress.SingleBar({ format: '{bar} {percentage} %, {files} files, {speed} MiB/s' })
bar.start(1, 0, { files: 0, speed: '0' })
const result = await put(sftp, local, remote, {
  resume: true,
  preserve: true,
  signal: interrupt.signal,
  onProgress({ bytes, total, files, rate }) {
    bar.setTotal(Math.max(total, 1))
    bar.update(bytes, { files, speed: (rate / 1_048_576).toFixed(1) })
  },
}).finally(() => bar.stop())
console.log(`${result.files} files, ${result.bytes} bytes sent`)
await sftp.close()
await client.close()
