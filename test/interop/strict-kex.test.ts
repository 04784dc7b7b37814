/** Our client against servers without strict key exchange: only ciphers that do not need it, and a word about it (CVE-2023-48795). */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Client, type ConnectOptions, connect } from '@hawser/client'
import { defaults } from '@hawser/crypto'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { Client as CompatClient } from '@hawser/ssh2-compat'
import { findPeer, type Running, sharedKeyFile, start, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { PolicyError } from '@hawser/transport'
import type { TraceEvent } from '@hawser/wire'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const host = sharedKeyFile('ed25519', 'host')
const user = sharedKeyFile('ed25519', 'user')
const chacha = 'chacha20-poly1305@openssh.com'

interface Served {
  readonly port: number
  readonly running: Running
}

/** `ciphers`, and no marker of strict key exchange, are for asyncssh; paramiko as Debian 12 has it knows neither the marker nor ChaCha20. */
async function serve(peer: 'asyncssh' | 'paramiko', ciphers?: readonly string[]): Promise<Served> {
  const authorized = join(temporaryFolder('strict'), 'authorized_keys')
  writeFileSync(authorized, `${user.publicLine}\n`, { mode: 0o600 })
  const spec = {
    host_keys: peer === 'asyncssh' ? [host.path] : [['ed25519', host.path]],
    authorized_keys: authorized,
    ...(ciphers === undefined ? {} : { ciphers, strict: false }),
  }
  const script = fileURLToPath(new URL(`./peers/${peer}_server.py`, import.meta.url))
  const running = start(findPeer(peer)?.path ?? '', [script, JSON.stringify(spec)], {
    keepInputOpen: true,
    env: { PYTHONWARNINGS: 'ignore' },
  })
  const first = await Promise.race([once(running.child.stdout, 'data'), running.done])
  if (!Array.isArray(first)) throw new Error(`${peer} ended: ${first.stderr}`)
  return { port: Number(String(first[0])), running }
}

async function stop({ running }: Served): Promise<void> {
  running.child.stdin.end()
  await running.stop()
}

/** Logs in; gives the connection and what the trace noted of the transport. */
async function login(
  port: number,
  more: Partial<ConnectOptions> = {},
): Promise<{ client: Client; notes: string[] }> {
  const notes: string[] = []
  const client = await connect({
    host: '127.0.0.1',
    port,
    user: 'somebody',
    auth: [{ method: 'publickey', signer: parsePrivateKey(user.privateText) }],
    hostKey: { keys: [parsePublicKey(host.publicLine)] },
    trace: (event: TraceEvent) => {
      if (event.layer === 'transport' && event.type === 'note') notes.push(event.detail)
    },
    ...more,
  })
  return { client, notes }
}

function whileServing(...args: Parameters<typeof serve>): { readonly port: number } {
  const held: { served?: Served } = {}
  beforeAll(async () => {
    held.served = await serve(...args)
  })
  afterAll(async () => {
    if (held.served !== undefined) await stop(held.served)
  })
  return {
    get port() {
      return held.served?.port ?? 0
    },
  }
}

const said = /^the peer has no strict key exchange, the cure for CVE-2023-48795, and should be updated; /

describePeers(['paramiko'], 'paramiko, which has never heard of it', () => {
  const server = whileServing('paramiko')

  test('gets a cipher that does not need it, and the trace says so', async () => {
    const { client, notes } = await login(server.port)
    expect(client.security).toMatchObject({
      strictKex: false,
      cipher: { out: 'aes128-ctr', in: 'aes128-ctr' },
    })
    expect(notes.filter((note) => said.test(note))).toEqual([expect.stringMatching(/does not need it$/)])
    await client.close()
  })

  test('CBC with a MAC of the sealed packet is refused, with one of the clear packet it is not', async () => {
    const cipher = ['aes128-cbc']
    const refused = login(server.port, { algorithms: { cipher, mac: ['hmac-sha2-256-etm@openssh.com'] } })
    await expect(refused).rejects.toThrow(/aes128-cbc with hmac-sha2-256-etm@openssh.com would let/)
    const { client } = await login(server.port, { algorithms: { cipher, mac: ['hmac-sha2-256'] } })
    expect(client.security.cipher.out).toBe('aes128-cbc')
    await client.close()
  })
})

describePeers(['asyncssh'], 'asyncssh that does not offer it', () => {
  describe('with ChaCha20 before everything else', () => {
    const server = whileServing('asyncssh', [chacha, 'aes256-ctr'])

    test('gets what does not need it, because our order decides', async () => {
      expect(defaults.cipher).toContain(chacha)
      const { client, notes } = await login(server.port)
      expect(client.security).toMatchObject({ strictKex: false, cipher: { out: 'aes256-ctr' } })
      expect(notes.filter((note) => said.test(note))).toHaveLength(1)
      await client.close()
    })
  })

  describe('with nothing but ChaCha20', () => {
    const server = whileServing('asyncssh', [chacha])

    test('is refused before anything is said to it, and the error says why and what to do', async () => {
      const refused = login(server.port)
      await expect(refused).rejects.toBeInstanceOf(PolicyError)
      await expect(refused).rejects.toThrow(/CVE-2023-48795.*update the peer.*policy.terrapin 'allow'/)
      await expect(refused).rejects.toMatchObject({ code: 'SSH_POLICY_TERRAPIN', theirs: [chacha] })
    })

    test('is taken by who takes the risk, and the trace says so', async () => {
      const { client, notes } = await login(server.port, { policy: { terrapin: 'allow' } })
      expect(client.security).toMatchObject({ strictKex: false, cipher: { out: chacha, in: chacha } })
      expect(notes.filter((note) => said.test(note))).toEqual([expect.stringMatching(/would need it$/)])
      await client.close()
    })

    test('is taken by @hawser/ssh2-compat as before, with a line for debug', async () => {
      const lines: string[] = []
      const client = new CompatClient()
      client.connect({
        ...{ host: '127.0.0.1', port: server.port, username: 'somebody', privateKey: user.privateText },
        debug: (line) => lines.push(line),
      })
      await once(client, 'ready')
      expect(lines.join('\n')).toContain('would need it')
      const closed = once(client, 'close')
      client.end()
      await closed
    })
  })
})
