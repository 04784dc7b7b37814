/** How often a login waits for the other end, ours beside npm ssh2 and ssh, with and without post-quantum key exchange. */

import { startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { expect, test } from 'vitest'
import { countRoundTrips, roundTripTable } from './round-trips.ts'

describePeers(['sshd', 'ssh'], 'round trips', () => {
  test('a publickey login is ready after three, four with a probe, and sooner than that of ssh2', async () => {
    await using sshd = await startSshd()
    const kex = ['curve25519-sha256', 'sntrup761x25519-sha512@openssh.com']
    const rows = await countRoundTrips(sshd, kex)
    console.log(`round trips until a publickey login is ready\n${roundTripTable(rows)}`)
    const of = (name: string): number[] =>
      rows.filter((row) => row.name === name).map(({ roundTrips }) => roundTrips)
    expect(of('@hawser/client')).toEqual([3, 3])
    expect(of('@hawser/client, probe: true')).toEqual([4, 4])
    expect(of('npm ssh2')[0]).toBeGreaterThan(5)
    for (const theirs of of('ssh')) expect(theirs).toBeGreaterThan(4)
  })
})
