/** Connections in worker threads: many side by side, threads that are ended in the middle, and threads that end by themselves. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Client, connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { type Listener, listen } from '@hawser/server/node'
import { sharedKeyFile } from '@hawser/test-kit'
import { expect, test } from 'vitest'
import type { WorkerSide } from './programs/worker-side.ts'

const host = sharedKeyFile('ed25519', 'host')
const user = sharedKeyFile('ed25519', 'user')

function startWorker(side: Partial<WorkerSide> & Pick<WorkerSide, 'role'>): Worker {
  const program = new URL('programs/worker-side.ts', import.meta.url).href
  // Threads do not take over what was registered for this one.
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(program)}) })`
  return new Worker(code, {
    eval: true,
    execArgv: ['--conditions=@hawser/source'],
    workerData: {
      ...{ port: 0, bytes: 0, host: host.publicLine },
      key: side.role === 'client' ? user.privateText : host.privateText,
      ...side,
    } satisfies WorkerSide,
  })
}

/** Serves an echo; `errors` are those of its connections. */
async function serve(errors: Error[]): Promise<Listener> {
  return listen({
    port: 0,
    hostKeys: [parsePrivateKey(host.privateText)],
    auth: { publickey: () => true },
    onReady: (connection) => {
      void connection.session.closed.then(() => {
        if (connection.session.error !== undefined) errors.push(connection.session.error)
      })
    },
    onSession: (session) => {
      session.onExec((exec) => {
        const program = exec.accept()
        void program.stdin
          .pipeTo(program.stdout)
          .then(() => program.exit(0))
          .catch(() => undefined) // the connection's own error tells of it
      })
    },
  })
}

function login(port: number): Promise<Client> {
  return connect({
    ...{ host: '127.0.0.1', port, user: 'somebody' },
    auth: [{ method: 'publickey', signer: parsePrivateKey(user.privateText) }],
    hostKey: { keys: [parsePublicKey(host.publicLine)] },
  })
}

test('four clients in threads of their own get everything, and their threads end by themselves', async () => {
  const errors: Error[] = []
  await using server = await serve(errors)
  const bytes = 4 * 1_048_576
  const outcomes = await Promise.all(
    [0, 1, 2, 3].map(async () => {
      const worker = startWorker({ role: 'client', port: server.port, bytes })
      const told: unknown[] = []
      worker.on('message', (message) => told.push(message))
      const [code] = await once(worker, 'exit')
      return { code, told }
    }),
  )
  for (const outcome of outcomes)
    expect(outcome).toEqual({ code: 0, told: ['data', { count: bytes, same: true }] })
  expect(errors).toEqual([])
})

test('a client whose thread is ended in the middle: one error at the server, and nobody else notices', async () => {
  const errors: Error[] = []
  await using server = await serve(errors)
  await using other = await login(server.port)
  const worker = startWorker({ role: 'client', port: server.port, bytes: Number.POSITIVE_INFINITY })
  await once(worker, 'message')
  await worker.terminate()
  await expect.poll(() => errors.length).toBe(1)
  expect(errors[0]).toMatchObject({ code: 'SSH_CONNECTION_LOST', phase: 'ready' })
  const program = await other.exec('echo')
  expect((await program.text('still here')).stdout).toBe('still here')
  expect(errors).toHaveLength(1)
})

test('a server whose thread is ended in the middle: what the client waits for gets the one error, once', async () => {
  const worker = startWorker({ role: 'server' })
  const [port] = (await once(worker, 'message')) as [number]
  const client = await login(port)
  const program = await client.exec('echo')
  const waiting = program.text().then(
    () => undefined,
    (error: unknown) => error,
  )
  await worker.terminate()
  expect(await waiting).toMatchObject({ code: 'SSH_CONNECTION_LOST' })
  await client.closed
  expect(client.session.error).toMatchObject({ code: 'SSH_CONNECTION_LOST', phase: 'ready' })
  await expect(client.exec('echo')).rejects.toMatchObject({ code: expect.stringMatching(/^SSH_/) })
})
