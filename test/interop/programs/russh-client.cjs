/** One login and one program by russh, as its argument tells in JSON; its exit code is the program's as far as russh tells: none, so 7 when all went well. */

const { readFileSync } = require('node:fs')
const { KeyPair, SSHClient, SshTransport } = require('russh')

const { port, user, command, key, kex, cipher, hostKeys } = JSON.parse(process.argv[2])

async function main() {
  const client = await SSHClient.connect(
    await SshTransport.newSocket(`127.0.0.1:${port}`),
    async (shown) => hostKeys.includes(shown.base64()),
    { preferred: { kex, ciphers: cipher } },
  )
  const session = await client.authenticateWithKeyPair(
    user,
    await KeyPair.parse(readFileSync(key, 'utf8')),
    null,
  )
  const channel = await session.activateChannel(await session.openSessionChannel())
  channel.data$.subscribe((data) => process.stdout.write(data))
  channel.extendedData$.subscribe(([, data]) => process.stderr.write(data))
  const closed = new Promise((resolve) => channel.closed$.subscribe(resolve))
  await channel.requestExec(command)
  await channel.write(readFileSync(0))
  await channel.eof()
  await closed
  await session.disconnect()
}

main().then(
  () => process.exit(7),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
