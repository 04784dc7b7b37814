/** What some peers need, by their identification: one named row each, with its reason. */

/** `gex-4096`: group exchange fails above 4,096 bits. `no-rekey`: a key exchange started by us breaks the connection. */
export type Quirk = 'gex-4096' | 'no-rekey'

const rows: readonly { readonly software: RegExp; readonly quirk: Quirk; readonly reason: string }[] = [
  {
    software: /^Cisco-1\./,
    quirk: 'gex-4096',
    reason: 'IOS answers a request for a larger group by closing the connection',
  },
  {
    software: /^Sun_SSH_1\.0/,
    quirk: 'no-rekey',
    reason: 'takes a second KEXINIT from the peer for a protocol error',
  },
]

/** The quirks of a peer whose identification names this software. */
export function quirksOf(software: string): ReadonlySet<Quirk> {
  return new Set(rows.filter((row) => row.software.test(software)).map((row) => row.quirk))
}
