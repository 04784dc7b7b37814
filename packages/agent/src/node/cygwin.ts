/** Agents of Cygwin and MSYS2: their Unix sockets are files that name a TCP port on loopback and a secret. */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { AgentError } from '../errors.ts'

/** Longest socket file that is read, in bytes; real ones have some 60. */
const mostBytes = 1024

/** Bytes of the secret, and of the process, user and group number that follow it. */
const secretSize = 16
const credentialsSize = 12

/**
 * Connects to the agent whose socket file is at `path`; POSIX paths are translated by `cygpath` on Windows. The secret goes both ways, then
 * our numbers (a process id; user and group are 0, Windows has none) against the agent's. Rejects with {@link AgentError}.
 */
export async function connectCygwin(path: string): Promise<Socket> {
  const { port, secret } = await readSocketFile(path)
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  const unreachable = (cause: unknown): AgentError =>
    new AgentError(
      'SSH_AGENT_UNREACHABLE',
      `cannot reach the Cygwin agent of ${path} at 127.0.0.1 port ${port}: ${(cause as Error).message}`,
      { cause },
    )
  try {
    await once(socket, 'connect')
    socket.write(secret)
    const echo = await exactly(socket, secretSize)
    if (!echo.equals(secret)) throw new Error('it does not know the secret of its socket file')
    const numbers = Buffer.alloc(credentialsSize)
    numbers.writeUInt32LE(process.pid, 0)
    socket.write(numbers)
    await exactly(socket, credentialsSize)
    return socket
  } catch (error) {
    socket.destroy()
    throw unreachable(error)
  }
}

interface SocketFile {
  readonly port: number
  readonly secret: Buffer
}

/** `!<socket >`, the port, `s` for a stream, and the secret as four little-endian words in hexadecimal. */
export function parseSocketFile(text: string): SocketFile | undefined {
  const [, digits = '', words = ''] =
    /^!<socket >(\d{1,5}) s ([0-9A-F]{8}-[0-9A-F]{8}-[0-9A-F]{8}-[0-9A-F]{8})/i.exec(text) ?? []
  const port = Number(digits)
  if (words === '' || port < 1 || port > 65_535) return undefined
  const secret = Buffer.alloc(secretSize)
  words.split('-').forEach((word, at) => void secret.writeUInt32LE(Number.parseInt(word, 16), at * 4))
  return { port, secret }
}

async function readSocketFile(path: string): Promise<SocketFile> {
  let text: string
  try {
    const file = process.platform === 'win32' && path.startsWith('/') ? await windowsPath(path) : path
    if ((await stat(file)).size > mostBytes) throw new Error('it is too long to be one')
    text = await readFile(file, 'latin1')
  } catch (cause) {
    throw new AgentError(
      'SSH_AGENT_UNREACHABLE',
      `cannot read the Cygwin socket file ${path}: ${(cause as Error).message}`,
      { cause },
    )
  }
  const parsed = parseSocketFile(text)
  if (parsed === undefined)
    throw new AgentError('SSH_AGENT_UNREACHABLE', `${path} is not the socket file of a Cygwin agent`)
  return parsed
}

function windowsPath(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('cygpath', ['-w', '--', path], { encoding: 'utf8', windowsHide: true }, (error, stdout) => {
      if (error === null) resolve(stdout.trim())
      else
        reject(new Error(`cygpath, which translates POSIX paths, failed: ${error.message}`, { cause: error }))
    })
  })
}

/** The next `count` bytes; what follows stays in the socket. */
async function exactly(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null
    if (bytes?.length === count) return bytes
    if (bytes !== null || socket.readableEnded || socket.destroyed)
      throw new Error('it closed the connection during the greeting')
    await Promise.race([once(socket, 'readable'), once(socket, 'close')])
  }
}
