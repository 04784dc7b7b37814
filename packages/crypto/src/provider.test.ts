import { describe, expect, test } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import {
  defaultNames,
  defaults,
  insecure,
  insecureNames,
  isPostQuantum,
  presets,
  supported,
  supportedNames,
} from './names.ts'
import { createProvider, defaultProvider } from './provider.ts'

const aes = ['aes128-ctr', 'aes192-ctr', 'aes256-ctr']
const gcm = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com']
const chacha = 'chacha20-poly1305@openssh.com'
const hostKeys = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]
const macs = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'umac-128-etm@openssh.com',
  'umac-64-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'umac-128@openssh.com',
  'umac-64@openssh.com',
]
const oldMacs = ['sha1', 'sha1-96', 'md5', 'md5-96'].flatMap((name) => [
  `hmac-${name}-etm@openssh.com`,
  `hmac-${name}`,
])
const oldCiphers = ['aes256-cbc', 'aes192-cbc', 'aes128-cbc', '3des-cbc']

test('what is offered where node:crypto is there', () => {
  const provider = createProvider(node)
  expect(defaultNames(provider)).toEqual({
    kex: provider.agreements.map(({ name }) => name).filter((name) => !name.endsWith('sha1')),
    serverHostKey: hostKeys,
    cipher: [...gcm, ...aes, chacha],
    mac: macs,
    compression: ['none', 'zlib@openssh.com'],
  })
  expect(insecureNames(provider)).toEqual({
    kex: ['diffie-hellman-group-exchange-sha1', 'diffie-hellman-group14-sha1', 'diffie-hellman-group1-sha1'],
    serverHostKey: ['ssh-rsa'],
    cipher: oldCiphers,
    mac: oldMacs,
    compression: ['zlib'],
  })
  expect(supportedNames(provider).mac).toEqual([...macs, ...oldMacs])
  expect(supportedNames(provider).serverHostKey).toEqual([...hostKeys, 'ssh-rsa'])
})

test('without it, ChaCha20 comes first: AES in JavaScript is slow', () => {
  expect(defaultNames(createProvider(noble)).cipher).toEqual([chacha, ...gcm, ...aes])
})

test('in Node the default provider is over node:crypto, and the lists are its', () => {
  expect(defaultProvider.backend).toBe(node)
  expect(defaults).toEqual(defaultNames(createProvider(node)))
  expect(supported).toEqual(supportedNames(createProvider(node)))
  expect(insecure).toEqual(insecureNames(createProvider(node)))
})

test('presets: from what nobody objects to, to everything there is', () => {
  expect(presets.default).toEqual(defaults)
  expect(presets.legacy).toEqual(supported)
  expect(presets.modern).toEqual({
    ...defaults,
    kex: [
      'mlkem768x25519-sha256',
      'sntrup761x25519-sha512',
      'sntrup761x25519-sha512@openssh.com',
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group15-sha512',
      'diffie-hellman-group17-sha512',
      'diffie-hellman-group18-sha512',
    ],
    mac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'umac-128-etm@openssh.com'],
  })
})

test('which key exchanges hold against quantum computers: the first ones', () => {
  expect(supported.kex.filter(isPostQuantum)).toEqual(supported.kex.slice(0, 4))
})

describe.each([
  ['agreements', defaultProvider.agreements],
  ['ciphers', defaultProvider.ciphers],
  ['macs', defaultProvider.macs],
  ['compressions', defaultProvider.compressions],
] as const)('%s', (_category, algorithms) => {
  test('have different names, the insecure last, and cannot be changed', () => {
    const names = algorithms.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names).not.toContain('')
    const standing = algorithms.map((algorithm) => 'insecure' in algorithm && algorithm.insecure === true)
    expect(standing).toEqual([...standing].sort())
    expect(Object.isFrozen(algorithms)).toBe(true)
    for (const algorithm of algorithms) expect(Object.isFrozen(algorithm), algorithm.name).toBe(true)
  })
})

test('ciphers ask for new keys before 2^32 blocks', () => {
  for (const { name, rekeyAfterBytes } of defaultProvider.ciphers)
    expect(rekeyAfterBytes, name).toBe(name === '3des-cbc' ? 2 ** 30 : 2 ** 36)
})

test('the unencrypted cipher cannot be negotiated', () => {
  expect(supported.cipher).not.toContain('none')
})
