import { concat, hexDecode, hexEncode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { backend as noble } from '../backend.noble.ts'
import { backend as node } from '../backend.node.ts'
import type { Backend } from '../backend.ts'
import type { PacketKernel } from '../wasm/kernel.ts'
import { chooseKernel } from '../wasm/load.ts'
import { nobleKernel } from '../wasm/noble-kernel.ts'
import { chacha20Poly1305, chacha20Poly1305With } from './chacha20-poly1305.ts'

const hex = (text: string): Uint8Array => hexDecode(text) as Uint8Array

/** draft-ietf-sshm-chacha20-poly1305-04, appendix A: the packet with sequence number 7. */
const example = {
  key: hex(
    '8bbff6855fc102338c373e73aac0c914f076a905b2444a32eecaffeae22becc5' +
      'e9b7a7a5825a8249346ec1c28301cf394543fc7569887d76e168f37562ac0740',
  ),
  clear: hex(
    '00000048065e00000000000000384c6f72656d20697073756d20646f6c6f722073697420616d65742c20' +
      '636f6e7365637465747572206164697069736963696e6720656c69744e43e804dc6c',
  ),
  sealed:
    '2c3ecce4a5bc05895bf07a7ba956b6c68829ac7c83b780b7000ecde745afc705bbc378ce03a280236b87b53bed583966' +
    '2302b164b6286a48cd1e097138e3cb909b8b2b829dd18d2a35ff82d995349e855bf02c298ef775f2d1a7e8b8',
}
const { whole: _, ...wasmInParts } = chooseKernel()

describe.each([
  ['the default, node', node, chacha20Poly1305],
  ['the default, noble', noble, chacha20Poly1305],
  ['wasm in parts, node', node, chacha20Poly1305With(() => wasmInParts)],
  ['wasm in parts, noble', noble, chacha20Poly1305With(() => wasmInParts)],
  ['noble alone', noble, chacha20Poly1305With(() => nobleKernel)],
])('%s', (_name, backend, cipher) => {
  const keys = { key: example.key, iv: new Uint8Array(0), macKey: new Uint8Array(0) }

  test('the example of the draft', () => {
    const out: Uint8Array[] = []
    cipher.sealer(backend, keys).seal(7, example.clear, out)
    const sealed = concat(...out)
    expect(hexEncode(sealed)).toBe(example.sealed)
    const opener = cipher.opener(backend, keys)
    expect(opener.packetLength(7, sealed.subarray(0, 4))).toBe(72)
    expect(hexEncode(opener.open(7, sealed))).toBe(hexEncode(example.clear.subarray(4)))
  })
})

describe('who computes what', () => {
  /** Notes which of the functions were used. */
  function spied(): {
    readonly used: Set<string>
    readonly kernel: PacketKernel
    backend(from: Backend): Backend
  } {
    const used = new Set<string>()
    const noting = <A extends unknown[], R>(name: string, run: (...args: A) => R) => {
      return (...args: A): R => {
        used.add(name)
        return run(...args)
      }
    }
    const { whole, payload, frame, verify, ...rest } = chooseKernel()
    if (whole === undefined) throw new Error('the wasm kernel takes whole packets')
    return {
      used,
      kernel: {
        ...rest,
        payload: noting('wasm payload', payload),
        frame: noting('frame', frame),
        verify: noting('verify', verify),
        whole: { limit: whole.limit, seal: noting('whole', whole.seal), open: noting('whole', whole.open) },
      },
      backend: (from) =>
        from.chacha20 === undefined ? from : { ...from, chacha20: noting('backend payload', from.chacha20) },
    }
  }

  test.each([
    ['a short packet', 'node', 100, ['whole']],
    ['a short packet', 'noble', 100, ['whole']],
    ['the longest short one', 'node', 8192 - 16, ['whole']],
    ['a longer one', 'node', 8192, ['backend payload', 'frame', 'verify']],
    ['a longer one', 'noble', 8192, ['whole']],
    ['a long one', 'noble', 100_000, ['frame', 'verify', 'wasm payload']],
  ])('%s, %s', (_name, name, length, expected) => {
    const from = name === 'node' ? node : noble
    const { used, kernel, backend } = spied()
    const cipher = chacha20Poly1305With(() => kernel)
    const keys = { key: example.key, iv: new Uint8Array(0), macKey: new Uint8Array(0) }
    const out: Uint8Array[] = []
    cipher.sealer(backend(from), keys).seal(0, new Uint8Array(length), out)
    cipher.opener(backend(from), keys).open(0, concat(...out))
    expect([...used].sort()).toEqual(expected)
  })
})
