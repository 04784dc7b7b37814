import { expect, test } from 'vitest'
import { AttributeFlag, OpenFlag, SftpStatus, sftpStatusName, sftpVersion } from './constants.ts'

test('the numbers are those of draft-ietf-secsh-filexfer-02', () => {
  expect(sftpVersion).toBe(3)
  expect(Object.values(SftpStatus)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(Object.values(OpenFlag)).toEqual([1, 2, 4, 8, 16, 32])
  expect(Object.values(AttributeFlag)).toEqual([1, 2, 4, 8, 2147483648])
})

test.each([
  [0, 'ok'],
  [2, 'noSuchFile'],
  [8, 'opUnsupported'],
  [31, '31'],
])('status %i is called %s', (status, name) => {
  expect(sftpStatusName(status)).toBe(name)
})
