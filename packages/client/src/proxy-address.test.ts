import { expect, test } from 'vitest'
import { acceptAnyHostKey } from './host-key.ts'
import { type ConnectOptions, checkConnectOptions } from './options.ts'
import { parseProxy } from './proxy-address.ts'

test('kinds, ports, addresses and logins', () => {
  expect(parseProxy('socks5://gate')).toEqual({
    kind: 'socks5',
    host: 'gate',
    port: 1080,
    shown: 'socks5://gate:1080',
  })
  expect(parseProxy('socks5h://ada:p%40ss%3a%20%C3%BC@[::1]:9')).toEqual({
    kind: 'socks5',
    host: '::1',
    port: 9,
    login: { user: 'ada', password: 'p@ss: ü' },
    shown: 'socks5://[::1]:9',
  })
  expect(parseProxy('http://ada:@gate/')).toMatchObject({
    kind: 'http',
    port: 80,
    login: { user: 'ada', password: '' },
  })
})

test.each([
  ['gate:1080', 'not served'],
  ['', 'is no URL'],
  ['https://gate', 'not served'],
  ['socks4://gate', 'not served'],
  ['socks5://', 'nothing else'],
  ['socks5://gate/x', 'nothing else'],
  ['socks5://gate:0', 'nothing else'],
  ['http://gate?x', 'nothing else'],
  ['socks5://ada:s%ecret@gate', 'hexadecimal'],
  ['socks5://ada@gate', 'password for socks5://gate:1080 has 0 bytes'],
  [`socks5://ada:${'s%C3%BC'.repeat(128)}@gate`, 'has 384 bytes'],
  ['http://a%3Ab:secret@gate', 'colon'],
])('%s is refused, without its password', (text, why) => {
  expect(() => parseProxy(text)).toThrow(why)
  expect(() => parseProxy(text)).not.toThrow('ecret')
})

test('among the options of connect', () => {
  const hop: ConnectOptions = { host: 'h', user: 'ada', auth: [], hostKey: acceptAnyHostKey }
  const proxy = 'socks5://gate'
  expect(checkConnectOptions({ ...hop, proxy }).proxyAddress?.host).toBe('gate')
  expect(checkConnectOptions({ ...hop, jump: [{ ...hop, proxy }] }).jump[0]?.proxyAddress?.host).toBe('gate')
  const dial = (): Promise<never> => Promise.reject(new Error('never'))
  expect(() => checkConnectOptions({ ...hop, proxy, dial })).toThrow('proxy and dial exclude')
  expect(() => checkConnectOptions({ ...hop, proxy, jump: [hop] })).toThrow(
    'give the proxy to the first jump',
  )
  expect(() => checkConnectOptions({ ...hop, jump: [hop, { ...hop, proxy }] })).toThrow('only the first jump')
  expect(() => checkConnectOptions({ ...hop, proxy: 'ftp://x' })).toThrow('connect: proxies of the kind ftp:')
})
