/** The complete examples in the READMEs of client and http-agent, run as they stand, but for names and ports, against a real sshd. */

import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect as dial } from 'node:net'
import { join } from 'node:path'
import { type Running, type RunResult, type Sshd, start, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../../scripts/sources.ts'

/** The code block of a README that begins with `// name`. */
function example(unit: string, name: string): string {
  const text = readFileSync(join(root, 'packages', unit, 'README.md'), 'utf8')
  const found = new RegExp(`^\`\`\`ts\\n// ${name}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(text)
  if (found === null) throw new Error(`packages/${unit}/README.md has no example ${name}`)
  return found[1] as string
}

describePeers(['sshd'], 'examples of the READMEs', () => {
  let sshd: Sshd
  let web: Server
  let folder: string

  beforeAll(async () => {
    web = createServer((request, response) => response.end(`you asked for ${request.url}`))
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    sshd = await startSshd()
    // Inside the repository, so that the packages are found as a user finds them; the folder is ignored by git.
    mkdirSync(join(root, 'tmp'), { recursive: true })
    folder = mkdtempSync(join(root, 'tmp', 'examples-'))
    copyFileSync(sshd.userKeys.get('ed25519')?.path ?? '', join(folder, 'id_ed25519'))
    const [type, blob] = sshd.hostKeys.get('ed25519')?.publicLine.split(' ') ?? []
    writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${type} ${blob}\n`)
  })
  afterAll(async () => {
    web?.close()
    await sshd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  function begin(unit: string, name: string): Running {
    const code = example(unit, name)
      .replace("host: 'gate.example.net'", `host: '127.0.0.1', port: ${sshd.port}`)
      .replace("user: 'ada'", `user: '${sshd.user}'`)
      .replace('http://intranet/', `http://127.0.0.1:${(web.address() as AddressInfo).port}/`)
    const file = join(folder, name.replace(/\.ts$/, '.mts'))
    writeFileSync(file, code)
    const flags = ['--conditions=@hawser/source', '--import', 'tsx']
    return start(process.execPath, [...flags, file], { cwd: folder })
  }

  test.each([
    ['http-agent', 'agent.ts'],
    ['http-agent', 'fetch.ts'],
  ])('%s: %s', async (unit, name) => {
    const result: RunResult = await begin(unit, name).done
    expect({ ...result, text: result.text.trim() }).toMatchObject({
      text: 'you asked for /',
      stderr: '',
      code: 0,
    })
  })

  test('client: listen.ts', async () => {
    const running = begin('client', 'listen.ts')
    const [line] = (await once(running.child.stdout, 'data')) as [Buffer]
    const port = Number(/port (\d+)/.exec(line.toString())?.[1])
    const chunks: Buffer[] = []
    for await (const chunk of dial({ host: '127.0.0.1', port })) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString()).toBe('hello 127.0.0.1\n')
    expect(await running.done).toMatchObject({ stderr: '', code: 0 })
  })
})
