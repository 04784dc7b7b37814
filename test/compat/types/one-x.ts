/** A program of the 1.x line, with the names of its declarations; it is compiled, not run. */

import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import {
  type AcceptConnection,
  type Algorithms,
  type AuthContext,
  type AuthenticationType,
  type AuthHandlerMiddleware,
  Client,
  type ClientChannel,
  type ClientErrorExtensions,
  type ClientInfo,
  type ConnectConfig,
  type Connection,
  type ExecInfo,
  type ExecOptions,
  HTTPAgent,
  HTTPSAgent,
  type KeyboardAuthContext,
  type KeyboardInteractiveCallback,
  type NegotiatedAlgorithms,
  type ParsedKey,
  type PasswordAuthContext,
  type Prompt,
  type PseudoTtyInfo,
  type PseudoTtyOptions,
  type PublicKeyAuthContext,
  type RejectConnection,
  Server,
  type ServerChannel,
  type ServerConfig,
  type Session,
  type SetEnvInfo,
  type ShellOptions,
  type SignalInfo,
  type SubsystemInfo,
  type TcpConnectionDetails,
  type TcpipBindInfo,
  type TcpipRequestInfo,
  type UNIXConnectionDetails,
  utils,
  type WindowChangeInfo,
  type X11Details,
  type X11Info,
  type X11Options,
} from '@hawser/ssh2-compat'

const algorithms: Algorithms = {
  kex: ['curve25519-sha256', 'ecdh-sha2-nistp256'],
  cipher: { append: 'aes256-ctr', remove: [/cbc/], prepend: ['aes128-gcm@openssh.com'] },
  hmac: { remove: 'hmac-sha1' },
  serverHostKey: ['ssh-ed25519'],
  compress: ['none'],
}

const handler: AuthHandlerMiddleware = (
  methodsLeft: AuthenticationType[] | null,
  partialSuccess: boolean | null,
  next,
) => {
  if (methodsLeft === null) return next('none')
  if (partialSuccess === true) return next({ type: 'password', username: 'u', password: 'p' })
  if (methodsLeft.includes('publickey'))
    return next({ type: 'publickey', username: 'u', key: readFileSync('key') })
  return next(false)
}

const config: ConnectConfig = {
  host: '127.0.0.1',
  port: 22,
  username: 'u',
  password: 'p',
  privateKey: readFileSync('/key'),
  passphrase: 'secret',
  tryKeyboard: true,
  readyTimeout: 10_000,
  keepaliveInterval: 1000,
  keepaliveCountMax: 3,
  algorithms,
  authHandler: handler,
  hostHash: 'sha256',
  hostVerifier: (hash: string) => hash === 'abc',
  debug: (message: string) => console.log(message),
}
const byCallback: ConnectConfig = {
  hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
    verify(key.length > 0)
  },
}

class Tunnel extends Client {
  readonly opened = Date.now()
}

const client: Client = new Tunnel()
client
  .on('ready', () => {
    const options: ExecOptions = { env: { A: 'b' }, pty: true, x11: { single: true } }
    client.exec('uptime', options, (error: Error | undefined, stream: ClientChannel) => {
      if (error) throw error
      stream
        .on('close', (code: number, signal: string) => console.log(code, signal))
        .on('exit', (code: number | null, signal?: string, dump?: boolean, description?: string) =>
          console.log(code, signal, dump, description),
        )
        .on('data', (data: Buffer) => console.log(data.toString()))
        .stderr.on('data', (data: Buffer) => console.error(data.toString()))
      stream.stdin.write('input')
      stream.setWindow(24, 80, 480, 640)
      stream.signal('INT')
      stream.end('more')
    })
    const window: PseudoTtyOptions = { rows: 10, cols: 20, term: 'xterm', modes: { ECHO: 1 } }
    const surroundings: ShellOptions = { env: { LANG: 'C' } }
    client.shell(window, surroundings, (error, stream) => {
      if (error) return
      stream.pipe(process.stdout)
    })
    client.shell(false, (error, stream) => (error ? undefined : stream.end()))
    client.shell((error, stream) => (error ? undefined : stream.end()))
    const x11: X11Options = { cookie: 'ff', protocol: 'MIT-MAGIC-COOKIE-1', screen: 0 }
    client.exec('xeyes', { x11 }, () => undefined)
    client.subsys('netconf', (error, stream) => (error ? undefined : stream.end()))
    client.forwardOut('127.0.0.1', 1, 'there', 80, (error, stream) => {
      if (error) throw error
      const inner: Duplex = stream
      new Client().connect({ sock: inner, username: 'inner' })
    })
    client.forwardIn('127.0.0.1', 0, (error, port) => {
      if (error) throw error
      const bound: number = port
      client.unforwardIn('127.0.0.1', bound, (failed) => console.log(failed?.message))
    })
    client.openssh_forwardInStreamLocal('/s', (error) => console.log(error))
    client.openssh_unforwardInStreamLocal('/s', (error) => console.log(error))
    client.openssh_forwardOutStreamLocal('/s', (error, stream) => (error ? undefined : stream.end()))
    client.openssh_noMoreSessions((error) => console.log(error))
    client.setNoDelay(true).end().destroy()
  })
  .on(
    'tcp connection',
    (details: TcpConnectionDetails, accept: AcceptConnection, reject: RejectConnection) => {
      if (details.destPort === 1) reject()
      else accept().end(details.srcIP)
    },
  )
  .on('unix connection', (details: UNIXConnectionDetails, accept) => accept().end(details.socketPath))
  .on('x11', (details: X11Details, accept) => accept().end(details.srcIP))
  .on(
    'keyboard-interactive',
    (name, instructions, lang, prompts: Prompt[], finish: KeyboardInteractiveCallback) =>
      finish(prompts.map(({ prompt }) => name + instructions + lang + prompt)),
  )
  .on('change password', (prompt: string, done: (password: string) => void) => done(prompt))
  .on('handshake', (negotiated: NegotiatedAlgorithms) => console.log(negotiated.kex, negotiated.cs.cipher))
  .on('hostkeys', (keys: ParsedKey[]) => console.log(keys[0]?.type))
  .on('banner', (message) => console.log(message.length))
  .on('error', (error: Error & ClientErrorExtensions) => console.log(error.level, error.description))
  .once('end', () => undefined)
  .on('close', () => undefined)
  .on('an event of its own', (one: number, two: string) => console.log(one, two))
client.connect(config)
client.connect(byCallback)

const serverConfig: ServerConfig = {
  hostKeys: ['pem', readFileSync('key'), { key: 'pem', passphrase: 'secret' }],
  banner: 'hello',
  greeting: 'hi',
  ident: 'mine',
  algorithms,
}
const server: Server = new Server(serverConfig, (connection: Connection, info: ClientInfo) => {
  console.log(info.ip, info.port, info.family, info.header.identRaw, info.header.versions.software)
  connection
    .on('authentication', (ctx: AuthContext) => {
      switch (ctx.method) {
        case 'none':
        case 'hostbased':
          return ctx.reject(['password', 'publickey'], false)
        case 'password': {
          const password: PasswordAuthContext = ctx
          if (password.password === 'p') return ctx.accept()
          return password.requestChange('new one?', (fresh) => (fresh ? ctx.accept() : ctx.reject()))
        }
        case 'publickey': {
          const asked: PublicKeyAuthContext = ctx
          const key = utils.parseKey(asked.key.data)
          if (key instanceof Error) return ctx.reject()
          if (asked.signature && key.verify(asked.blob as Buffer, asked.signature, asked.hashAlgo) !== true)
            return ctx.reject()
          return ctx.accept()
        }
        case 'keyboard-interactive': {
          const asked: KeyboardAuthContext = ctx
          asked.prompt([{ prompt: 'Password: ', echo: false }], 'Title', (answers) => {
            if (Array.isArray(answers) && answers[0] === 'p') ctx.accept()
            else ctx.reject()
          })
          return undefined
        }
      }
    })
    .on('ready', () => {
      connection.on('session', (accept: AcceptConnection<Session>) => {
        const session: Session = accept()
        session
          .on('pty', (yes, _no, pty: PseudoTtyInfo) => (pty.cols > 0 ? yes() : undefined))
          .on('window-change', (_yes, _no, size: WindowChangeInfo) => console.log(size.rows))
          .on('env', (yes, _no, env: SetEnvInfo) => (env.key === env.val ? yes() : undefined))
          .on('x11', (yes, _no, x11: X11Info) => (x11.screen === 0 ? yes() : undefined))
          .on('signal', (_yes, _no, signal: SignalInfo) => console.log(signal.name))
          .on('subsystem', (yes, _no, asked: SubsystemInfo) => yes().end(asked.name))
          .on('shell', (yes) => yes().end('no shell'))
          .on('exec', (yes, no, asked: ExecInfo) => {
            if (asked.command === '') return no()
            const stream: ServerChannel = yes()
            stream.stderr.write('oh no')
            stream.exit(0)
            stream.exit('SIGKILL', true, 'why')
            return stream.end()
          })
      })
      connection.on('tcpip', (accept, _reject, asked: TcpipRequestInfo) => accept().end(asked.destIP))
      connection.on('request', (accept, reject, name, asked: TcpipBindInfo) => {
        if (name === 'tcpip-forward') accept?.(asked.bindPort)
        else reject?.()
      })
      connection.forwardOut('a', 1, 'b', 2, (error, channel) => (error ? undefined : channel.end()))
      connection.x11('a', 1, (error, channel) => (error ? undefined : channel.end()))
      connection.rekey(() => undefined)
    })
    .on('close', () => connection.end())
})
server.listen(0, '127.0.0.1', () => console.log(server.address()))
server.getConnections((_error, count) => console.log(count))
server.close(() => undefined)

const pair = utils.generateKeyPairSync('ecdsa', { bits: 256, comment: 'c' })
utils.generateKeyPair('ed25519', { passphrase: 'p', cipher: 'aes256-ctr', rounds: 16 }, (error, keys) =>
  console.log(error, keys.private, keys.public),
)
const parsed = utils.parseKey(pair.private, 'passphrase')
if (!(parsed instanceof Error)) {
  const publicKey: Buffer = parsed.getPublicSSH()
  console.log(parsed.isPrivateKey(), parsed.getPublicPEM(), parsed.equals(publicKey), parsed.comment)
}
console.log(utils.sftp.STATUS_CODE.NO_SUCH_FILE, utils.sftp.OPEN_MODE.READ, utils.sftp.stringToFlags('r'))

export const agents: [HTTPAgent, HTTPSAgent] = [
  new HTTPAgent(config, { srcIP: '127.0.0.1', keepAlive: true }),
  new HTTPSAgent(config, { rejectUnauthorized: false }),
]
