/** What the fuzzer of keys starts from: files of ssh-keygen, puttygen and OpenSSL, and forms of them. */

import {
  formatPrivateKey,
  formatPublicKey,
  parsePrivateKey,
  parsePublicKey,
  writeAgentKey,
} from '@hawser/keys'
import { base64Decode, concat, utf8Encode, Writer } from '@hawser/wire'
import { files, lines } from '../../packages/keys/src/testing/fixtures.ts'

const certificate =
  'ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIMKTI7jWYPNo8uIUiCx9L8woSwjgDJYgwT84G3OsU2dJAAAAIFYtU9qeTANPqRr+VvHTi8rkGIG+itsWcNEsX8HJtELLAAAAAAAAAAcAAAABAAAAA2lkMQAAAAoAAAABYQAAAAFiAAAAAGsDRvAAAAAAawNVYQAAAD8AAAANZm9yY2UtY29tbWFuZAAAAAYAAAACbHMAAAAOc291cmNlLWFkZHJlc3MAAAAOAAAACjEwLjAuMC4wLzgAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIJlu+6bM7L1ZmmNuXOZGcBSTuLEcgzpmDi+/OXxHFTZFAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEDjgmwpGk0dB1BZD57HbJhIqF54J50qefc25SU8oYYU07tE6NDeMKY/d++U24eJM01fZpFZ3MowC7xZboFEx0kP root@vm'

/** Serials, a range, a bitmap, an id, a key, a digest. */
const revocations =
  'U1NIS1JMCgAAAAABAAAAAAAAAAMAAAAAawNHUQAAAAAAAAAAAAAAAAAAAAABAAAAbAAAADMAAAALc3NoLWVkMjU1MTkAAAAgmW77pszsvVmaY25c5kZwFJO4sRyDOmYOL785fEcVNkUAAAAAIgAAAA8AAAAAAAAABQAAAAMA/+EgAAAACAAAAAAAAABkIwAAAAsAAAAHc29tZW9uZQIAAAA3AAAAMwAAAAtzc2gtZWQyNTUxOQAAACCZbvumzOy9WZpjblzmRnAUk7ixHIM6Zg4vvzl8RxU2RQUAAAAkAAAAIF2aJBOXP4f9rOpnocNKo4V8TdnxfpOsYBwQd9gOs5yI'

const messageSignature = `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgVi1T2p5MA0+pGv5W8dOLyuQYgb
6K2xZw0Sxfwcm0QssAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx
OQAAAEBKNedQ7mKbx4475l9ArAA5VC3JuxTMxNlUzHcpXL7GukZr49e3GE1ur1Tyo2D6P7
KKxso6EU483t0Rhj7AgrAK
-----END SSH SIGNATURE-----
`

const git = `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
author A U Thor <a@example.com> 1700000000 +0000
committer A U Thor <a@example.com> 1700000000 +0000
gpgsig ${messageSignature.trim().replaceAll('\n', '\n ')}

a message
`

const policy = { passphrase: 'open sesame', minRsaBits: 1024, insecure: true } as const
const bytesOf = (base64: string): Uint8Array => base64Decode(base64) as Uint8Array
const plain = ['ed25519', 'p256', 'rsa1024', 'rsa', 'dsa'] as const
const keys = plain.map((name) => parsePrivateKey(files[name], policy))
const small = keys.filter(({ publicKey }) => publicKey.type !== 'ssh-dss')

const line = Object.values(lines)
const privateFiles = Object.values(files).filter((text) => !text.includes('BEGIN PUBLIC'))
const ppk = keys.flatMap((key) => [
  formatPrivateKey(key, { format: 'ppk' }),
  formatPrivateKey(key, { format: 'ppk', version: 2, passphrase: 'open sesame' }),
])
const pem = keys
  .slice(1)
  .flatMap((key) => [
    formatPrivateKey(key, { format: 'pem' }),
    formatPrivateKey(key, { format: 'pem', passphrase: 'open sesame' }),
    formatPrivateKey(key, { format: 'pkcs8' }),
  ])
const jwk = small.map((key) => formatPrivateKey(key, { format: 'jwk' }))
const publicFiles = keys.flatMap(({ publicKey }) => [
  formatPublicKey(publicKey, {
    format: 'rfc4716',
    comment: 'a comment that is so long that it needs a second line in the file',
  }),
  formatPublicKey(publicKey, { format: 'pem' }),
])
const signatures = await Promise.all(
  small.map(async (key) => Uint8Array.from(await key.sign(key.algorithms[0] as string, utf8Encode('x')))),
)
const knownHosts = `# some
host.example,10.0.0.1 ${lines.ed25519}
|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ${lines.p256}
@cert-authority *.example.com,!bad.example.com ${lines.rsa1024}
@revoked [host.example]:2222 ${lines.ed25519}
`
const authorizedKeys = `command="echo \\"hi\\"",no-pty,from="10.0.0.0/8,!10.1.0.0/16",expiry-time="20300101" ${lines.ed25519}
restrict,permitopen="host:22",environment="A=b" ${lines.p256}
cert-authority,principals="a,b" ${lines.rsa1024}
`
const allowedSigners = `me@example.com,*@example.org namespaces="git,file",valid-after="20240101",valid-before="20300101Z" ${lines.ed25519}
ca@example.com cert-authority ${lines.p256}
`

export const seeds = {
  line,
  byParser: {
    private: [...privateFiles, ...ppk, ...pem, ...jwk],
    public: [...line, ...publicFiles, ...privateFiles, ...jwk],
    blob: line.map((text) => parsePublicKey(text.includes('-cert-') ? lines.ed25519 : text).blob),
    jwk,
    agentKey: small.map((key) => {
      const to = new Writer(2048)
      writeAgentKey(to, key)
      return to.finish().slice()
    }),
    signature: [
      ...signatures,
      new Writer()
        .string('sk-ssh-ed25519@openssh.com')
        .string(new Uint8Array(64))
        .byte(1)
        .uint32(7)
        .finish()
        .slice(),
    ],
    certificate: [certificate, lines.certificate],
    certificateBlob: [bytesOf(certificate.split(' ')[1] as string)],
    revocations: [bytesOf(revocations)],
    messageSignature: [messageSignature, bytesOf(messageSignature.split('\n').slice(1, -2).join(''))],
    git: [
      git,
      concat(
        utf8Encode('object 1\ntype commit\ntag v1\ntagger A <a> 1 +0000\n\nm\n'),
        utf8Encode(messageSignature),
      ),
    ],
    knownHosts: [knownHosts],
    knownHostsEdit: [knownHosts],
    authorizedKeys: [authorizedKeys],
    allowedSigners: [allowedSigners],
    sshfp: [
      'host.example. 3600 IN SSHFP 4 2 a7a74ce378ddf6e5972722250e6b787aa11c6bfa69b25f51d2114ba51d20f0ca\n',
    ],
    sshfpData: [concat(Uint8Array.of(4, 2), new Uint8Array(32))],
  },
} as const
