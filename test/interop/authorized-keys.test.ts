/** Lines of authorized_keys at a real sshd: it lets in whom we would let in, and nobody else. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  authorizeKey,
  type CertificateRequest,
  certificateSigner,
  formatPublicKey,
  generateKey,
  issueCertificate,
  type LoginVerdict,
  type PrivateKey,
  parseAuthorizedKeys,
} from '@hawser/keys'
import { removeFolder, type Sshd, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf } from './kit.ts'

describePeers(['sshd'], 'authorized_keys', () => {
  let folder: string
  let path: string
  let sshd: Sshd
  let key: PrivateKey
  let authority: PrivateKey

  beforeAll(async () => {
    folder = temporaryFolder('authorized')
    path = join(folder, 'authorized_keys')
    key = await generateKey('ed25519')
    authority = await generateKey('ecdsa')
    sshd = await startSshd({ hostKeys: ['ed25519'], extra: [`AuthorizedKeysFile ${path}`, 'UseDNS no'] })
  })
  afterAll(async () => {
    await sshd?.stop()
    removeFolder(folder)
  })

  /** KEY and CA stand for the two public lines, USER for the login name. */
  const cases: readonly (readonly [line: string, certificate?: Partial<CertificateRequest>])[] = [
    ['KEY'],
    ['CA'],
    ['no-pty,restrict KEY'],
    ['from="127.0.0.1" KEY'],
    ['from="127.0.0.0/8,!10.0.0.0/8" KEY'],
    ['from="127.*" KEY'],
    ['from="10.0.0.0/8" KEY'],
    ['from="*,!127.0.0.1" KEY'],
    ['from="!10.0.0.1" KEY'],
    ['from="127.0.0.1/8" KEY'],
    ['expiry-time="20200101" KEY'],
    ['expiry-time="20990101120000Z" KEY'],
    ['expiry-time="soon" KEY'],
    ['cert-authority KEY'],
    ['principals="USER" KEY'],
    ['whatever KEY'],
    ['whatever="x" KEY'],
    ['command="true",command="true" KEY'],
    ['environment="A=1",permitopen="a:1",permitlisten="8080",tunnel="0" KEY'],
    ['environment="A-B=1" KEY'],
    ['permitopen="1" KEY'],
    ['tunnel="x" KEY'],
    ['expiry-time="20200101" KEY\nKEY'],
    ['cert-authority CA', {}],
    ['CA', {}],
    ['KEY', {}],
    ['cert-authority CA', { principals: ['somebody-else'] }],
    ['cert-authority,principals="x,y" CA', { principals: ['y'] }],
    ['cert-authority,principals="x,y" CA', {}],
    ['cert-authority CA', { kind: 'host' }],
    ['cert-authority CA', { validBefore: new Date('2020-01-01') }],
    ['cert-authority CA', { validAfter: new Date('2099-01-01') }],
    ['cert-authority CA', { sourceAddress: ['127.0.0.0/8'] }],
    ['cert-authority CA', { sourceAddress: ['10.0.0.0/8'] }],
    ['cert-authority CA', { criticalOptions: [{ name: 'x@example.com' }] }],
    ['cert-authority,from="10.0.0.1" CA', {}],
    ['cert-authority,command="true" CA', { forceCommand: 'true' }],
    ['cert-authority,command="true" CA', { forceCommand: 'false' }],
  ]

  test.each(cases.map(([line, request]) => ({ line, request })))(
    '$line $request',
    async ({ line, request }) => {
      const { ours, theirs } = await ask(line, request)
      expect(ours.allowed, ours.allowed ? 'allowed' : ours.message).toBe(theirs)
    },
  )

  test('a certificate without principals, which sshd of OpenSSH 9.2 takes for every user, is for nobody', async () => {
    const { ours } = await ask('cert-authority CA', { principals: [] })
    expect(ours).toMatchObject({ allowed: false, message: expect.stringContaining('for nobody') })
  })

  /** What we say and what sshd does. */
  async function ask(
    line: string,
    request: Partial<CertificateRequest> | undefined,
  ): Promise<{ ours: LoginVerdict; theirs: boolean }> {
    const text = line
      .replaceAll('KEY', formatPublicKey(key.publicKey))
      .replaceAll('CA', formatPublicKey(authority.publicKey))
      .replaceAll('USER', sshd.user)
    writeFileSync(path, `${text}\n`)
    const signer =
      request === undefined
        ? key
        : certificateSigner(
            key,
            await issueCertificate(
              { kind: 'user', key: key.publicKey, keyId: 'test', principals: [sshd.user], ...request },
              authority,
            ),
          )
    const ours = authorizeKey(parseAuthorizedKeys(text), {
      key: signer.publicKey,
      user: sshd.user,
      now: new Date(),
      address: '127.0.0.1',
      host: '127.0.0.1',
    })
    return { ours, theirs: await letsIn(signer) }
  }

  async function letsIn(signer: PrivateKey | ReturnType<typeof certificateSigner>): Promise<boolean> {
    try {
      const client = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
      await client.close()
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
      return false
    }
  }
})
