// One port, a process per core, the same host keys, and limits that hold for all of them together:
//   ssh-keygen -q -t ed25519 -N '' -f host_key
//   node examples/cluster.mjs 2222 host_key ~/.ssh/id_ed25519.pub [processes]
//   ssh -p 2222 ada@127.0.0.1 anything
import cluster from 'node:cluster'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parsePrivateKey } from '@hawser/keys'
import { authorizedKeys, defaultLimits } from '@hawser/server'
import { listen } from '@hawser/server/node'

const [port, hostKey, allowed, processes = availableParallelism()] = process.argv.slice(2)

if (cluster.isPrimary) {
  for (let count = 0; count < processes; count++) cluster.fork()
  cluster.on('exit', (worker) => {
    if (!worker.exitedAfterDisconnect) cluster.fork()
  })
  process.once('SIGTERM', () => cluster.disconnect())
} else {
  // Each process counts for itself, and connections are dealt out evenly: each gets its share.
  const { begin, ratePercent, full } = defaultLimits.startups
  const share = (count) => Math.max(1, Math.ceil(count / processes))
  const server = await listen({
    port: Number(port),
    hostKeys: [parsePrivateKey(await readFile(hostKey))],
    auth: { publickey: authorizedKeys((user) => (user === 'ada' ? readFile(allowed, 'utf8') : undefined)) },
    limits: { startups: { begin: share(begin), ratePercent, full: share(full) } },
    onSession: (session) =>
      void session.onExec((request) => {
        const program = request.accept()
        void program.write(`process ${process.pid} heard ${request.command}\n`).then(() => program.exit(0))
      }),
  })
  console.log(`process ${process.pid} serves port ${server.port}`)
  // Those that are connected are shown out in order.
  cluster.worker.once('disconnect', () => void server.close().then(() => process.exit(0)))
}
