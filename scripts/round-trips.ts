/** Prints the round trips until a publickey login is ready, ours beside npm ssh2 and ssh. `node scripts/run.mjs --source scripts/round-trips.ts` */

import { startSshd } from '@hawser/test-kit'
import { countRoundTrips, roundTripTable } from '../test/interop/round-trips.ts'

await using sshd = await startSshd()
console.log(
  roundTripTable(await countRoundTrips(sshd, ['curve25519-sha256', 'sntrup761x25519-sha512@openssh.com'])),
)
