/** Accepts new hosts into a known_hosts file, one after the other: path, a name of its own, how many. */

import { hostKeyVerifier } from '@hawser/client'
import { knownHostsFile } from '@hawser/client/node'
import { generateKey } from '@hawser/keys'

const [path = '', name = '', count = '0'] = process.argv.slice(2)
const { publicKey: key } = await generateKey('ed25519')
for (let n = 0; n < Number(count); n++) {
  const policy = await knownHostsFile({ path, acceptNew: true })
  const verify = hostKeyVerifier(policy, { host: `${name}${n}.example`, port: 22 })
  await verify({ key, algorithm: key.type, first: true, changed: false })
}
