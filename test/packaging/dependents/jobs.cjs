/**
 * What packages that depend on `ssh2` are asked to do with ours in its place: one row per package, one line per job.
 * A job gets `load` (require from the project they are installed in), `target` (options of a login at a real sshd),
 * `web` (a web server that only sshd is asked to reach, which answers `served`) and `folder` (empty, for files).
 * It throws for anything that is not as the package promises.
 */

const { deepStrictEqual: same, match, ok, rejects } = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const { join } = require('node:path')
const { Writable } = require('node:stream')
const { setTimeout } = require('node:timers/promises')
const { isDeepStrictEqual } = require('node:util')

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

/** A login by ssh2-sftp-client, ended after `use`, which also gets two folders: the server's and ours. */
async function withSftp({ load, target, folder }, use) {
  const Client = load('ssh2-sftp-client')
  const sftp = new Client('test')
  await sftp.connect({ ...target, retries: 0 })
  const remote = join(folder, 'remote')
  const local = join(folder, 'local')
  fs.mkdirSync(remote)
  fs.mkdirSync(local)
  try {
    await use(sftp, remote, local)
  } finally {
    await sftp.end()
  }
}

/** A file with content of that many bytes, which is given back. */
function fileOf(path, bytes) {
  const content = randomBytes(bytes)
  fs.writeFileSync(path, content)
  return content
}

/** Files and folders below `folder`: sizes by their paths, null for a folder. */
function tree(folder) {
  const paths = fs.readdirSync(folder, { recursive: true }).sort()
  return paths.map((path) => {
    const stats = fs.statSync(join(folder, path))
    return [path, stats.isDirectory() ? null : stats.size]
  })
}

/** A folder of files, with folders in it. */
function makeTree(folder) {
  for (const path of ['a', 'a/b', 'a/empty', 'c']) fs.mkdirSync(join(folder, path))
  fileOf(join(folder, 'one'), 1)
  fileOf(join(folder, 'a', 'two'), 100_000)
  fileOf(join(folder, 'a', 'b', 'three'), 0)
  fileOf(join(folder, 'c', 'four.txt'), 40_000)
}

/**
 * ssh2-sftp-client calls a `get` done at the end of reading, when the local file may still have to
 * be opened or the last of it be written: what holds has two seconds to come about.
 */
async function soon(holds) {
  for (const end = Date.now() + 2000; Date.now() < end && !holds(); ) await setTimeout(5)
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
      'putFile, getFile': (t) =>
        withNodeSsh(t, async (ssh) => {
          const content = fileOf(join(t.folder, 'file'), 2_000_001)
          await ssh.putFile(join(t.folder, 'file'), join(t.folder, 'there', 'file'))
          ok(content.equals(fs.readFileSync(join(t.folder, 'there', 'file'))))
          await ssh.getFile(join(t.folder, 'back'), join(t.folder, 'there', 'file'))
          ok(content.equals(fs.readFileSync(join(t.folder, 'back'))))
          await rejects(ssh.getFile(join(t.folder, 'x'), join(t.folder, 'nothing')), /No such file/)
        }),
      'putFiles, putDirectory, getDirectory, mkdir': (t) =>
        withNodeSsh(t, async (ssh) => {
          const local = join(t.folder, 'local')
          fs.mkdirSync(local)
          makeTree(local)
          const pairs = ['one', join('c', 'four.txt')].map((name) => ({
            local: join(local, name),
            remote: join(t.folder, 'files', name),
          }))
          await ssh.putFiles(pairs)
          same(tree(join(t.folder, 'files')), [
            ['c', null],
            [join('c', 'four.txt'), 40_000],
            ['one', 1],
          ])
          const failures = []
          const tick = (_from, _to, error) => error && failures.push(error)
          ok(await ssh.putDirectory(local, join(t.folder, 'there'), { recursive: true, tick }))
          same(failures, [])
          same(tree(join(t.folder, 'there')), tree(local))
          fs.mkdirSync(join(t.folder, 'back'))
          ok(await ssh.getDirectory(join(t.folder, 'back'), join(t.folder, 'there'), { tick }))
          same(failures, [])
          same(tree(join(t.folder, 'back')), tree(local))
          await ssh.mkdir(join(t.folder, 'made', 'by', 'sftp'), 'sftp')
          ok(fs.statSync(join(t.folder, 'made', 'by', 'sftp')).isDirectory())
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
      'sftp: files, streams, listings': (t) =>
        withSsh2Promise(t, async (ssh) => {
          const sftp = ssh.sftp()
          await sftp.writeFile(join(t.folder, 'file'), 'content')
          same(String(await sftp.readFile(join(t.folder, 'file'))), 'content')
          same(
            (await sftp.readdir(t.folder)).map(({ filename }) => filename),
            ['file'],
          )
          const stream = await sftp.createReadStream(join(t.folder, 'file'))
          same(await until(stream, 'content'), 'content')
          await sftp.unlink(join(t.folder, 'file'))
          await rejects(sftp.stat(join(t.folder, 'file')))
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
      'put and get: buffers, files, streams': (t) =>
        withSftp(t, async (sftp, remote, local) => {
          const content = fileOf(join(local, 'big'), 3_000_001)
          await sftp.put(Buffer.from('a buffer'), join(remote, 'buffer'))
          await sftp.put(join(local, 'big'), join(remote, 'file'))
          await sftp.put(fs.createReadStream(join(local, 'big')), join(remote, 'stream'))
          same(fs.readFileSync(join(remote, 'buffer'), 'utf8'), 'a buffer')
          for (const name of ['file', 'stream']) {
            ok(content.equals(fs.readFileSync(join(remote, name))))
            ok(content.equals(await sftp.get(join(remote, name))))
            await sftp.get(join(remote, name), join(local, name))
            await soon(
              () => fs.statSync(join(local, name), { throwIfNoEntry: false })?.size === content.length,
            )
            ok(content.equals(fs.readFileSync(join(local, name))))
          }
          const chunks = []
          const write = (chunk, _encoding, done) => {
            chunks.push(chunk)
            done()
          }
          await sftp.get(join(remote, 'file'), new Writable({ write }))
          ok(content.equals(Buffer.concat(chunks)))
          await rejects(sftp.get(join(remote, 'nothing')), { code: 2 })
          await rejects(sftp.put(Buffer.from('x'), join(remote, 'no', 'folder')), { code: 2 })
        }),
      'fastPut and fastGet, with options': (t) =>
        withSftp(t, async (sftp, remote, local) => {
          const content = fileOf(join(local, 'big'), 5_000_001)
          const steps = []
          const step = (total, chunk, size) => steps.push([total, chunk, size])
          await sftp.fastPut(join(local, 'big'), join(remote, 'big'), { step, mode: 0o600 })
          ok(content.equals(fs.readFileSync(join(remote, 'big'))))
          same(fs.statSync(join(remote, 'big')).mode & 0o777, 0o600)
          same(steps.at(-1)[0], content.length)
          same(
            steps.reduce((sum, [, chunk]) => sum + chunk, 0),
            content.length,
          )
          const options = { concurrency: 8, chunkSize: 20_000, step }
          await sftp.fastGet(join(remote, 'big'), join(local, 'back'), options)
          ok(content.equals(fs.readFileSync(join(local, 'back'))))
          same([steps.at(-1)[0], steps.at(-1)[2]], [content.length, content.length])
          fileOf(join(local, 'empty'), 0)
          await sftp.fastPut(join(local, 'empty'), join(remote, 'empty'))
          await sftp.fastGet(join(remote, 'empty'), join(local, 'empty2'))
          same(fs.readFileSync(join(local, 'empty2')).length, 0)
          await rejects(sftp.fastGet(join(remote, 'nothing'), join(local, 'n')), { code: 'ERR_BAD_PATH' })
        }),
      'uploadDir and downloadDir': (t) =>
        withSftp(t, async (sftp, remote, local) => {
          makeTree(local)
          for (const useFastput of [false, true]) {
            const there = join(remote, `up-${useFastput}`)
            const back = join(remote, `back-${useFastput}`)
            fs.mkdirSync(back)
            await sftp.uploadDir(local, there, { useFastput })
            same(tree(there), tree(local))
            await sftp.downloadDir(there, back, { useFastget: useFastput })
            await soon(() => isDeepStrictEqual(tree(back), tree(local)))
            same(tree(back), tree(local))
          }
          const filter = (path, isDirectory) => isDirectory || path.endsWith('.txt')
          await sftp.uploadDir(local, join(remote, 'some'), { filter })
          same(
            tree(join(remote, 'some')).filter(([, size]) => size !== null),
            [[join('c', 'four.txt'), 40_000]],
          )
        }),
      'list, exists, stat, lstat, realPath, cwd': (t) =>
        withSftp(t, async (sftp, remote) => {
          makeTree(remote)
          fs.symlinkSync('one', join(remote, 'link'))
          const names = async (filter) =>
            (await sftp.list(remote, filter)).map(({ type, name, size }) => [
              type,
              name,
              type === '-' ? size : 0,
            ])
          same((await names()).sort(), [
            ['-', 'one', 1],
            ['d', 'a', 0],
            ['d', 'c', 0],
            ['l', 'link', 0],
          ])
          same(await names(({ name }) => name === 'one'), [['-', 'one', 1]])
          const [entry] = await sftp.list(remote, ({ name }) => name === 'one')
          same([entry.rights, entry.owner, entry.group].length, 3)
          same(await sftp.exists(join(remote, 'a')), 'd')
          same(await sftp.exists(join(remote, 'one')), '-')
          same(await sftp.exists(join(remote, 'link')), 'l')
          same(await sftp.exists(join(remote, 'nothing')), false)
          const stats = await sftp.stat(join(remote, 'link'))
          same([stats.isFile, stats.isSymbolicLink, stats.size], [true, false, 1])
          same((await sftp.lstat(join(remote, 'link'))).isSymbolicLink, true)
          const written = fs.statSync(join(remote, 'one'))
          same(stats.modifyTime, Math.floor(written.mtimeMs / 1000) * 1000)
          same(await sftp.realPath(join(remote, 'a', '..', 'c')), join(fs.realpathSync(remote), 'c'))
          ok((await sftp.cwd()).startsWith('/'))
          await rejects(sftp.stat(join(remote, 'nothing')), { code: 'ENOENT' })
        }),
      'append, rename, posixRename, rcopy, delete': (t) =>
        withSftp(t, async (sftp, remote) => {
          await sftp.put(Buffer.from('one'), join(remote, 'file'))
          await sftp.append(Buffer.from(' two'), join(remote, 'file'))
          same(fs.readFileSync(join(remote, 'file'), 'utf8'), 'one two')
          await sftp.rename(join(remote, 'file'), join(remote, 'moved'))
          same(tree(remote), [['moved', 7]])
          await sftp.put(Buffer.from('old'), join(remote, 'old'))
          await sftp.posixRename(join(remote, 'moved'), join(remote, 'old'))
          same(tree(remote), [['old', 7]])
          await sftp.rcopy(join(remote, 'old'), join(remote, 'copy'))
          same(fs.readFileSync(join(remote, 'copy'), 'utf8'), 'one two')
          await sftp.delete(join(remote, 'old'))
          await sftp.delete(join(remote, 'copy'))
          same(tree(remote), [])
          await rejects(sftp.delete(join(remote, 'old')), { code: 2 })
          await sftp.delete(join(remote, 'old'), true)
        }),
      'mkdir, rmdir, chmod': (t) =>
        withSftp(t, async (sftp, remote) => {
          await sftp.mkdir(join(remote, 'x', 'y', 'z'), true)
          await sftp.put(Buffer.from('1'), join(remote, 'x', 'y', 'file'))
          await sftp.chmod(join(remote, 'x', 'y', 'file'), 0o640)
          same(fs.statSync(join(remote, 'x', 'y', 'file')).mode & 0o777, 0o640)
          await rejects(sftp.rmdir(join(remote, 'x')))
          await sftp.rmdir(join(remote, 'x'), true)
          same(tree(remote), [])
          await rejects(sftp.mkdir(join(remote, 'p', 'q')))
        }),
      'createReadStream, createWriteStream': (t) =>
        withSftp(t, async (sftp, remote) => {
          const out = sftp.createWriteStream(join(remote, 'file'))
          const content = randomBytes(1_500_000)
          await new Promise((resolve, reject) => {
            out.on('error', reject).on('close', resolve)
            for (let at = 0; at < content.length; at += 10_000) out.write(content.subarray(at, at + 10_000))
            out.end()
          })
          const chunks = []
          for await (const chunk of sftp.createReadStream(join(remote, 'file'))) chunks.push(chunk)
          ok(content.equals(Buffer.concat(chunks)))
          const some = []
          const range = { start: 1000, end: 1999 }
          for await (const chunk of sftp.createReadStream(join(remote, 'file'), range)) some.push(chunk)
          ok(content.subarray(1000, 2000).equals(Buffer.concat(some)))
        }),
      '120 files, eight side by side': (t) =>
        withSftp(t, async (sftp, remote) => {
          // Each call listens on the connection, which more than ten would be warned of.
          for (let round = 0; round < 15; round++) {
            const names = Array.from({ length: 8 }, (_none, at) => `file-${round}-${at}`)
            await Promise.all(names.map((name) => sftp.put(Buffer.from(name), join(remote, name))))
            const texts = await Promise.all(names.map((name) => sftp.get(join(remote, name))))
            same(
              texts.map((text) => text.toString()),
              names,
            )
          }
        }),
    },
  },
}
