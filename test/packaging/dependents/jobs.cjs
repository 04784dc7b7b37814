/**
 * What packages that depend on `ssh2` are asked to do with ours in its place: one row per package, one line per job.
 * A job gets `load` (require from the project they are installed in), `target` (options of a login at a real sshd),
 * `web` (a web server that only sshd is asked to reach, which answers `served`) and `folder` (empty, for files).
 * It throws for anything that is not as the package promises.
 */

const { deepStrictEqual: same, match, ok, rejects } = require('node:assert/strict')
const http = require('node:http')
const net = require('node:net')

/** The whole answer of a GET by `options` of node:http. */
function get(options) {
  return new Promise((resolve, reject) => {
    http
      .get(options, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      })
      .on('error', reject)
  })
}

/** Everything that `stream` gives until it contains `wanted`. */
function until(stream, wanted) {
  return new Promise((resolve, reject) => {
    let text = ''
    stream.on('data', (chunk) => {
      text += chunk
      if (text.includes(wanted)) resolve(text)
    })
    stream.on('close', () => reject(new Error(`closed before ${wanted}; it gave ${text}`)))
    stream.on('error', reject)
  })
}

/** A login by node-ssh, disposed of after `use`. */
async function withNodeSsh({ load, target }, use) {
  const { NodeSSH } = load('node-ssh')
  const ssh = new NodeSSH()
  await ssh.connect(target)
  try {
    await use(ssh)
  } finally {
    ssh.dispose()
  }
}

/** A login by ssh2-promise, closed after `use`. */
async function withSsh2Promise({ load, target }, use) {
  const SSH2Promise = load('ssh2-promise')
  const ssh = new SSH2Promise({ ...target, reconnect: false })
  await ssh.connect()
  try {
    await use(ssh)
  } finally {
    await ssh.close()
  }
}

exports.dependents = {
  'node-ssh': {
    version: '13.2.1',
    jobs: {
      'connect, execCommand': (t) =>
        withNodeSsh(t, async (ssh) => {
          ok(ssh.isConnected())
          const { stdout, stderr, code, signal } = await ssh.execCommand('echo out; echo err >&2; exit 3')
          same([stdout, stderr, code, signal], ['out', 'err', 3, null])
        }),
      'execCommand with input, folder and callbacks': (t) =>
        withNodeSsh(t, async (ssh) => {
          const seen = []
          const options = { cwd: '/', stdin: 'given\n', onStdout: (chunk) => seen.push(String(chunk)) }
          const { stdout } = await ssh.execCommand('pwd; cat', options)
          same([stdout, seen.join('')], ['/\ngiven', '/\ngiven\n'])
        }),
      'exec with arguments that need quotes': (t) =>
        withNodeSsh(t, async (ssh) => {
          same(await ssh.exec('printf', ['%s|', 'a b', "it's"]), "a b|it's|")
          await rejects(ssh.exec('sh', ['-c', 'echo bad >&2']), /bad/)
        }),
      requestShell: (t) =>
        withNodeSsh(t, async (ssh) => {
          const shell = await ssh.requestShell({ term: 'vt100' })
          const seen = until(shell, 'sum=42')
          shell.write('echo sum=$((6*7))\n')
          await seen
          shell.end('exit\n')
        }),
      forwardOut: (t) =>
        withNodeSsh(t, async (ssh) => {
          const stream = await ssh.forwardOut('127.0.0.1', 1, '127.0.0.1', t.web)
          same(await get({ createConnection: () => stream }), 'served')
        }),
      forwardIn: (t) =>
        withNodeSsh(t, async (ssh) => {
          const { port, dispose } = await ssh.forwardIn('127.0.0.1', 0, (_details, accept) =>
            accept().end('forwarded'),
          )
          same(await until(net.connect(port, '127.0.0.1'), 'forwarded'), 'forwarded')
          await dispose()
        }),
      'a login that is refused': async ({ load, target }) => {
        const { NodeSSH } = load('node-ssh')
        const wrong = { ...target, username: 'nobody-of-this-name' }
        await rejects(new NodeSSH().connect(wrong), {
          level: 'client-authentication',
          message: 'All configured authentication methods failed',
        })
      },
    },
  },
  'ssh2-sftp-client': {
    version: '12.1.1',
    jobs: {
      'a login and a command on its connection': ({ load, target }) =>
        new Promise((resolve, reject) => {
          const Sftp = load('ssh2-sftp-client')
          const { client } = new Sftp()
          client.on('error', reject).on('close', resolve)
          client.on('ready', () =>
            client.exec('echo ready', (error, stream) => {
              if (error) return reject(error)
              until(stream, 'ready\n').then(() => client.end(), reject)
            }),
          )
          client.connect(target)
        }),
    },
  },
  'tunnel-ssh': {
    version: '5.2.0',
    jobs: {
      'a local port to a server behind sshd': async ({ load, target, web }) => {
        const { createTunnel } = load('tunnel-ssh')
        const forward = { dstAddr: '127.0.0.1', dstPort: web }
        const listen = { host: '127.0.0.1', port: 0, exclusive: true }
        const [server, connection] = await createTunnel({ autoClose: true }, listen, target, forward)
        const closed = new Promise((resolve) => connection.on('close', resolve))
        // Without a port it listens where it likes.
        same(await get({ port: server.address().port, agent: false }), 'served')
        await closed
      },
    },
  },
  'ssh2-promise': {
    version: '1.0.3',
    jobs: {
      'connect, exec': (t) =>
        withSsh2Promise(t, async (ssh) => {
          same(await ssh.exec('echo', ['one', 'two']), 'one two\n')
          await rejects(
            ssh.exec('echo bad >&2').catch((words) => Promise.reject(new Error(words))),
            /bad/,
          )
        }),
      'spawn in a terminal': (t) =>
        withSsh2Promise(t, async (ssh) => {
          const stream = await ssh.spawn('tty', [], { pty: true })
          match(await until(stream, '\n'), /^\/dev\//)
        }),
      'a tunnel': (t) =>
        withSsh2Promise(t, async (ssh) => {
          const { localPort } = await ssh.addTunnel({ remoteAddr: '127.0.0.1', remotePort: t.web })
          same(await get({ port: localPort, host: '127.0.0.1', agent: false }), 'served')
        }),
      'two hops': async ({ load, target }) => {
        const SSH2Promise = load('ssh2-promise')
        const hop = (uniqueId) => ({ ...target, uniqueId, reconnect: false, hoppingTool: 'native' })
        const ssh = new SSH2Promise([hop('first'), hop('second')])
        same(await ssh.exec('echo hopped'), 'hopped\n')
        await ssh.close()
      },
    },
  },
  'simple-ssh': {
    version: '1.1.1',
    jobs: {
      'two commands in a row': ({ load, target }) =>
        new Promise((resolve, reject) => {
          const SSH = load('simple-ssh')
          const results = []
          const exit = (code, stdout, stderr) => {
            results.push([code, stdout, stderr])
            if (results.length < 2) return
            try {
              same(results, [
                [0, 'given', ''],
                [3, '', 'bad\n'],
              ])
              resolve()
            } catch (error) {
              reject(error)
            }
          }
          const { host, port, username: user, privateKey: key } = target
          new SSH({ host, port, user, key, baseDir: '/' })
            .exec('cat', { in: 'given', exit })
            .exec('echo bad >&2; exit 3', { exit })
            .start({ fail: reject })
        }),
    },
  },
  'docker-modem': {
    version: '5.0.7',
    jobs: {
      'a request to docker behind sshd': ({ load, target }) =>
        new Promise((resolve, reject) => {
          const Modem = load('docker-modem')
          const { host, port, username, privateKey } = target
          const modem = new Modem({ protocol: 'ssh', host, port, username, sshOptions: { privateKey } })
          const options = { path: '/version', method: 'GET', statusCodes: { 200: true } }
          modem.dial(options, (error, answer) => {
            if (error) return reject(error)
            try {
              same(answer, { Version: 'pretended' })
              resolve()
            } catch (wrong) {
              reject(wrong)
            }
          })
        }),
    },
  },
  // Written for ssh2 0.4.
  'ssh-exec': {
    version: '2.0.0',
    jobs: {
      'a command, its two outputs, its failure': ({ load, target }) =>
        new Promise((resolve, reject) => {
          const exec = load('ssh-exec')
          const { host, port, username: user, privateKey: key } = target
          const options = { host, port, user, key: Buffer.from(key) }
          exec('echo out; echo err >&2', options, (error, stdout, stderr) => {
            if (error) return reject(error)
            // By its event: its callback may come with the end of the output, before the exit code.
            const failing = exec('exit 4', options)
            failing.resume().on('error', ({ code }) => {
              try {
                same([stdout, stderr, code], ['out\n', 'err\n', 4])
                resolve()
              } catch (wrong) {
                reject(wrong)
              }
            })
          })
        }),
    },
  },
  // Written for ssh2 0.2, whose module was the constructor.
  'remote-exec': {
    version: '0.0.3',
    jobs: {
      'two commands in a row': ({ load, target }) =>
        new Promise((resolve, reject) => {
          const remoteExec = load('remote-exec')
          let text = ''
          const stdout = {
            write: (chunk) => {
              text += chunk
            },
          }
          const { host, port, username, privateKey } = target
          const options = { port, username, privateKey, stdout, stderr: stdout }
          remoteExec(host, ['echo one', 'echo two'], options, (error) => {
            if (error) return reject(error)
            try {
              same(text, 'one\ntwo\n')
              resolve()
            } catch (wrong) {
              reject(wrong)
            }
          })
        }),
    },
  },
}
