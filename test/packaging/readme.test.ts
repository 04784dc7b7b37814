import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, run, start } from '@hawser/test-kit'
import { expect, test } from 'vitest'
import { root } from '../../scripts/sources.ts'

/** The code blocks of the README, by the file name in their first line. */
function examples(): Map<string, string> {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  const blocks = text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)
  return new Map([...blocks].map(([, name, code]) => [name as string, code as string]))
}

test('the README’s client and server are valid types and do together what their comments say', async () => {
  // Inside the repository, so that the packages are found as a user finds them; the folder is ignored by git.
  mkdirSync(join(root, 'tmp'), { recursive: true })
  const folder = mkdtempSync(join(root, 'tmp', 'readme-'))
  try {
    const port = await freePort()
    for (const [name, code] of examples())
      writeFileSync(join(folder, name.replace(/\.ts$/, '.mts')), code.replace('2222', String(port)))
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.base.json',
        compilerOptions: { types: ['node'], lib: ['ES2023', 'ESNext.Disposable', 'DOM'] },
        include: ['*.mts'],
      }),
    )
    const tsc = join(root, 'node_modules', 'typescript-7', 'bin', 'tsc')
    expect(await run(process.execPath, [tsc, '-p', folder])).toMatchObject({ text: '', code: 0 })

    const program = (name: string): string[] => [
      '--conditions=@hawser/source',
      '--import',
      'tsx',
      join(folder, name),
    ]
    const server = start(process.execPath, program('server.mts'), { cwd: folder })
    await new Promise((resolve, reject) => {
      server.child.stdout.once('data', resolve)
      server.done.then(({ stderr }) => reject(new Error(stderr)), reject)
    })
    const client = await run(process.execPath, program('client.mts'), { cwd: folder })
    await server.stop()
    expect(client).toMatchObject({ stderr: '', code: 0 })
    const promised = /console\.log\(await process\.text\(\)\) \/\/ (.*)$/m.exec(
      examples().get('client.ts') ?? '',
    )?.[1]
    expect(client.text.trim()).toBe(promised)
    expect(readFileSync(join(folder, 'known_hosts'), 'utf8')).toMatch(
      new RegExp(`^\\[127\\.0\\.0\\.1\\]:${port} ssh-ed25519 \\S+\\n$`),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
