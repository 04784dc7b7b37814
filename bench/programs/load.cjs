// How long a module takes to be required in a fresh process: `node load.cjs '{"module"}'` prints one JSON line.
const { module: name } = JSON.parse(process.argv[2])
const cpu = process.cpuUsage()
const start = process.hrtime.bigint()
require(name)
const seconds = Number(process.hrtime.bigint() - start) / 1e9
const { user, system } = process.cpuUsage(cpu)
process.stdout.write(`${JSON.stringify({ amount: 1, seconds, cpu: (user + system) / 1e6 })}\n`)
