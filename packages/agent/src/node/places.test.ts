import { describe, expect, test } from 'vitest'
import { parseSocketFile } from './cygwin.ts'
import { pageantPipe } from './pageant.ts'
import { isPipe } from './sockets.ts'

const hash = '0123456789abcdef'.repeat(4)

describe('the pipe of Pageant', () => {
  test.each([
    ['is found among others', ['openssh-ssh-agent', `pageant.Ada.${hash}`], 1],
    ['of another user is not', [`pageant.eve.${hash}`], -1],
    ['has nothing behind its digits', [`pageant.Ada.${hash}0`, `pageant.Ada.${hash}.x`, 'pageant.Ada.'], -1],
    ['matches the user whatever the case', [`pageant.ada.${hash}`], 0],
    ['takes a user with dots as it is', [`pageant.Adax${hash}`, `pageant.Ada.${hash}`], 1],
  ])('%s', (_name, names, at) => {
    expect(pageantPipe(names, 'Ada')).toBe(names[at])
  })
})

describe('the socket file of Cygwin', () => {
  test('tells port and secret', () => {
    expect(parseSocketFile('!<socket >5522 s 00000001-10203040-AABBCCDD-ffffffff\0')).toEqual({
      port: 5522,
      secret: Buffer.from('0100000040302010ddccbbaaffffffff', 'hex'),
    })
  })

  test.each([
    ['nothing', ''],
    ['a link', '!<symlink>\xff\xfe/'],
    ['a datagram socket', '!<socket >5522 d 00000001-10203040-AABBCCDD-FFFFFFFF'],
    ['port 0', '!<socket >0 s 00000001-10203040-AABBCCDD-FFFFFFFF'],
    ['a port that there is not', '!<socket >65536 s 00000001-10203040-AABBCCDD-FFFFFFFF'],
    ['a secret that is too short', '!<socket >5522 s 00000001-10203040-AABBCCDD'],
  ])('%s is none', (_name, text) => {
    expect(parseSocketFile(text)).toBeUndefined()
  })
})

test.each([
  ['\\\\.\\pipe\\openssh-ssh-agent', true],
  ['//./pipe/openssh-ssh-agent', true],
  ['\\\\?\\PIPE\\x', true],
  ['/tmp/ssh-x/agent.1', false],
  ['C:\\cygwin\\tmp\\agent', false],
])('%s: a named pipe? %s', (path, is) => {
  expect(isPipe(path)).toBe(is)
})
