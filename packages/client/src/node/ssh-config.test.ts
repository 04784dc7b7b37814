import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveConfig } from './ssh-config.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hawser-ssh-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('files that include each other have an end', async () => {
  const [one, other] = [join(folder, 'one'), join(folder, 'other')]
  await writeFile(one, `Include ${other}\nPort 2222\n`)
  await writeFile(other, `User ada\nInclude ${one}\n`)
  await expect(resolveConfig('host', { files: [one] })).rejects.toThrow(/too many nested Includes/)
  await writeFile(other, 'User ada\n')
  const { values } = await resolveConfig('host', { files: [one] })
  expect([values.get('user'), values.get('port')]).toEqual([['ada'], ['2222']])
})
