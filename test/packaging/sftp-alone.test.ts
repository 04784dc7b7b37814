/** @hawser/sftp installed alone, as its README says: OpenSSH's sftp-server as a child process, used over its stdio. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, temporaryFolder } from '@hawser/test-kit'
import { beforeAll, describe, expect, test } from 'vitest'
import { build, pack, published, unpack } from '../../scripts/pack.ts'
import { root } from '../../scripts/sources.ts'
import { sftpServer } from '../interop/sftp-transfer-kit.ts'

const readme = readFileSync(join(root, 'packages', 'sftp', 'README.md'), 'utf8')
const program = /^```js\n\/\/ alone\.mjs\n([\s\S]*?)^```$/m.exec(readme)?.[1] as string
const promised = /^It prints\n\n```text\n([\s\S]*?)^```$/m.exec(readme)?.[1] as string
const here = (code: string): string => code.replace('/usr/lib/openssh/sftp-server', sftpServer ?? '')

describe.skipIf(sftpServer === undefined)('with only @hawser/sftp installed', () => {
  const project = temporaryFolder('sftp-alone')

  beforeAll(async () => {
    const wanted = published().filter(({ name }) => name === 'sftp' || name === 'wire')
    await build(wanted)
    await unpack(await pack(wanted, temporaryFolder('sftp-packed')), project)
  }, 300_000)

  test('that, and what it depends on, is all there is', () => {
    expect(readdirSync(join(project, 'node_modules'))).toEqual(['@hawser'])
    expect(readdirSync(join(project, 'node_modules', '@hawser')).sort()).toEqual(['sftp', 'wire'])
  })

  test('the README’s program does what the README says', async () => {
    writeFileSync(join(project, 'alone.mjs'), here(program))
    const result = await run(process.execPath, ['alone.mjs'], { cwd: project })
    expect(result).toMatchObject({ stderr: '', text: promised, code: 0 })
    expect(readdirSync(project).sort()).toEqual(['alone.mjs', 'node_modules'])
  })

  test('and as CommonJS', async () => {
    const required = here(program).replace(
      /^import \{ (\w+) \} from '(\S+)'$/gm,
      "const { $1 } = require('$2')",
    )
    const code = `${required.split('\n\n')[0]}\nasync function main() {\n${required.split('\n').slice(4).join('\n')}}\nmain()\n`
    writeFileSync(join(project, 'alone.cjs'), code)
    const result = await run(process.execPath, ['alone.cjs'], { cwd: project })
    expect(result).toMatchObject({ stderr: '', text: promised, code: 0 })
  })
})
