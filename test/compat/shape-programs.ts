/** Programs that look at the module's shape and log in, to be run as they are or as bundles. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Prints what a program sees, and logs in at a server of its own in the same process; then, with the variable TARGET, at that one. */
const sees = `
console.log([Client, Server, utils, HTTPAgent, HTTPSAgent, createAgent, AgentProtocol, BaseAgent].map((x) => typeof x).join())
const { private: key } = utils.generateKeyPairSync('ed25519')
const server = new Server({ hostKeys: [key] }, (c) => {
  c.on('authentication', (ctx) => ctx.accept())
  c.on('session', (accept) => accept().on('exec', (yes) => { const s = yes(); s.write('it runs\\n'); s.exit(0); s.end() }))
})
const run = (target, done) => {
  const client = new Client()
  client.on('ready', () => client.exec('echo it runs', (error, stream) => {
    stream.on('data', (data) => process.stdout.write(data)).on('close', () => { client.end(); done() })
  })).connect(target)
}
server.listen(0, '127.0.0.1', () => {
  run({ host: '127.0.0.1', port: server.address().port, username: 'u', password: 'p' }, () => {
    server.close()
    if (process.env.TARGET) run(JSON.parse(process.env.TARGET), () => {})
  })
})
`
const names = '{ Client, Server, utils, HTTPAgent, HTTPSAgent, createAgent, AgentProtocol, BaseAgent }'

/** What they print; the last line once more with TARGET. */
export const seen = 'function,function,object,function,function,function,function,function\nit runs\n'

export const formats = ['esm.mjs', 'cjs.cjs'] as const
export type Format = (typeof formats)[number]

/** Writes the program of each format into `folder`; they get `module`, which from a build is the Client that may be called. */
export function writePrograms(folder: string, module: string, built: boolean): void {
  const callable = built ? 'ssh2' : 'ssh2.default'
  const programs: Record<Format, string> = {
    'esm.mjs': `import ssh2, ${names} from '${module}'\nif (ssh2 !== Client) throw new Error('another Client')\n${sees}`,
    'cjs.cjs': `const ssh2 = require('${module}')\nconst ${names} = ssh2\nif (${callable} !== Client || !(${callable}() instanceof Client)) throw new Error('another Client')\n${sees}`,
  }
  for (const format of formats) writeFileSync(join(folder, format), programs[format])
}
