import { describe, expect, test } from 'vitest'
import { clientAlgorithms, resolveAlgorithms } from './algorithms.ts'

const delayed = 'zlib@openssh.com'

describe('compression', () => {
  test.each([
    [undefined, ['none', delayed, 'zlib']],
    [null, ['none', delayed, 'zlib']],
    [true, [delayed, 'zlib', 'none']],
    ['force', [delayed, 'zlib']],
    [false, ['none']],
  ] as const)('a client with compress: %s', (compress, compression) => {
    expect(clientAlgorithms(undefined, compress)).toMatchObject({ compression })
  })

  test('what algorithms say of it wins over compress', () => {
    expect(clientAlgorithms({ compress: ['zlib'] }, false)).toMatchObject({ compression: ['zlib'] })
  })

  test('a client changes its own default list, and an empty list is that one', () => {
    expect(clientAlgorithms({ compress: { remove: 'zlib' } }, undefined)).toMatchObject({
      compression: ['none', delayed],
    })
    expect(clientAlgorithms({ compress: [] }, undefined)).toMatchObject({
      compression: ['none', delayed, 'zlib'],
    })
  })

  test('a server inflates nothing before the login unless it is told to', () => {
    // As documented.
    expect(resolveAlgorithms(undefined)).toEqual({
      kex: [
        'curve25519-sha256',
        'curve25519-sha256@libssh.org',
        'ecdh-sha2-nistp256',
        'ecdh-sha2-nistp384',
        'ecdh-sha2-nistp521',
        'diffie-hellman-group16-sha512',
        'diffie-hellman-group15-sha512',
        'diffie-hellman-group17-sha512',
        'diffie-hellman-group18-sha512',
        'diffie-hellman-group-exchange-sha256',
        'diffie-hellman-group14-sha256',
      ],
      mac: [
        'hmac-sha2-256-etm@openssh.com',
        'hmac-sha2-512-etm@openssh.com',
        'hmac-sha2-256',
        'hmac-sha2-512',
      ],
    })
    expect(resolveAlgorithms({ compress: [] })).toMatchObject({ compression: ['none', delayed] })
    expect(resolveAlgorithms({ compress: { append: 'zlib' } })).toMatchObject({
      compression: ['none', delayed, 'zlib'],
    })
  })
})

describe('lists', () => {
  test('are changed by names and patterns, in the order of the verbs', () => {
    const cipher = { remove: /./, append: ['aes256-ctr', /gcm/g], prepend: 'aes128-ctr' }
    expect(resolveAlgorithms({ cipher })).toMatchObject({
      cipher: ['aes128-ctr', 'aes256-ctr', 'aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'],
    })
  })

  test.each([
    [{ kex: 'none' }, 'Unsupported key exchange algorithm: none (supported are '],
    [{ hmac: { append: 'umac' } }, 'Unsupported HMAC algorithm: umac (supported are '],
  ])('a name that is not supported: %j', (algorithms, message) => {
    expect(() => resolveAlgorithms(algorithms)).toThrow(message)
  })
})
