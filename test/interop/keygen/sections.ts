/** All comparisons with ssh-keygen and git, one row each. */

import { listings, revocations } from './certificates.ts'
import type { Section } from './context.ts'
import { fingerprints, pictures, sshfp } from './fingerprints.ts'
import { gitObjects } from './git.ts'
import { knownHosts } from './known-hosts.ts'
import { messages } from './signatures.ts'

export const sections: readonly Section[] = [
  fingerprints,
  pictures,
  sshfp,
  listings,
  revocations,
  messages,
  knownHosts,
  gitObjects,
]
