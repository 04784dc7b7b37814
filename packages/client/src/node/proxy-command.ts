/** A program's standard input and output as the byte pipe of a connection: ProxyCommand of ssh_config. */

import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { ConnectionError } from '@hawser/session'
import { fromNodeSocket } from '@hawser/session/node'
import type { Dial } from '../options.ts'

/** Dials by running `command` with the shell; its standard error goes where this process's goes. It ends with the connection. */
export function proxyCommand(command: string): Dial {
  return ({ signal }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const child = spawn(process.env['SHELL'] ?? '/bin/sh', ['-c', `exec ${command}`], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      child.once('error', (cause) =>
        reject(
          new ConnectionError(
            'SSH_CONNECT_FAILED',
            'connect',
            `the proxy command cannot be run: ${cause.message}; check ProxyCommand and the variable SHELL`,
            { cause },
          ),
        ),
      )
      child.once('spawn', () => {
        const stream = Duplex.from({ readable: child.stdout, writable: child.stdin })
        stream.once('close', () => child.kill())
        if (signal.aborted) {
          stream.on('error', () => undefined) // given up: whatever else goes wrong with it concerns nobody
          stream.destroy()
          return reject(signal.reason)
        }
        resolve(fromNodeSocket(stream))
      })
    })
}
