// Mirrors a directory of the server: gets what is new or has another size or date, and removes what is not there any more:
//   node examples/sftp-mirror.mjs user@host:port id_ed25519 known_hosts REMOTE LOCAL
import { lstat, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from '@hawser/client'
import { knownHostsFile } from '@hawser/client/node'
import { parsePrivateKey } from '@hawser/keys'
import { get } from '@hawser/sftp/node'

const [where, key, hosts, remote, local] = process.argv.slice(2)
const { username: user, hostname: host, port } = new URL(`ssh://${where}`)

const client = await connect({
  host,
  port: Number(port || 22),
  user,
  auth: [{ method: 'publickey', signer: parsePrivateKey(await readFile(key)) }],
  hostKey: await knownHostsFile({ path: hosts }),
})
const sftp = await client.sftp()

/** Everything below `directory` of the server, by its path there. */
async function list(directory, below = '', found = new Map()) {
  for await (const entry of sftp.readdir(directory)) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    found.set(path, entry.stats)
    if (entry.isDirectory()) await list(entry.path, path, found)
  }
  return found
}

const there = await list(remote)
const here = new Map()
for (const path of await readdir(local, { recursive: true }).catch(() => []))
  here.set(path, await lstat(join(local, path)))

for (const [path, stats] of here)
  if (there.get(path)?.isDirectory() !== stats.isDirectory())
    await rm(join(local, path), { recursive: true, force: true })

const { files, bytes } = await get(sftp, remote, local, {
  preserve: true,
  atomic: true,
  filter({ path, directory }) {
    const [theirs, ours] = [there.get(path), here.get(path)]
    return (
      directory ||
      ours === undefined ||
      ours.size !== theirs?.size ||
      Math.floor(ours.mtimeMs / 1000) !== theirs.mtime?.getTime() / 1000
    )
  },
})
console.log(`${files} of ${there.size} were new or changed: ${bytes} bytes`)
await sftp.close()
await client.close()
