import { utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { localPath, partPath, remotePartPath } from './local-path.ts'

const latin1 = Uint8Array.of(0x66, 0xe9)

describe('the local path for a name of the server', () => {
  test('is in its directory, as text or as the bytes that it is', () => {
    expect(localPath('/a', utf8Encode('b'), 'linux')).toBe('/a/b')
    expect(localPath('/a', utf8Encode('ü ...'), 'linux')).toBe('/a/ü ...')
    expect(localPath('/a', utf8Encode('c:\\d'), 'linux')).toBe('/a/c:\\d')
    expect(localPath('/a', latin1, 'linux')).toEqual(Buffer.from([0x2f, 0x61, 0x2f, 0x66, 0xe9]))
    expect(localPath(Buffer.from('/a'), utf8Encode('b'), 'linux')).toEqual(Buffer.from('/a/b'))
  })

  for (const name of ['', '.', '..', '/etc/passwd', 'a/b', '../x', 'a\0b'])
    test(`${JSON.stringify(name)} is refused everywhere`, () => {
      for (const platform of ['linux', 'darwin', 'win32'])
        expect(() => localPath('/a', utf8Encode(name), platform)).toThrow(
          expect.objectContaining({ code: 'SSH_SFTP_BAD_NAME' }),
        )
    })

  for (const name of [
    ...['..\\x', 'a\\b', 'C:', 'c:x', 'file:stream', 'a?', 'a*', 'a|b', 'a"', '<', '>', 'a\u0001'],
    ...['con', 'NUL', 'nul.txt', 'Com1', 'com¹', 'LPT9.log', 'aux ', 'CONIN$', 'x.', 'x ', '. .'],
  ])
    test(`${JSON.stringify(name)} is refused in Windows`, () => {
      expect(() => localPath('d', utf8Encode(name), 'win32')).toThrow(
        expect.objectContaining({ code: 'SSH_SFTP_BAD_NAME' }),
      )
    })

  test('names that only look like devices, and names that are no UTF-8, in Windows', () => {
    for (const name of ['console', 'com', 'com10', 'nulls.txt', 'lpt', 'a.con'])
      expect(localPath('d', utf8Encode(name), 'win32')).toContain(name)
    expect(() => localPath('d', latin1, 'win32')).toThrow('is no UTF-8')
  })
})

test('a part lies beside what it is to become', () => {
  expect(partPath('/a/b')).toBe('/a/.b.hawser-part')
  expect(partPath(Buffer.from('/a/b'))).toEqual(Buffer.from('/a/.b.hawser-part'))
  expect(remotePartPath(utf8Encode('a/b'))).toEqual(utf8Encode('a/.b.hawser-part'))
  expect(remotePartPath(utf8Encode('b'))).toEqual(utf8Encode('.b.hawser-part'))
})
