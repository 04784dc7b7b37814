/** Cases about channels: exit and close, data both ways, terminals and signals. */

import { deepStrictEqual, match, ok, strictEqual, throws } from 'node:assert'
import { once } from 'node:events'
import type { ServerChannel } from 'ssh2'
import { type Case, exec, execEvents, next, readyPair, serving, text } from './kit.ts'

export const channelCases: readonly Case[] = [
  {
    line: 'B30 code',
    title: 'exit before close, both with the code alone',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            stream.exit(7)
            stream.end('done')
          }),
        ),
      })
      const seen = await execEvents(client, ['exit', 'close'])
      deepStrictEqual(seen, [
        ['exit', 7],
        ['close', 7],
      ])
    },
  },
  {
    line: 'B30 signal',
    title: 'a signal: null, its name with SIG, core dumped, description',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            ;(stream as unknown as { exit(...args: unknown[]): void }).exit('KILL', true, 'why')
            stream.end()
          }),
        ),
      })
      const seen = await execEvents(client, ['exit', 'close'])
      deepStrictEqual(
        seen.map((args) => args.slice(0, 5)),
        [
          ['exit', null, 'SIGKILL', true, 'why'],
          ['close', null, 'SIGKILL', true, 'why'],
        ],
      )
    },
  },
  {
    line: 'C30',
    title: 'a signal: always five arguments',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            stream.exit('TERM' as never)
            stream.end()
          }),
        ),
      })
      deepStrictEqual(await execEvents(client, ['exit']), [['exit', null, 'SIGTERM', false, '', '']])
    },
  },
  {
    line: 'B30 none',
    title: 'no exit: close gets undefined, and waits until the data is read',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (accept) => accept().end('data'))),
      })
      const seen = await execEvents(client, ['exit', 'end', 'close'])
      deepStrictEqual(seen, [['end'], ['close', undefined]])
    },
  },
  {
    line: '1.9 stderr',
    title: 'standard error is a stream of its own',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            stream.stderr.write('wrong')
            stream.write('right')
            stream.exit(0)
            stream.end()
          }),
        ),
      })
      const stream = await exec(client, 'x')
      deepStrictEqual(await Promise.all([text(stream), text(stream.stderr)]), ['right', 'wrong'])
    },
  },
  {
    line: '1.9 half open',
    title: 'end() sends EOF only: the answer to all of the input still comes',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            let input = ''
            stream.on('data', (piece: Buffer) => (input += piece))
            stream.on('end', () => {
              stream.write(input.toUpperCase())
              stream.exit(0)
              stream.end()
            })
          }),
        ),
      })
      const stream = await exec(client, 'x')
      stream.end('question')
      strictEqual(await text(stream), 'QUESTION')
    },
  },
  {
    line: 'B35',
    title: 'a server may write 10 MiB, exit and end without waiting: all of it arrives',
    async run(ssh2, world) {
      const piece = Buffer.alloc(1024 * 1024, 'x')
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            for (let i = 0; i < 10; i++) stream.write(piece)
            stream.exit(0)
            stream.end()
          }),
        ),
      })
      const stream = await exec(client, 'x')
      let bytes = 0
      for await (const chunk of stream) bytes += (chunk as Buffer).length
      strictEqual(bytes, 10 * piece.length)
    },
  },
  {
    line: '1.9 back-pressure',
    title: 'a reader that stops stops the writer',
    async run(ssh2, world) {
      let sent: ServerChannel | undefined
      let written = 0
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept, _reject, info) => {
            const stream = accept()
            if (info.command !== 'fill') {
              stream.end()
              return
            }
            sent = stream
            const fill = (): void => {
              do written += 65_536
              while (stream.write(Buffer.alloc(65_536)))
              stream.once('drain', fill)
            }
            fill()
          }),
        ),
      })
      await exec(client, 'fill')
      // Nobody reads: the writer stands still once the window is full, however many round trips later.
      for (let standing = 0, rounds = 0; standing < 3; rounds++) {
        ok(rounds < 500, 'the writer never stopped')
        const before = sent?.writableNeedDrain === true ? written : -1
        await next((await exec(client, 'round trip')).resume(), 'close')
        standing = written === before ? standing + 1 : 0
      }
      ok(written < 16 * 1024 * 1024)
    },
  },
  {
    line: '1.9 signal',
    title: 'signal with and without SIG; an unknown name throws',
    async run(ssh2, world) {
      const names: unknown[] = []
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          session.on('signal', (_accept, _reject, info) => names.push(info.name))
          session.on('exec', (accept) =>
            accept().on('data', function (this: ServerChannel) {
              this.exit(0)
              this.end()
            }),
          )
        }),
      })
      const stream = await exec(client, 'x')
      stream.signal('INT')
      stream.signal('SIGUSR1')
      throws(() => stream.signal('nonsense'), /nonsense/)
      stream.write('go')
      stream.resume()
      await next(stream, 'close')
      deepStrictEqual(names, ['INT', 'USR1'])
    },
  },
  {
    line: 'C45',
    title: 'signal is sent after end() too',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          session.on('exec', (accept) => {
            const stream = accept()
            session.on('signal', () => {
              stream.exit(0)
              stream.end()
            })
          })
        }),
      })
      const stream = await exec(client, 'x')
      stream.end()
      await once(stream, 'finish')
      stream.signal('TERM')
      stream.resume()
      const closed = next(stream, 'close')
      const late = new Promise<unknown[]>((resolve) => setTimeout(resolve, 2000, ['timeout']).unref())
      deepStrictEqual(await Promise.race([closed, late]), [0])
    },
  },
  {
    line: '1.10',
    title: 'a terminal has the documented defaults, and modes by name',
    async run(ssh2, world) {
      const seen: unknown[] = []
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          session.on('pty', (accept, _reject, info) => {
            seen.push({ ...info, modes: { ...info.modes } })
            accept?.()
          })
          session.on('window-change', (_accept, _reject, info) => seen.push({ ...info }))
          session.on('shell', (accept) =>
            accept().on('data', function (this: ServerChannel) {
              this.exit(0)
              this.end()
            }),
          )
        }),
      })
      const stream = await new Promise<import('ssh2').ClientChannel>((resolve, reject) =>
        client.shell({ modes: { ECHO: 0, VINTR: 3 } } as never, (error, made) =>
          error ? reject(error) : resolve(made),
        ),
      )
      stream.setWindow(1, 2, 3, 4)
      stream.write('go')
      stream.resume()
      await next(stream, 'close')
      deepStrictEqual(seen, [
        { term: 'vt100', cols: 80, rows: 24, width: 640, height: 480, modes: { ECHO: 0, VINTR: 3 } },
        { rows: 1, cols: 2, height: 3, width: 4 },
      ])
    },
  },
  {
    line: 'B32 env',
    title: 'env: key and val, and value besides',
    async run(ssh2, world) {
      let info: Record<string, unknown> = {}
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          session.on('env', (accept, _reject, env) => {
            info = env as never
            accept?.()
          })
          session.on('exec', (accept) => accept().end())
        }),
      })
      await exec(client, 'x', { env: { NAME: 'text' } })
      deepStrictEqual(Object.keys(info), ['key', 'val'])
      strictEqual(info['val'], 'text')
      strictEqual(info['key'], 'NAME')
    },
  },
  {
    line: 'C14',
    title: 'env: value, as documented',
    async run(ssh2, world) {
      let value: unknown
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          session.on('env', (_accept, _reject, env) => (value = (env as unknown as { value: string }).value))
          session.on('exec', (accept) => accept().end())
        }),
      })
      await exec(client, 'x', { env: { NAME: 'text' } })
      strictEqual(value, 'text')
    },
  },
  {
    line: 'B37 exec',
    title: 'a refused command: an error',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (_accept, reject) => reject?.())),
      })
      const error = await exec(client, 'x').catch((caught: Error) => caught)
      match((error as Error).message, /Unable to exec/)
    },
  },
  {
    line: 'B37 channel',
    title: 'no session listener: Channel open failure with its reason',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      const error = (await exec(client, 'x').catch((caught: Error) => caught)) as Error & { reason: unknown }
      match(error.message, /Channel open failure/)
      strictEqual(error.reason, 1)
    },
  },
  {
    line: 'B34',
    title: 'stdin and stdout are the channel, on both sides',
    async run(ssh2, world) {
      let served: ServerChannel | undefined
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (accept) => (served = accept()))),
      })
      const stream = await exec(client, 'x')
      strictEqual(stream.stdin, stream)
      strictEqual(stream.stdout, stream)
      strictEqual(served?.stdin as unknown, served)
      strictEqual(typeof served?.stderr.write, 'function')
    },
  },
  {
    line: 'C44',
    title: 'destroy() closes without EOF; close follows',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (accept) => accept().resume())),
      })
      const stream = await exec(client, 'x')
      const closed = next(stream, 'close')
      stream.destroy()
      await closed
    },
  },
]
