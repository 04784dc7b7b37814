/**
 * Records the sessions of test/transcripts anew, against the OpenSSH that is installed here.
 * `node scripts/run.mjs --source scripts/record-transcript.ts`; the new files replace the old ones, and belong into the commit.
 */

import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { defaultProvider } from '@hawser/crypto'
import { formatPublicKey, parsePrivateKey } from '@hawser/keys'
import { runSsh, type SshdOptions, type SshOptions, startSshd } from '@hawser/test-kit'
import { Actor, type Part } from '../test/transcripts/actor.ts'
import { readKeys, writeTranscript } from '../test/transcripts/transcript.ts'

const keys = readKeys()
const userKeyFile = fileURLToPath(new URL('../test/transcripts/data/user-key', import.meta.url))

const gcm = {
  kex: ['curve25519-sha256'],
  serverHostKey: ['ssh-ed25519'],
  cipher: ['aes128-gcm@openssh.com'],
  mac: ['hmac-sha2-256'],
  compression: ['none'],
}
const chacha = { ...gcm, cipher: ['chacha20-poly1305@openssh.com'] }
const etm = {
  ...gcm,
  kex: ['ecdh-sha2-nistp256'],
  cipher: ['aes256-ctr'],
  mac: ['hmac-sha2-256-etm@openssh.com'],
}
const everything = {
  kex: ['curve25519-sha256', 'ecdh-sha2-nistp256', 'diffie-hellman-group16-sha512'],
  serverHostKey: ['ssh-ed25519', 'rsa-sha2-512'],
  cipher: ['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr'],
  mac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-256'],
  compression: ['none'],
}
const talk = 'echo one; echo two >&2; exit 3'
const much = 'i=0; while [ $i -lt 60 ]; do echo "line $i of a longer answer"; i=$((i+1)); done'

await recordClient(
  'client-exec',
  'a command over sshd, with the lists of algorithms that both have',
  everything,
  talk,
)
await recordClient('client-exec-chacha', 'a command over sshd by chacha20-poly1305', chacha, talk)
await recordClient(
  'client-exec-etm',
  'a command over sshd by aes256-ctr and an etm MAC, after ecdh',
  etm,
  talk,
)
await recordClient('client-peer-rekeys', 'sshd makes new keys while it sends', gcm, much, {
  rekeyLimit: '1K',
})
await recordClient('client-rekeys', 'we make new keys while sshd sends', chacha, much, {}, 900)
await recordServer(
  'server-exec',
  'ssh runs a command of ours, with the lists of algorithms that both have',
  everything,
)
await recordServer('server-peer-rekeys', 'ssh makes new keys while we send', gcm, { rekeyLimit: '1K' })
await recordServer('server-rekeys', 'we make new keys while ssh reads', etm, {}, 900)

async function recordClient(
  name: string,
  about: string,
  algorithms: Part['algorithms'],
  command: string,
  sshdOptions: SshdOptions = {},
  rekeyAfter?: number,
): Promise<void> {
  await using sshd = await startSshd({
    hostKeys: ['ed25519'],
    authorizedKeys: [formatPublicKey(parsePrivateKey(keys.user).publicKey)],
    ...sshdOptions,
  })
  const socket = connect(sshd.port, '127.0.0.1')
  await once(socket, 'connect')
  const part = { role: 'client', seed: name, algorithms, user: sshd.user, command } as const
  await record(name, about, { ...part, ...(rekeyAfter === undefined ? {} : { rekeyAfter }) }, socket)
}

async function recordServer(
  name: string,
  about: string,
  algorithms: Part['algorithms'],
  sshOptions: Partial<SshOptions> = {},
  rekeyAfter?: number,
): Promise<void> {
  chmodSync(userKeyFile, 0o600)
  const listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const done = runSsh({
    port,
    user: 'recorder',
    identities: [userKeyFile],
    command: 'anything',
    ...sshOptions,
  })
  const [socket] = (await once(listener, 'connection')) as [Socket]
  const rekeys = name.includes('rekeys') ? 2 : 0
  const part = { role: 'server', seed: name, algorithms, output: 1200, rekeys } as const
  await record(name, about, { ...part, ...(rekeyAfter === undefined ? {} : { rekeyAfter }) }, socket)
  const { code, stdout, stderr } = await done
  listener.close()
  if (code !== 3 || stdout.length !== 1200 * (rekeys + 1))
    throw new Error(`${name}: ssh got ${stdout.length} bytes, ${code}: ${stderr}`)
}

/** Plays `part` on `socket` until the other side is done, and writes what happened. */
async function record(name: string, about: string, part: Omit<Part, 'keys'>, socket: Socket): Promise<void> {
  const received: Buffer[] = []
  const sent: Uint8Array[] = []
  socket.setTimeout(20_000, () => socket.destroy(new Error(`${name}: nothing happens any more`)))
  const actor = new Actor({ ...part, keys }, defaultProvider.backend, (bytes) => {
    sent.push(bytes)
    socket.write(bytes)
  })
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    // Nothing that came after our own end belongs to the session.
    for (let at = 0; at < bytes.length && !actor.ended; at++) {
      received.push(bytes.subarray(at, at + 1))
      actor.receive(bytes.subarray(at, at + 1))
    }
    if (actor.ended) break
  }
  socket.destroy()
  // In the middle of a key exchange ssh leaves without closing its channel.
  if (!actor.log.some((line) => /^closed|^disconnect .*by user/.test(line)))
    throw new Error(`${name}: ${actor.log.join('\n')}`)
  const all = Buffer.concat(received)
  writeTranscript(name, {
    about,
    peer: all.subarray(0, all.indexOf('\r')).toString(),
    part,
    received: all.toString('base64'),
    sent: Buffer.concat(sent).toString('base64'),
    events: actor.log,
  })
  const rekeys = actor.log.filter((line) => line.startsWith('keys') && line.includes('"first":false')).length
  console.log(`${name}: ${all.length} bytes received, ${actor.log.length} events, ${rekeys} rekeys`)
}
