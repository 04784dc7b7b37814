import { hexEncode, latin1Encode } from '@hawser/wire'
import { expect, test } from 'vitest'
import { openFile, sealFile } from './chacha20-poly1305.ts'

test('the first key stream blocks of the zero key are those of RFC 8439 appendix A.1', () => {
  const { ciphertext } = sealFile(new Uint8Array(64), new Uint8Array(64))
  expect(hexEncode(ciphertext)).toBe(
    // Test vector #2: counter 1.
    '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
  )
})

test('tags of any length of message open, and no changed byte does', () => {
  const key = Uint8Array.from({ length: 64 }, (_, i) => i * 7)
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 200]) {
    const plain = latin1Encode('x'.repeat(length))
    const { ciphertext, tag } = sealFile(key, plain)
    expect(openFile(key, ciphertext, tag)).toEqual(plain)
    for (let at = 0; at < 16; at++) {
      const bad = tag.slice()
      ;(bad[at] as number) ^= 0x80
      expect(openFile(key, ciphertext, bad)).toBeUndefined()
    }
    for (let at = 0; at < length; at++) {
      const bad = ciphertext.slice()
      ;(bad[at] as number) ^= 1
      expect(openFile(key, bad, tag)).toBeUndefined()
    }
  }
})
