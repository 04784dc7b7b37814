// What a fresh process takes to require a module, and with `login` to log in with it: `node load.cjs '{"module"}'` prints one JSON line.
const { readFileSync } = require('node:fs')

const o = JSON.parse(process.argv[2])
const cpu = process.cpuUsage()
const start = process.hrtime.bigint()
const { Client } = require(o.module)

function report() {
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const { user, system } = process.cpuUsage(cpu)
  process.stdout.write(`${JSON.stringify({ amount: 1, seconds, cpu: (user + system) / 1e6 })}\n`)
}

if (o.login) {
  const client = new Client()
  client.on('ready', () => {
    report()
    client.end()
  })
  client.connect({ host: '127.0.0.1', port: o.port, username: o.user, privateKey: readFileSync(o.key) })
} else report()
