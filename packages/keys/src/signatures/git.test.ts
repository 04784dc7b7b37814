import { concat, utf8Decode, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { parsePrivateKey } from '../parse.ts'
import { files } from '../testing/fixtures.ts'
import { codeOf } from '../testing/kit.ts'
import { gitNamespace, parseGitObject, signGitObject } from './git.ts'
import { verifyMessage } from './sshsig.ts'

const key = parsePrivateKey(files.ed25519)

/** By git 2.39: git commit -S, git tag -s. */
const commit = `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
author me <me@example.com> 1700000000 +0100
committer me <me@example.com> 1700000000 +0100
gpgsig -----BEGIN SSH SIGNATURE-----
 U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg1JGW0zr6KyXU9n1VOVrCtQdVVS
 26/sf3tc3Ikj+OlaUAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5
 AAAAQBaq11QtPoolRMgvmgNLKTEYngI552oDAdL/c5m4dH9QudyuIXFy71DmDUq2cFYD5M
 EPGIEDfZTApUPu37ezww4=
 -----END SSH SIGNATURE-----

first

more
`
const tag = `object ca8e7f4d704a0acaeff71918aa1f3d241a6444b5
type commit
tag v1
tagger me <me@example.com> 1700000000 +0100

a tag
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg1JGW0zr6KyXU9n1VOVrCtQdVVS
26/sf3tc3Ikj+OlaUAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5
AAAAQCwkGoayHwuhgV4DqZh6RXnbTB4pvNBQ68xrm8cdczPklBrN8sHsNtaFkC879gsisX
FVn3L6LpR+vuDJ9DbymgY=
-----END SSH SIGNATURE-----
`
const plainCommit = commit.replace(/gpgsig [^]*?-----END SSH SIGNATURE-----\n/, '')
const plainTag = tag.replace(/-----BEGIN[^]*/, '')

describe.each([
  ['commit', commit, plainCommit],
  ['tag', tag, plainTag],
] as const)('a %s', (kind, signed, plain) => {
  test('of git: what it covers, and that it fits', async () => {
    const found = parseGitObject(utf8Encode(signed))
    if (found === undefined) throw new Error('a signature was expected')
    expect(found.kind).toBe(kind)
    expect(utf8Decode(found.payload)).toBe(plain)
    expect(await verifyMessage(found.payload, found.signature, { namespace: gitNamespace })).toBe(true)
  })

  test('signed by us is, byte for byte, what git makes', async () => {
    expect(utf8Decode(await signGitObject(utf8Encode(plain), key))).toBe(signed)
  })

  test('without a signature has none, with one cannot be signed again', async () => {
    expect(parseGitObject(utf8Encode(plain))).toBeUndefined()
    await expect(signGitObject(utf8Encode(signed), key)).rejects.toThrow(/signature already/)
  })

  test('cut anywhere gives an object without one, or a KeyError', () => {
    for (let length = 0; length < signed.length; length++)
      expect([undefined, 'SSH_KEY_FORMAT']).toContain(
        codeOf(() => parseGitObject(utf8Encode(signed.slice(0, length)))),
      )
  })
})

test('headers that go on, and texts that look like headers, are left alone', async () => {
  const merge = `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
mergetag object ca8e7f4d704a0acaeff71918aa1f3d241a6444b5
 gpgsig -----BEGIN SSH SIGNATURE-----
 is not ours
author me <me@example.com> 1700000000 +0100

gpgsig is only a word
`
  const signed = await signGitObject(utf8Encode(merge), key, { objectFormat: 'sha256' })
  expect(utf8Decode(signed)).toContain('\ngpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n U1NI')
  const found = parseGitObject(signed)
  expect(found && utf8Decode(found.payload)).toBe(merge)
})

test('bytes that are no UTF-8 stay what they are', async () => {
  const latin1 = concat(utf8Encode(plainCommit), Uint8Array.of(0xe9, 0xff, 10))
  const found = parseGitObject(await signGitObject(latin1, key))
  expect(found?.payload).toEqual(latin1)
})

test('refused: two signatures, those of others, what is no object', () => {
  const header = /gpgsig [^]*?-----END SSH SIGNATURE-----\n/.exec(commit)?.[0] ?? ''
  expect(codeOf(() => parseGitObject(utf8Encode(commit.replace('author', `${header}author`))))).toBe(
    'SSH_KEY_FORMAT',
  )
  expect(codeOf(() => parseGitObject(utf8Encode(commit.replaceAll('SSH SIG', 'PGP SIG'))))).toBe(
    'SSH_KEY_FORMAT',
  )
  expect(codeOf(() => parseGitObject(utf8Encode(tag.replaceAll('SSH SIG', 'PGP SIG'))))).toBe(
    'SSH_KEY_FORMAT',
  )
  expect(codeOf(() => parseGitObject(utf8Encode('blob')))).toBe('SSH_KEY_FORMAT')
})
