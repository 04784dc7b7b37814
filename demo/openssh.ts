/** The demo against OpenSSH: our client with a throw-away sshd, then ssh with our server. */

import { createHash } from 'node:crypto'
import { connect } from '@hawser/client'
import { fingerprint, parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { findProgram, opensshVersion, runSsh, type Sshd, sharedKeyFile, startSshd } from '@hawser/test-kit'
import { bulk, command, startServer } from './server.ts'
import { fact, heading, quoted, rate } from './ui.ts'
import { bulkBytes, tour } from './work.ts'

/** `head`, `sha256sum` and `tee` do on the other side what the embedded server does by itself. */
const realCommands = {
  download: `head -c ${bulkBytes} /dev/urandom | tee /dev/fd/3 3> >(sha256sum | cut -c1-64 >&2)`,
  upload: 'sha256sum',
}

export async function run(): Promise<void> {
  if (findProgram('sshd') === undefined || findProgram('ssh') === undefined)
    throw new Error('--peer openssh needs sshd and ssh: install openssh-server and openssh-client')
  fact('installed', (await opensshVersion()) ?? 'OpenSSH')
  const sshd = await startSshd()
  try {
    await ourClient(sshd)
  } finally {
    await sshd.stop()
  }
  await ourServer()
}

async function ourClient(sshd: Sshd): Promise<void> {
  heading('Hawser client to sshd')
  const hostKey = sshd.hostKeys.get('ed25519')
  const userKey = sshd.userKeys.get('ed25519')
  if (hostKey === undefined || userKey === undefined) throw new Error('sshd has no ed25519 keys')
  const before = performance.now()
  const client = await connect({
    host: sshd.host,
    port: sshd.port,
    user: sshd.user,
    auth: [{ method: 'publickey', signer: parsePrivateKey(userKey.privateText) }],
    hostKey: { fingerprints: [fingerprint(parsePublicKey(hostKey.publicLine))] },
  })
  fact('connected and logged in', `${(performance.now() - before).toFixed(1)} ms`)
  await tour(client, 'uname -sr', {
    download: `bash -c '${realCommands.download}'`,
    upload: realCommands.upload,
  })
  await client.close()
}

async function ourServer(): Promise<void> {
  heading('ssh to the Hawser server')
  const key = sharedKeyFile('ed25519', 'user')
  const { listener } = await startServer(parsePrivateKey(key.privateText))
  const ssh = { port: listener.port, user: 'demo', identities: [key.path] }
  try {
    const hello = await runSsh({ ...ssh, command })
    if (hello.code !== 0) throw new Error(`ssh ended with ${hello.code}: ${hello.stderr}`)
    quoted(hello.stdout.toString())
    fact('ssh runs a command', `exit code ${hello.code}`)
    const before = performance.now()
    const down = await runSsh({ ...ssh, command: bulk.download, rekeyLimit: '100M', timeoutMs: 120_000 })
    if (down.code !== 0) throw new Error(`ssh ended with ${down.code}: ${down.stderr}`)
    const sum = createHash('sha256').update(down.stdout).digest('hex')
    if (!down.stderr.includes(sum)) throw new Error(`the checksums differ: ${sum} here, ${down.stderr} there`)
    fact(
      'ssh downloads, checksums equal',
      `${rate(down.stdout.length, performance.now() - before)}, new keys every 100 MB`,
    )
  } finally {
    await listener.close()
  }
}
