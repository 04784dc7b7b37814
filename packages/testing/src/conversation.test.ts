import { connect } from '@hawser/client'
import { generateKey } from '@hawser/keys'
import { describe, expect, test } from 'vitest'
import { Conversation, ReplayError, type ReplayPipe, replayPipe } from './conversation.ts'
import { seededCrypto } from './crypto.ts'
import { beginPair, type PairOptions, testPair } from './pair.ts'

const server: NonNullable<PairOptions['server']> = {
  onSession: (session) =>
    void session.onExec((request) => {
      const program = request.accept()
      void program.write(`you said ${request.command}\n`).then(() => program.exit(0))
    }),
}

async function recorded(seed: string, command = 'hello'): Promise<Conversation> {
  await using pair = await testPair({ seed, server })
  await (await pair.client.exec(command)).text()
  await pair.close()
  return pair.conversation()
}

/** The client of a pair with that seed, without its server. */
async function replayed(pipe: ReplayPipe, seed: string, command = 'hello'): Promise<string> {
  const hostKey = await generateKey('ed25519', { crypto: seededCrypto(`${seed} host key`) })
  const client = await connect({
    pipe,
    host: 'server.test',
    user: 'tester',
    auth: [],
    hostKey: { keys: [hostKey.publicKey] },
    crypto: seededCrypto(`${seed} client`),
  })
  const { stdout } = await (await client.exec(command)).text()
  await client.close()
  return stdout
}

describe('a seed', () => {
  test('the same one gives the same bytes, another one others', async () => {
    const first = String(await recorded('one'))
    expect(String(await recorded('one'))).toBe(first)
    expect(String(await recorded('two'))).not.toBe(first)
  })

  test.each(['curve25519-sha256', 'ecdh-sha2-nistp256', 'mlkem768x25519-sha256'])(
    'also for %s',
    async (kex) => {
      const once = async (): Promise<string> => {
        const algorithms = { kex: [kex] }
        const pair = await beginPair({
          seed: 'kex',
          client: { algorithms },
          server: { algorithms },
        })
        await pair.client
        await pair.close()
        return String(pair.conversation())
      }
      expect(await once()).toBe(await once())
    },
  )
})

describe('a recorded conversation', () => {
  test('is the same after a text', async () => {
    const conversation = await recorded('text')
    const text = conversation.toString()
    expect(Conversation.parse(text)).toEqual(conversation)
    expect(Conversation.parse(text.replaceAll('\n', '\r\n'))).toEqual(conversation)
  })

  test.each([
    ['', 'its first line'],
    ['hawser conversation 2\n> AA==\n', 'its first line'],
    ['hawser conversation 1\n> AA==\n? AA==\n', 'line 3'],
    ['hawser conversation 1\n> \n', 'line 2'],
    ['hawser conversation 1\n> A\n', 'line 2'],
  ])('a text that is none is refused: %j', (text, why) => {
    expect(() => Conversation.parse(text)).toThrow(why)
  })

  test('plays the server to the same client', async () => {
    const pipe = replayPipe(Conversation.parse(String(await recorded('play'))))
    expect(await replayed(pipe, 'play')).toBe('you said hello\n')
    expect([pipe.rest, pipe.error]).toEqual([0, undefined])
  })

  test('a client that says something else is told where', async () => {
    const conversation = await recorded('play')
    const pipe = replayPipe(conversation)
    await expect(replayed(pipe, 'play', 'HELLO')).rejects.toMatchObject({ code: 'SSH_CLOSED' })
    expect(pipe.error).toBeInstanceOf(ReplayError)
    expect(pipe.rest).toBeGreaterThan(0)
    const otherSeed = replayPipe(conversation)
    const why: unknown = await replayed(otherSeed, 'other').catch((error: unknown) => error)
    expect(why).toMatchObject({ cause: otherSeed.error })
    // The identifications are alike, and the heads of packets; the cookie of KEXINIT is the first random thing (RFC 4253 §7.1).
    const cookie = 'SSH-2.0-Hawser_0.1.0\r\n'.length + 6
    expect(otherSeed.error?.offset).toBe(cookie)
  })

  test('a client that says too much is told, too', async () => {
    const { entries } = await recorded('play')
    const pipe = replayPipe(new Conversation(entries.slice(0, 3)))
    await expect(replayed(pipe, 'play')).rejects.toThrow()
    expect(pipe.error?.message).toContain('after all that was recorded')
  })
})
