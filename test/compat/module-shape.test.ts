/** The package as programs get it: by require, by import, and through esbuild without warnings. The footer that makes `require()` itself callable is the build's. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@hawser/testing'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
let folder: string

/** Prints what a program sees, and logs in through a pair of its own in memory of one process. */
const sees = `
console.log([Client, Server, utils, HTTPAgent, HTTPSAgent, createAgent, AgentProtocol, BaseAgent].map((x) => typeof x).join())
const { private: key } = utils.generateKeyPairSync('ed25519')
const server = new Server({ hostKeys: [key] }, (c) => {
  c.on('authentication', (ctx) => ctx.accept())
  c.on('session', (accept) => accept().on('exec', (yes) => { const s = yes(); s.write('it runs'); s.exit(0); s.end() }))
})
server.listen(0, '127.0.0.1', () => {
  const client = new Client()
  client.on('ready', () => client.exec('x', (error, stream) => {
    stream.on('data', (data) => console.log(String(data))).on('close', () => { client.end(); server.close() })
  })).connect({ host: '127.0.0.1', port: server.address().port, username: 'u', password: 'p' })
})
`
const names = '{ Client, Server, utils, HTTPAgent, HTTPSAgent, createAgent, AgentProtocol, BaseAgent }'
const programs = {
  'esm.mjs': `import ssh2, ${names} from '@hawser/ssh2-compat'\nif (ssh2 !== Client) throw new Error('another Client')\n${sees}`,
  'cjs.cjs': `const ssh2 = require('@hawser/ssh2-compat')\nconst ${names} = ssh2\nif (ssh2.default !== Client || !(ssh2.default() instanceof Client)) throw new Error('another Client')\n${sees}`,
}
const seen = 'function,function,object,function,function,function,function,function\nit runs\n'

beforeAll(() => {
  mkdirSync(join(root, 'tmp'), { recursive: true })
  folder = mkdtempSync(join(root, 'tmp', 'shape-'))
  for (const [name, code] of Object.entries(programs)) writeFileSync(join(folder, name), code)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** From the sources, so that nothing has to be built first. */
const fromSource = ['--conditions=@hawser/source', '--import', 'tsx']

for (const name of Object.keys(programs)) {
  test(`${name}: every name, and a connection`, async () => {
    const result = await run(process.execPath, [...fromSource, join(folder, name)], { cwd: folder })
    expect(result).toMatchObject({ stderr: '', text: seen, code: 0 })
  })

  test(`${name} through esbuild: no warnings, and the bundle runs`, async () => {
    const outfile = join(folder, `bundle-${name}`)
    const { warnings, errors } = await build({
      entryPoints: [join(folder, name)],
      outfile,
      bundle: true,
      platform: 'node',
      format: name.endsWith('.cjs') ? 'cjs' : 'esm',
      conditions: ['@hawser/source'],
      logLevel: 'silent',
    })
    expect([...warnings, ...errors]).toEqual([])
    const result = await run(process.execPath, [outfile], { cwd: folder })
    expect(result).toMatchObject({ stderr: '', text: seen, code: 0 })
  })
}
