/**
 * Moves a gibibyte each way, as client against sshd and as server from ssh, with new keys every mebibyte, and compares checksums.
 * `node scripts/run.mjs --source scripts/big-transfer.ts [MiB]`; exit code 0 when all are equal.
 */

import { whyMissing } from '@hawser/test-kit'
import { checksumOf, type Flow, mebibyte, type TransferOptions, transfer } from '../test/interop/transfer.ts'

const size = Number(process.argv[2] ?? 1024)
// What sshd sends is a file of 64 MiB, over and over.
if (!Number.isInteger(size) || size < 64 || size > 65_536 || size % 64 !== 0)
  throw new RangeError('the size is in MiB: a multiple of 64, from 64 to 65536')
const bytes = size * mebibyte
const ways: readonly [title: string, needs: 'sshd' | 'ssh', role: TransferOptions['role'], flow: Flow][] = [
  ['our client to sshd', 'sshd', 'client', 'up'],
  ['sshd to our client', 'sshd', 'client', 'down'],
  ['ssh to our server', 'ssh', 'server', 'up'],
  ['our server to ssh', 'ssh', 'server', 'down'],
]

console.log(`${size} MiB each, RekeyLimit 1M on OpenSSH's side`)
for (const [title, needs, role, flow] of ways) {
  const missing = whyMissing(needs)
  if (missing !== undefined) {
    console.log(`${title.padEnd(20)} not tried: ${missing}`)
    continue
  }
  const cpu = process.cpuUsage()
  const result = await transfer({
    role,
    flow,
    bytes,
    cipher: 'aes128-gcm@openssh.com',
    rekeyBy: 'peer',
    timeoutMs: 30_000 + size * 1000,
  })
  const { user, system } = process.cpuUsage(cpu)
  const equal = result.checksums[0] === right(role, flow)
  const speed = (size / (result.ms / 1000)).toFixed(0)
  console.log(
    `${title.padEnd(20)} ${equal ? 'checksums equal' : 'CHECKSUMS DIFFER'}  ${speed.padStart(5)} MiB/s  ` +
      `${String(result.rekeys).padStart(5)} rekeys  ${((user + system) / 1e6).toFixed(1)} s of our CPU`,
  )
  if (!equal) process.exitCode = 1
}

function right(role: TransferOptions['role'], flow: Flow): string {
  return role === 'client' && flow === 'down' ? checksumOf(64 * mebibyte, size / 64) : checksumOf(bytes)
}
