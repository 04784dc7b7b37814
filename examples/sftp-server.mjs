// An SFTP server for one folder and one key, and for nothing else:
//   ssh-keygen -q -t ed25519 -N '' -f host_key
//   node examples/sftp-server.mjs 2222 FOLDER host_key ~/.ssh/id_ed25519.pub
//   sftp -P 2222 ada@127.0.0.1
import { readFile } from 'node:fs/promises'
import { parsePrivateKey } from '@hawser/keys'
import { authorizedKeys } from '@hawser/server'
import { listen } from '@hawser/server/node'
import { directory } from '@hawser/sftp/node'

const [port, folder, hostKey, allowed] = process.argv.slice(2)
const files = directory(folder)

const server = await listen({
  port: Number(port),
  hostKeys: [parsePrivateKey(await readFile(hostKey))],
  auth: { publickey: authorizedKeys((user) => (user === 'ada' ? readFile(allowed, 'utf8') : undefined)) },
  onSession: (session) => void session.onSftp(files),
})
console.log(`serving ${folder} on port ${server.port}`)
