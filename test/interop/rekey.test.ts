/** New keys every mebibyte, asked for by either side or both at once, while data flows both ways: nothing is lost, nothing stalls. */

import { describePeers } from '@hawser/test-kit/vitest'
import { expect, test } from 'vitest'
import { checksumOf, mebibyte, type TransferOptions, transfer } from './transfer.ts'

const ciphers = [
  { cipher: 'aes128-gcm@openssh.com' },
  { cipher: 'chacha20-poly1305@openssh.com' },
  { cipher: 'aes128-ctr', mac: 'hmac-sha2-256-etm@openssh.com' },
] as const

const cases = ciphers.flatMap((algorithms) => [
  { ...algorithms, rekeyBy: 'peer', bytes: 24 * mebibyte } as const,
  { ...algorithms, rekeyBy: 'us', bytes: 16 * mebibyte } as const,
  { ...algorithms, rekeyBy: 'both', bytes: 16 * mebibyte } as const,
])

function suite(role: TransferOptions['role']): void {
  for (const options of cases)
    test(`${options.bytes / mebibyte} MiB each way by ${options.cipher}, new keys by ${options.rekeyBy}`, async () => {
      const result = await transfer({ role, flow: 'both', timeoutMs: 50_000, ...options })
      expect(result.checksums).toEqual([checksumOf(options.bytes)])
      expect(result.cipher).toBe([options.cipher, ...('mac' in options ? [options.mac] : [])].join(' '))
      // Each direction counts for itself, so one exchange serves between one and two mebibytes.
      expect(result.rekeys).toBeGreaterThanOrEqual(options.bytes / mebibyte / 2)
    })
}

describePeers(['sshd'], 'our client against sshd', () => suite('client'))
describePeers(['ssh'], 'ssh against our server', () => suite('server'))
