import { createProvider } from '@hawser/crypto'
import { backend } from '@hawser/crypto/noble'
import { base64Encode, concat, Reader, utf8Encode, Writer } from '@hawser/wire'
import { beforeAll, describe, expect, test } from 'vitest'
import { generateKey } from '../generate.ts'
import type { PrivateKey, PublicKey } from '../key.ts'
import { parsePublicKey } from '../parse.ts'
import { createVerifier, securityKeyFacts } from '../verify.ts'
import { webauthnEcdsa } from './webauthn.ts'

const crypto = createProvider(backend)
const data = utf8Encode('a login>>>???')
const application = 'keys.example'

/** The parts of a signature; what is signed follows from them. */
interface Parts {
  readonly flags: number
  readonly origin: string
  readonly client: string
  readonly extensions: Uint8Array
}

const challenge = base64Encode(data).replaceAll('/', '_').replaceAll('+', '-').replace(/=+$/, '')
const good: Parts = {
  flags: 1,
  origin: 'https://keys.example',
  client: `{"type":"webauthn.get","challenge":"${challenge}","origin":"https://keys.example","crossOrigin":false}`,
  extensions: new Uint8Array(0),
}

describe('what browsers sign', () => {
  let inner: PrivateKey
  let key: PublicKey
  beforeAll(async () => {
    inner = await generateKey('ecdsa', { crypto })
    const from = new Reader(inner.publicKey.blob)
    from.string()
    const curve = from.string()
    const blob = new Writer().string('sk-ecdsa-sha2-nistp256@openssh.com').string(curve).string(from.string())
    key = parsePublicKey(blob.string(application).finish().slice())
  })

  async function signature(changes: Partial<Parts> = {}): Promise<Uint8Array> {
    const { flags, origin, client, extensions } = { ...good, ...changes }
    const { hash } = crypto.backend
    const tail = Uint8Array.of(flags, 0, 0, 0, 9)
    const hashes = [hash('sha256', utf8Encode(application)), hash('sha256', utf8Encode(client))] as const
    const from = new Reader(
      await inner.sign('ecdsa-sha2-nistp256', concat(hashes[0], tail, extensions, hashes[1])),
    )
    from.string()
    const to = new Writer().string(webauthnEcdsa).string(from.string()).bytes(tail)
    return to.string(origin).string(client).string(extensions).finish().slice()
  }

  const accepts = async (changes: Partial<Parts> = {}, over = data): Promise<boolean> =>
    createVerifier(crypto)(key, webauthnEcdsa, over, await signature(changes))

  test('a login, with the origin to be looked at', async () => {
    expect(await accepts()).toBe(true)
    expect(securityKeyFacts(await signature())).toEqual({
      userPresent: true,
      userVerified: false,
      counter: 9,
      origin: 'https://keys.example',
    })
    expect(await accepts({ flags: 0x81, extensions: Uint8Array.of(0xa0) })).toBe(true)
  })

  test.each<readonly [string, Partial<Parts>]>([
    ['not touched', { flags: 0 }],
    ['attested data that is not there', { flags: 0x41 }],
    ['extensions that nobody announced', { extensions: Uint8Array.of(0xa0) }],
    ['extensions that are not there', { flags: 0x81 }],
    ['another origin than the JSON has', { origin: 'https://other.example' }],
    ['an origin that breaks out of its text', { origin: 'https://keys.example","x":"' }],
    ['another type', { client: good.client.replace('webauthn.get', 'webauthn.create') }],
    ['another challenge', { client: good.client.replace(challenge, `${challenge}AA`) }],
    ['padding in the challenge', { client: good.client.replace(challenge, `${challenge}=`) }],
    ['fields in another order', { client: `{"origin":"x",${good.client.slice(1)}` }],
    ['a JSON that is cut', { client: good.client.slice(0, 40) }],
  ])('refused: %s', async (_, changes) => {
    expect(await accepts(changes)).toBe(false)
  })

  test('for other data, by the plain name, or with something behind it, it is none', async () => {
    expect(await accepts({}, utf8Encode('another login'))).toBe(false)
    const made = await signature()
    const verify = createVerifier(crypto)
    expect(verify(key, 'sk-ecdsa-sha2-nistp256@openssh.com', data, made)).toBe(false)
    expect(verify(key, webauthnEcdsa, data, concat(made, Uint8Array.of(0)))).toBe(false)
    for (let length = 0; length < made.length; length += 7)
      expect(verify(key, webauthnEcdsa, data, made.subarray(0, length))).toBe(false)
    expect(verify(inner.publicKey, webauthnEcdsa, data, made)).toBe(false)
  })
})
