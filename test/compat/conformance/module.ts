/** Cases about the shape of the module and its constants. */

import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import type { Case } from './kit.ts'

export const moduleCases: readonly Case[] = [
  {
    line: 'C1',
    title: 'Client and Server can be called without new',
    run(ssh2) {
      const Client = ssh2.Client as unknown as () => object
      ok(Client() instanceof ssh2.Client)
    },
  },
  {
    line: 'B2',
    title: 'Client can be subclassed, and ignores its arguments',
    run(ssh2) {
      class Mine extends ssh2.Client {
        readonly own = 1
      }
      const Any = Mine as unknown as new (...args: unknown[]) => Mine
      const mine = new Any('what', 'ever')
      ok(mine instanceof ssh2.Client)
      strictEqual(mine.own, 1)
      strictEqual(typeof mine.connect, 'function')
    },
  },
  {
    line: 'B3',
    title: 'stringToFlags and STATUS_CODE',
    run(ssh2) {
      const { stringToFlags, STATUS_CODE } = ssh2.utils.sftp
      const names = ['r', 'r+', 'w', 'w+', 'xw', 'wx', 'xw+', 'wx+', 'a', 'a+', 'xa', 'ax', 'xa+', 'ax+']
      deepStrictEqual(
        names.map((name) => stringToFlags(name as 'r')),
        [1, 3, 26, 27, 58, 58, 59, 59, 14, 15, 46, 46, 47, 47],
      )
      strictEqual(stringToFlags('q' as 'r'), null)
      strictEqual((STATUS_CODE as unknown as Record<string, number>)['NO_CONNECTION'], 6)
      strictEqual((STATUS_CODE as unknown as Record<string, number>)['CONNECTION_LOST'], 7)
    },
  },
  {
    line: 'C21',
    title: 'SFTP_STATUS_CODE and SFTP_OPEN_MODE on the module are those of utils.sftp',
    run(ssh2) {
      const old = ssh2 as unknown as Record<string, unknown>
      strictEqual(old['SFTP_STATUS_CODE'], ssh2.utils.sftp.STATUS_CODE)
      strictEqual(old['SFTP_OPEN_MODE'], ssh2.utils.sftp.OPEN_MODE)
    },
  },
  {
    line: 'C20',
    title: 'STATUS_CODE also maps numbers to names, which no listing shows',
    run(ssh2) {
      const codes = ssh2.utils.sftp.STATUS_CODE as unknown as Record<string, unknown>
      strictEqual(codes[2], 'NO_SUCH_FILE')
      ok(!Object.keys(codes).includes('2'))
    },
  },
  {
    line: 'C24',
    title: 'the keepalive settings of Server, and IncomingClient',
    run(ssh2) {
      const Server = ssh2.Server as unknown as Record<string, unknown>
      strictEqual(Server['KEEPALIVE_INTERVAL'], 1000)
      strictEqual(Server['KEEPALIVE_CLIENT_INTERVAL'], 15_000)
      strictEqual(Server['KEEPALIVE_CLIENT_COUNT_MAX'], 3)
      strictEqual(typeof Server['IncomingClient'], 'function')
    },
  },
]
