/** A real X server (Xvfb) that is reached by TCP on loopback only: it listens on its Unix socket, and a relay of ours in front of it. */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import { removeFolder, runNow, start, temporaryFolder } from '@hawser/test-kit'

export interface XServer {
  /** The port on 127.0.0.1. */
  readonly port: number
  /** As DISPLAY names that port. */
  readonly display: string
  /** The file that holds its cookie, as XAUTHORITY names it. */
  readonly authority: string
  /** How many connections came to the port. */
  connections(): number
  stop(): Promise<void>
}

/** `anybody`: no cookie is asked for. */
export async function startXServer(o: { readonly anybody?: boolean } = {}): Promise<XServer> {
  const folder = temporaryFolder('xvfb')
  const authority = join(folder, 'Xauthority')
  let path = ''
  const relay = createServer((near) => {
    const far = dial(path)
    pipe(near, far)
    pipe(far, near)
    count++
  }).listen(0, '127.0.0.1')
  let count = 0
  await once(relay, 'listening')
  const { port } = relay.address() as AddressInfo
  const display = `127.0.0.1:${port - 6000}`
  const cookie = randomBytes(16).toString('hex')
  runNow('xauth', ['-q', '-f', authority, 'add', display, 'MIT-MAGIC-COOKIE-1', cookie])
  const access = o.anybody === true ? ['-ac'] : ['-auth', authority]
  let said = ''
  const told: (() => void)[] = []
  const screen = ['-screen', '0', '640x480x24', '-nolisten', 'tcp', '-noreset']
  const running = start('Xvfb', ['-displayfd', '1', ...screen, ...access], {
    timeoutMs: 10 * 60_000,
    onStdout: (chunk) => {
      said += Buffer.from(chunk).toString()
      if (said.includes('\n')) for (const tell of told) tell()
    },
  })
  await Promise.race([
    new Promise<void>((resolve) => told.push(resolve)),
    running.done.then(({ stderr }) => Promise.reject(new Error(`Xvfb ended: ${stderr}`))),
  ])
  path = `/tmp/.X11-unix/X${said.trim()}`
  return {
    port,
    display,
    authority,
    connections: () => count,
    stop: async () => {
      relay.close()
      await running.stop()
      removeFolder(folder)
    },
  }
}

function pipe(from: Socket, to: Socket): void {
  from.pipe(to)
  from.on('error', () => to.destroy())
}
