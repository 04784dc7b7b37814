/** The table of keys, a test for each row: what ssh-keygen, puttygen and OpenSSL write is read by us, and back. */

import { findProgram } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { describe, expect, test } from 'vitest'
import { type KeyTypeName, keyRows } from './key-table.ts'

/** The script prints all sizes. */
const types: readonly KeyTypeName[] = ['ed25519', 'ecdsa-256', 'ecdsa-521', 'rsa-2048', 'dsa-1024']
const openssl = findProgram('openssl') === undefined ? ' [skipped: openssl is not installed]' : ''

for (const group of new Set(keyRows.map((row) => row.group))) {
  const rows = keyRows.filter((row) => row.group === group)
  const body = (): void =>
    test.each(rows.map((row) => [row.name, row] as const))('%s', (_name, row) => {
      expect(types.filter((type) => row.run(type)).length).toBeGreaterThan(0)
    })
  const needs = rows[0]?.needs ?? []
  if (needs.includes('openssl') && openssl !== '') describe.skip(group + openssl, body)
  else
    describePeers(
      needs.filter((name) => name === 'ssh-keygen' || name === 'puttygen'),
      group,
      body,
    )
}
