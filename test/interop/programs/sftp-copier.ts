/** A program that copies one file by SFTP until it is killed: `sftp-copier.ts get|put PORT KEY FROM TO`. Prints a line for each report. */

import { readFileSync } from 'node:fs'
import { acceptAnyHostKey, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'
import { channelPipe } from '@hawser/session'
import { openSftp } from '@hawser/sftp'
import { get, put } from '@hawser/sftp/node'

const [way, port, user, key, from, to] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const signer = parsePrivateKey(new Uint8Array(readFileSync(key)))
const client = await connect({
  host: '127.0.0.1',
  port: Number(port),
  user,
  auth: [{ method: 'publickey', signer }],
  // The server is one that the test has started.
  hostKey: acceptAnyHostKey,
})
const sftp = await openSftp(channelPipe(await client.subsystem('sftp')))
await (way === 'get' ? get : put)(sftp, from, to, {
  resume: true,
  progressIntervalMs: 0,
  onProgress: ({ bytes }) => process.stdout.write(`${bytes}\n`),
})
await client.close()
