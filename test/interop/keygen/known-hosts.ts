/** known_hosts against `ssh-keygen -F`, `-R` and `-H`. */

import { readFileSync } from 'node:fs'
import { createProvider, defaultProvider } from '@hawser/crypto'
import {
  describeKey,
  findKnownHost,
  fingerprint,
  formatKnownHost,
  formatPublicKey,
  hashKnownHosts,
  removeKnownHost,
} from '@hawser/keys'
import type { Context, Section } from './context.ts'

const names = ['alpha.example', 'beta.example', 'ALPHA.example', '10.1.2.3', '2001:db8::1', 'gamma']
const ports = [22, 22, 2222, 65535]
const publicTypes = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']

export const knownHosts: Section = {
  name: 'known_hosts (-F, -F -l, -R, -H)',
  kinds: ['found', 'not found', 'removed'],
  run(context, count, tally) {
    for (let round = 0; round < count; round++) {
      const text = knownHostsText(context)
      const file = context.file(text, 'known_hosts')
      // ssh looks up names in lower case; ssh-keygen takes them as they are given, and then misses hashed ones.
      const host = context.pick(names).toLowerCase()
      const port = context.pick(ports)
      const name = port === 22 ? host : `[${host}]:${port}`
      const found = findKnownHost(text, host, port)
      const header = ({ entry }: (typeof found)[number]): string => `# Host ${name} found: line ${entry.line}`
      const short = ({ entry: { key } }: (typeof found)[number]): string =>
        `${name} ${describeKey(key).label} ${fingerprint(key)}${key.comment === undefined ? '' : ` ${key.comment}`}`
      const ours: unknown[] = [
        found
          .map((each) => `${header(each)} ${markers[each.entry.marker ?? 'none']}\n${each.text}\n`)
          .join(''),
        found
          .map((each) => `${header(each)} ${markers[each.entry.marker ?? 'none']}\n${short(each)}\n`)
          .join(''),
      ]
      const theirs: unknown[] = [
        context.keygen(['-F', name, '-f', file]).stdout,
        context.keygen(['-l', '-F', name, '-f', file]).stdout,
      ]
      const removed = removeKnownHost(text, host, port)
      const removing = context.keygen(['-R', name, '-f', file])
      tally.note(found.length > 0 ? 'found' : 'not found')
      if (removed.removed.length > 0) tally.note('removed')
      ours.push(removed.text, removed.removed.map((each) => `${header(each)}\n`).join(''))
      theirs.push(readFileSync(file, 'utf8'), headersOf(removing.stdout))
      const hashing = context.file(text, 'known_hosts')
      context.keygen(['-H', '-f', hashing])
      const hashed = readFileSync(hashing, 'utf8')
      // With the salts that ssh-keygen took, everything must be the same; and what it wrote must answer as before.
      ours.push(hashKnownHosts(text, { crypto: withSalts(text, hashed) }).text)
      theirs.push(hashed)
      ours.push(foundLines(findKnownHost(hashed, host, port)))
      const foundHashed = context.keygen(['-F', name, '-f', hashing]).stdout
      theirs.push(linesBelowHeaders(foundHashed))
      tally.compare(`${name}\n${text}`, ours, theirs)
    }
  },
}

const markers = { none: '', 'cert-authority': 'CA', revoked: 'REVOKED' } as const

function headersOf(stdout: string): string {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('# Host '))
    .map((line) => `${line}\n`)
    .join('')
}

function linesBelowHeaders(stdout: string): string[] {
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('# Host '))
}

function foundLines(found: ReturnType<typeof findKnownHost>): string[] {
  return found.map(({ text }) => text)
}

/** A provider whose random bytes are the salts of those lines of `hashed` that were not hashed in `text`. */
function withSalts(text: string, hashed: string): typeof defaultProvider {
  const before = new Set(text.split('\n'))
  const salts = hashed
    .split('\n')
    .filter((line) => line.startsWith('|1|') && !before.has(line))
    .map((line) => Buffer.from(line.split('|')[2] as string, 'base64'))
  return createProvider({
    ...defaultProvider.backend,
    random: () => new Uint8Array(salts.shift() ?? Buffer.alloc(20)),
  })
}

function knownHostsText(context: Context): string {
  const { rng } = context
  const lines: string[] = []
  for (let line = 0; line < rng.between(1, 9); line++) {
    const key = formatPublicKey(context.publicKey(publicTypes))
    const one = (): string => {
      const [host, port] = [context.pick(names), context.pick(ports)]
      return port === 22 ? host : `[${host}]:${port}`
    }
    const many = Array.from({ length: rng.between(1, 3) }, one).join(',')
    const pattern = context.pick(['*.example', '*.example,!beta.example', '10.1.?.*', '*', '[*]:2222'])
    const hashed = formatKnownHost(context.pick(names), context.pick(ports), context.publicKey(publicTypes), {
      hashed: true,
    })
    lines.push(
      context.pick([
        `${many} ${key}`,
        `${many}  ${key}`,
        `\t${many}\t${key}`,
        `${pattern} ${key}`,
        `@cert-authority ${pattern} ${key}`,
        `@revoked ${many} ${key}`,
        hashed,
        hashed,
        '# a comment with alpha.example',
        '',
      ]),
    )
  }
  return lines.map((line) => `${line}\n`).join('')
}
